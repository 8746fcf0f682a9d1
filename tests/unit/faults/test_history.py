"""A history is read back as it was written."""

from __future__ import annotations

from pathlib import Path

from tests.faults.history import History, Kind, Operation, Outcome, Sighting, read_history


def test_what_was_written_is_read_back_in_order(tmp_path: Path) -> None:
    seen = (Sighting("a.md", "document", ("one", "two"), "passage"),)
    written = [
        Operation(Kind.UPLOAD, Outcome.ACKNOWLEDGED, 0.5, 0.7, 2, "a.md", "document", "one", "job"),
        Operation(Kind.SEARCH, Outcome.UNKNOWN, 1.0, 1.5, seen=seen, tags=("red",), wanted=True, note="why"),
    ]
    history = History(tmp_path / "history.jsonl")
    for operation in written:
        history.add(operation)
    history.close()
    assert read_history(tmp_path / "history.jsonl") == history.operations == written


def test_its_clock_only_goes_forward(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    assert 0 <= history.now() <= history.now()
    history.close()
