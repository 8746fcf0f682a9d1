"""What a suite's report is worth: which failures end the run, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.fuzzing import read_junit
from tests.conformance.report import Check, Level, Verdict, read_known, read_report
from tests.conformance.suites import HERE, SUITES, Suite, Target, run_suite


def failing(level: Level, name: str = "a rule") -> Check:
    return Check(name=name, level=level, ok=False, detail="because")


def verdict(*checks: Check, **known: str) -> Verdict:
    return Verdict("ws (fixture)", checks, known)


def test_a_must_that_fails_cannot_be_excused() -> None:
    broken = failing(Level.MUST, "rule")
    assert verdict(broken, rule="we know").failures == (broken,)


def test_a_should_may_fail_only_when_it_is_known() -> None:
    broken = failing(Level.SHOULD, "rule")
    assert verdict(broken).failures == (broken,)
    assert verdict(broken, rule="we know").failures == ()


def test_a_may_never_ends_a_run() -> None:
    assert verdict(failing(Level.MAY)).failures == ()


def test_what_is_known_and_does_not_fail_is_told() -> None:
    holding = Check(name="rule", level=Level.SHOULD, ok=True)
    assert verdict(holding, rule="we know").outdated == ("rule",)
    assert "take it off the list: rule" in verdict(holding, rule="we know").details()[0]


@given(st.lists(st.tuples(st.sampled_from(Level), st.booleans()), max_size=30))
def test_the_line_counts_every_check_of_a_level(given_checks: list[tuple[Level, bool]]) -> None:
    checks = [Check(name="x", level=level, ok=ok) for level, ok in given_checks]
    found = verdict(*checks)
    words = found.line().replace("/", " ").split()
    assert words[0] == ("FAILED" if found.failures else "ok")
    for level in {check.level for check in checks}:
        place = words.index(level)
        of_level = [check.ok for check in checks if check.level is level]
        assert [int(word) for word in words[place + 1 : place + 3]] == [sum(of_level), len(of_level)]


def test_a_suite_without_a_report_fails_and_says_what_it_printed(tmp_path: Path) -> None:
    (check,) = read_report(tmp_path / "none.json", 1, "SyntaxError: no")
    assert (check.ok, check.level, check.detail) == (False, Level.MUST, "SyntaxError: no")


def test_a_suite_that_lost_checks_fails(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text('{"checks": [{"name": "a", "level": "MAY", "ok": true}]}')
    assert [check.ok for check in read_report(report, 1, "")] == [True]
    assert [check.ok for check in read_report(report, 2, "")] == [True, False]


def test_what_is_known_names_suites_that_exist_and_says_why() -> None:
    names = {f"{suite.name} ({target})" for suite in SUITES for target in suite.targets}
    known = read_known(HERE / "known.json")
    assert known.keys() <= names
    assert all(len(reason) > 20 for checks in known.values() for reason in checks.values())


def test_every_suite_has_its_script() -> None:
    assert all((HERE / "node" / f"{suite.name}.mjs").is_file() for suite in SUITES)


def test_operations_are_filled_with_the_targets_values(tmp_path: Path) -> None:
    operations = tmp_path / "operations.json"
    operations.write_text('{"query": {"query": "query($base: ID!) { x }", "variables": {"base": "@base"}}}')
    target = Target("real", "http://localhost/graphql", "key", operations, {"base": 'kb_"1"'})
    content = json.loads(target.content(tmp_path, None))
    assert content["operations"]["query"] == {
        "query": "query($base: ID!) { x }",
        "variables": {"base": 'kb_"1"'},
    }
    assert content["headers"] == {"authorization": "Bearer key"}
    assert "key" not in repr(target).replace("key=", "")


def test_a_suite_that_does_not_start_fails_and_leaves_no_key_behind(tmp_path: Path) -> None:
    target = Target("real", "http://localhost/graphql", "lb_key", HERE / "operations.fixture.json")
    (check,) = run_suite(Suite("no-such-suite", ("real",)), target, tmp_path / "run", None)
    assert not check.ok
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("inside", "ok"), [("", True), ("<failure>500</failure>", False), ("<error/>", False)]
)
def test_each_operation_of_schemathesis_is_a_check(tmp_path: Path, inside: str, ok: bool) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        f'<testsuites><testsuite><testcase name="Query.node">{inside}</testcase></testsuite></testsuites>'
    )
    (check,) = read_junit(report)
    assert (check.name, check.level, check.ok) == ("Query.node", Level.MUST, ok)


def test_the_packages_of_the_suites_are_pinned_and_their_lock_names_no_address() -> None:
    package = json.loads((HERE / "node" / "package.json").read_text())
    lock = json.loads((HERE / "node" / "package-lock.json").read_text())
    assert all(version[0].isdigit() for version in package["dependencies"].values())
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    entries = [entry for path, entry in lock["packages"].items() if path and not entry.get("link")]
    assert all("resolved" not in entry for entry in entries)
    assert all(entry["integrity"].startswith("sha") for entry in entries)
    assert "://" not in (HERE / "requirements-schemathesis.lock").read_text()
