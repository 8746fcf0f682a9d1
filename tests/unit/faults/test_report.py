"""The report of a run ends with one line for machines, and its exit status follows from that line."""

from __future__ import annotations

import re

import pytest

from tests.faults.final_state import Findings
from tests.faults.history import Kind, Operation, Outcome
from tests.faults.run import Plan, Report

LAST_LINE = re.compile(
    r"rounds=\d+ accepted=\d+ lost=\d+ wrong=\d+ deleted_visible=\d+"
    r" orphaned=\d+ duplicated=\d+ unfinished=\d+"
)
KINDS = ["lost", "wrong", "deleted_visible", "orphaned", "duplicated", "unfinished"]


def report(**cases: list[str]) -> Report:
    operations = (
        Operation(Kind.FAULT, Outcome.ACKNOWLEDGED, 0, 1, name="kill-api"),
        Operation(Kind.FAULT, Outcome.REFUSED, 0, 1, name="kill-api", note="api was not running"),
        Operation(Kind.UPLOAD, Outcome.ACKNOWLEDGED, 0, 1),
    )
    return Report(
        plan=Plan(rounds=3, seed=20),
        brought=2,
        orphans_before=0,
        repair="exit status 0",
        findings=Findings(accepted=5, **cases),
        stray_files=0,
        met={"chat-cut": 4},
        operations=operations,
        seconds=12.3,
    )


def test_the_last_line_counts_what_was_brought_and_accepted_and_every_kind_of_broken_promise() -> None:
    last = report().lines()[-1]
    assert LAST_LINE.fullmatch(last)
    assert last.startswith("rounds=2 accepted=5 lost=0 ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_promise_is_told_counted_and_not_forgiven(kind: str) -> None:
    broken = report(**{kind: ["one", "another"]})
    *lines, last = broken.lines()
    assert f" {kind}=2" in last
    assert sum(int(count) for count in re.findall(r"=(\d+)", last)) == 2 + 5 + 2
    assert lines[-2:] == [f"{kind}: one", f"{kind}: another"]
    assert broken.exit_status == 1


def test_a_run_without_a_broken_promise_is_forgiven() -> None:
    assert report().exit_status == 0
    assert list(report().findings.by_kind) == KINDS


def test_only_faults_that_came_are_counted_by_name_and_moods_by_what_met_them() -> None:
    lines = report().lines()
    assert "faults: kill-api 1" in lines
    assert "requests to models: chat-cut 4" in lines
