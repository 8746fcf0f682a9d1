"""Secrets are made once, kept, and read by their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.embedded.private_file import read_or_make, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    made = iter(["first", "second"])
    assert read_or_make(tmp_path / "secret", lambda: next(made)) == "first"
    assert read_or_make(tmp_path / "secret", lambda: next(made)) == "first"


def test_a_secret_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        read_or_make(tmp_path / "secret", lambda: "s")
    finally:
        os.umask(before)
    assert mode(tmp_path / "secret") == 0o600


def test_a_secret_left_open_is_closed_again(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept\n")
    (tmp_path / "secret").chmod(0o644)
    assert read_or_make(tmp_path / "secret", lambda: "new") == "kept"
    assert mode(tmp_path / "secret") == 0o600


def test_an_empty_secret_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    assert read_or_make(tmp_path / "secret", lambda: "new") == "new"


@settings(deadline=None, max_examples=30)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_any_text_is_replaced_as_a_whole(text: str) -> None:
    path = Path("/tmp") / f"lorebase-private-{os.getpid()}"
    write_private(path, "a longer text that was there before" * 10)
    write_private(path, text)
    assert path.read_text(encoding="utf-8") == text
    path.unlink()
