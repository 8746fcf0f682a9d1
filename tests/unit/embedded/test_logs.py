"""Logs show their ends and do not fill the disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.embedded.logs import keep_small, note, size, tail


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert tail(log, lines=2) == "line 98\nline 99"


def test_the_tail_of_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path / "log") == ""
    assert size(tmp_path / "log") == 0


def test_what_was_there_before_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log"
    note(log, "of yesterday")
    began = size(log)
    note(log, "of today")
    assert tail(log, since=began) == "of today"


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_have_a_tail(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as log:
        log.write(content)
        log.flush()
        assert len(tail(Path(log.name), lines=3).splitlines()) <= 3


def test_a_large_log_is_moved_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        assert keep_small(log, maximum=99)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "log.1").read_bytes() == b"x" * 100


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    note(log, "little")
    assert not keep_small(log)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
