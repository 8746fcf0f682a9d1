"""`lorebase eval` against a fake API: what is sent, what is shown, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.fakes.api_evaluations import ApiEvaluations
from tests.fakes.command_line import ConnectedCommandLine, connected


@pytest.fixture
def lorebase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConnectedCommandLine]:
    with connected(monkeypatch, tmp_path / "home") as command:
        yield command


@pytest.fixture
def evaluations(lorebase: ConnectedCommandLine) -> ApiEvaluations:
    return lorebase.world.evaluations


def write_set(folder: Path, questions: int = 2) -> Path:
    """Two documents, one more without text, and questions about the first."""
    folder.mkdir()
    entries = [
        {"_id": "x/1", "title": "On wings", "text": "A wing lifts."},
        {"_id": "x/2", "title": "", "text": "A tail steers."},
        {"_id": "x/3", "title": "", "text": " "},
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, entries)))
    asked = [{"_id": f"q{n}", "text": f"What lifts {n}?"} for n in range(questions)]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)))
    judged = "".join(f"q{n}\tx/1\t2\nq{n}\tx/2\t0\n" for n in range(questions))
    (folder / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def add_runs(lorebase: ConnectedCommandLine, tmp_path: Path, *scores: list[float]) -> None:
    folder = write_set(tmp_path / "wings")
    assert lorebase.run("eval", "import", str(folder), "--questions-only").exit_code == 0
    lorebase.world.evaluations.scores = list(scores)
    for _ in scores:
        lorebase.run("eval", "run", "wings")


def test_documents_and_questions_are_taken_in(
    lorebase: ConnectedCommandLine, evaluations: ApiEvaluations, tmp_path: Path
) -> None:
    result = lorebase.run("eval", "import", str(write_set(tmp_path / "wings")))
    assert result.exit_code == 0, result.output
    documents = lorebase.world.documents
    assert {key: held.content for key, held in documents.items()} == {
        "x/1": b"A wing lifts.",
        "x/2": b"A tail steers.",
    }
    uploads = [call for call in lorebase.server.calls if call.operation == "UploadDocument"]
    assert {call.variables["externalId"]: call.variables.get("title") for call in uploads} == {
        "x/1": "On wings",
        "x/2": None,
    }
    assert evaluations.cases["evs_1"] == [
        {"query": f"What lifts {n}?", "relevant": [{"externalId": "x/1", "grade": 2}]} for n in range(2)
    ]
    assert "skipped: x/3: it has no text" in result.output
    assert "wings\t2 questions\tevs_1" in result.output


def test_many_questions_take_several_requests(
    lorebase: ConnectedCommandLine, evaluations: ApiEvaluations, tmp_path: Path
) -> None:
    folder = write_set(tmp_path / "many", questions=2100)
    result = lorebase.run("eval", "import", str(folder), "--questions-only", "--name", "All")
    assert "All\t2100 questions\tevs_1" in result.output
    assert [case["query"] for case in evaluations.cases["evs_1"]] == [f"What lifts {n}?" for n in range(2100)]
    assert lorebase.world.documents == {}


def test_no_set_is_made_when_documents_fail(
    lorebase: ConnectedCommandLine, evaluations: ApiEvaluations, tmp_path: Path
) -> None:
    lorebase.world.failing["x/2"] = "CORRUPT"
    result = lorebase.run("eval", "import", str(write_set(tmp_path / "wings")))
    assert (result.exit_code, evaluations.sets) == (1, [])
    assert "no set was made" in result.output


def test_a_run_shows_its_figures(lorebase: ConnectedCommandLine, tmp_path: Path) -> None:
    write_set(tmp_path / "wings")
    lorebase.run("eval", "import", str(tmp_path / "wings"), "--questions-only")
    lorebase.world.evaluations.scores = [[0.5, 1.0]]
    result = lorebase.run("eval", "run", "wings", "--mode", "vector")
    assert result.exit_code == 0, result.output
    assert "nDCG@10\t0.750\t0.650 to 0.850" in result.output
    assert lorebase.world.evaluations.runs[0]["mode"] == "VECTOR"


@pytest.mark.parametrize(
    ("interval", "code", "verdict"),
    [((-0.3, -0.1), 1, "worse"), ((-0.1, 0.1), 0, "no sure difference"), ((0.1, 0.3), 0, "better")],
)
def test_the_exit_code_says_whether_a_run_is_worse_than_its_baseline(
    lorebase: ConnectedCommandLine, tmp_path: Path, interval: tuple[float, float], code: int, verdict: str
) -> None:
    add_runs(lorebase, tmp_path, [0.5, 1.0])
    lorebase.world.evaluations.scores = [[0.5, 0.5]]
    lorebase.world.evaluations.interval = interval
    result = lorebase.run("eval", "run", "wings", "--baseline", "latest")
    assert result.exit_code == code
    assert f"verdict\t{verdict}" in result.output
    assert "1.00\t0.50\tWhy does it fly?" in result.output
    made = [call for call in lorebase.server.calls if call.operation == "RunEvaluation"][-1]
    assert made.variables["input"]["compareWithRunId"] == "evr_1"
    assert lorebase.run("eval", "compare", "evr_1", "evr_2").exit_code == code


def test_the_first_run_has_no_latest_to_compare_with(lorebase: ConnectedCommandLine, tmp_path: Path) -> None:
    add_runs(lorebase, tmp_path)
    lorebase.world.evaluations.scores = [[1.0]]
    result = lorebase.run("eval", "run", "wings", "--baseline", "latest")
    assert (result.exit_code, "verdict" in result.output) == (0, False)


def test_a_run_that_failed_says_why(lorebase: ConnectedCommandLine, tmp_path: Path) -> None:
    add_runs(lorebase, tmp_path)
    lorebase.world.evaluations.scores = [[]]
    result = lorebase.run("eval", "run", "wings")
    assert result.exit_code == 1
    assert "FAILED: It is gone." in result.output


def test_the_history_lists_sets_and_runs_and_can_be_drawn(
    lorebase: ConnectedCommandLine, tmp_path: Path
) -> None:
    add_runs(lorebase, tmp_path, [0.25], [], [0.75])
    plot = tmp_path / "history.svg"
    result = lorebase.run("eval", "list", "--plot", str(plot))
    lines = [line.split("\t") for line in result.output.splitlines()]
    assert ["wings", "2", "evs_1"] in lines
    assert [line[4] for line in lines if line[-1].startswith("evr_")] == ["0.750", "", "0.250"]
    drawn = ElementTree.fromstring(plot.read_text(encoding="utf-8"))
    assert len(drawn.findall("{*}circle")) == 2


def test_a_comparison_can_be_drawn(lorebase: ConnectedCommandLine, tmp_path: Path) -> None:
    add_runs(lorebase, tmp_path, [0.5] * 150, [1.0] * 120 + [0.0] * 30)
    plot = tmp_path / "changes.svg"
    assert lorebase.run("eval", "compare", "evr_1", "evr_2", "--plot", str(plot)).exit_code == 0
    bars = ElementTree.fromstring(plot.read_text(encoding="utf-8")).findall("{*}rect")[1:]
    assert len(bars) == 150
    assert len({bar.get("fill") for bar in bars[:120]}) == 1
    assert bars[0].get("fill") != bars[-1].get("fill")


def test_a_run_can_be_shown_again(lorebase: ConnectedCommandLine, tmp_path: Path) -> None:
    add_runs(lorebase, tmp_path, [0.5])
    result = lorebase.run("eval", "show", "evr_1")
    assert "nDCG@10\t0.500\t0.400 to 0.600" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nothing"], "There is no evaluation set 'nothing'"),
        (["show", "evr_9"], "There is no evaluation run 'evr_9'"),
        (["compare", "evr_1", "evr_9"], "There is no evaluation run 'evr_9'"),
        (["compare", "evr_9", "evr_1"], "One of the two runs is not complete."),
    ],
)
def test_what_is_not_there_is_named(
    lorebase: ConnectedCommandLine, tmp_path: Path, arguments: list[str], said: str
) -> None:
    add_runs(lorebase, tmp_path, [0.5])
    result = lorebase.run("eval", *arguments)
    assert result.exit_code == 1
    assert said in result.output
