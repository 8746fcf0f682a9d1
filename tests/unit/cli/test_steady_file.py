"""A file is sent as long as it was when its upload began."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.cli.connection.steady_file import SteadyFile
from lorebase.cli.errors import FileChanged


def test_what_is_appended_meanwhile_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"first")
    with SteadyFile(path.open("rb")) as steady:
        with path.open("ab") as log:
            log.write(b" and more")
        assert steady.seek(0, os.SEEK_END) == 5
        steady.seek(0)
        assert steady.read() == b"first"
        assert steady.read(10) == b""


def test_a_file_that_becomes_shorter_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 100_000)
    with SteadyFile(path.open("rb")) as steady:
        os.truncate(path, 10)
        steady.read(100)
        with pytest.raises(FileChanged):
            steady.read(100)


def test_an_empty_file_has_nothing_to_read(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with SteadyFile(path.open("rb")) as steady:
        assert steady.read() == b""
        assert steady.tell() == 0


def test_it_is_closed_with_its_block(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    stream = path.open("rb")
    with SteadyFile(stream):
        assert not stream.closed
    assert stream.closed


@given(st.binary(max_size=200), st.lists(st.integers(-1, 70), max_size=6))
def test_pieces_of_any_size_make_up_the_file(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, counts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("steady") / "file"
    path.write_bytes(content)
    with SteadyFile(path.open("rb")) as steady:
        pieces = [steady.read(count) for count in counts]
        assert b"".join(pieces) + steady.read() == content
