"""Which files are taken from the paths that are named, and under which keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.cli.errors import UsageFailed
from lorebase.cli.ingesting.ingest_files import Choice, Selection, select_files

MIB = 1024 * 1024
NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tree(tmp_path / "docs", "b.md", "a.txt", "below/c.html", "below/deep/d.csv")


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Root may read everything: it is somebody else for as long as the test lasts."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def select(*paths: Path, choice: Choice | None = None, largest: int = MIB) -> Selection:
    return select_files(paths, choice or Choice(), largest)


def keys(selection: Selection) -> list[str]:
    return [file.external_id for file in selection.files]


def test_a_folder_is_taken_in_the_order_of_names_under_its_own_name(folder: Path) -> None:
    selection = select(folder)
    assert keys(selection) == ["docs/a.txt", "docs/b.md", "docs/below/c.html", "docs/below/deep/d.csv"]
    assert [file.size for file in selection.files] == [5, 4, 12, 16]
    assert (selection.skipped, selection.failed) == ([], [])


def test_a_file_has_the_same_key_named_by_itself_or_found_in_its_folder(folder: Path) -> None:
    assert keys(select(folder / "b.md")) == ["docs/b.md"]
    assert keys(select(folder, folder / "b.md")).count("docs/b.md") == 1


def test_the_folder_we_stand_in_has_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert keys(select(Path("."))) == keys(select(folder))
    assert keys(select(Path("below/../b.md"))) == ["docs/b.md"]


def test_hidden_files_and_folders_are_left_out_unless_they_are_named(folder: Path) -> None:
    tree(folder, ".hidden", ".git/config", "below/.cache/x")
    assert len(select(folder).files) == 4
    assert keys(select(folder / ".hidden")) == ["docs/.hidden"]
    assert keys(select(folder / ".git")) == [".git/config"]


def test_globs_take_and_leave_out_by_path_and_by_name(folder: Path) -> None:
    assert keys(select(folder, choice=Choice(taken=["*.md", "*.csv"]))) == [
        "docs/b.md",
        "docs/below/deep/d.csv",
    ]
    assert keys(select(folder, choice=Choice(left_out=["deep", "*.md"]))) == [
        "docs/a.txt",
        "docs/below/c.html",
    ]
    assert keys(select(folder, choice=Choice(left_out=["below/*"]))) == ["docs/a.txt", "docs/b.md"]
    assert keys(select(folder, choice=Choice(["*.md"], ["b.*"]))) == []


def test_a_path_may_be_a_glob(folder: Path) -> None:
    assert keys(select(folder / "*.md")) == ["docs/b.md"]
    assert keys(select(folder / "**" / "*.csv")) == ["docs/below/deep/d.csv"]
    assert sorted(keys(select(folder / "*"))) == keys(select(folder))
    assert sorted(keys(select(folder / "**"))) == keys(select(folder))


def test_a_file_whose_name_looks_like_a_glob_is_taken_as_it_is(folder: Path) -> None:
    tree(folder, "[a].md")
    assert keys(select(folder / "[a].md")) == ["docs/[a].md"]


@pytest.mark.parametrize("name", ["none.md", "none*.md", "none/**"])
def test_a_path_that_leads_nowhere_is_a_usage_error(folder: Path, name: str) -> None:
    with pytest.raises(UsageFailed, match="There is no file or folder /"):
        select(folder, folder / name)


def test_two_files_with_one_key_are_not_taken_for_one_document(tmp_path: Path) -> None:
    one, two = tree(tmp_path / "one" / "docs", "a.md"), tree(tmp_path / "two" / "docs", "a.md")
    selection = select(one, two)
    assert keys(selection) == ["docs/a.md"]
    ((key, reason),) = selection.failed
    assert key == "docs/a.md"
    assert str(one / "a.md") in reason


REFUSED = {
    "photo.JPG": (b"x", "UNSUPPORTED_MEDIA_TYPE: a type without text"),
    "module.pyc": (b"x", "UNSUPPORTED_MEDIA_TYPE: a type without text"),
    "empty.md": (b"", "EMPTY_DOCUMENT: the file is empty"),
    "large.txt": (b"x" * (MIB + 1), "TOO_LARGE: larger than 1 MiB"),
}


@pytest.mark.parametrize(("name", "what"), REFUSED.items(), ids=REFUSED.keys())
def test_what_cannot_be_taken_is_skipped_when_found_and_has_failed_when_named(
    folder: Path, name: str, what: tuple[bytes, str]
) -> None:
    content, reason = what
    (folder / name).write_bytes(content)
    assert select(folder).skipped == [(f"docs/{name}", reason)]
    assert select(folder / name).failed == [(f"docs/{name}", reason)]


def test_a_file_as_large_as_allowed_is_taken(folder: Path) -> None:
    (folder / "large.txt").write_bytes(b"x" * MIB)
    assert "docs/large.txt" in keys(select(folder))


@pytest.mark.parametrize("name", ["a.svg", "b.ts", "README", "c.unknown", "d.DOCX"])
def test_what_may_hold_text_is_left_to_the_api(tmp_path: Path, name: str) -> None:
    assert keys(select(tree(tmp_path / "docs", name))) == [f"docs/{name}"]


def test_a_pipe_or_socket_is_not_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe.md")
    assert select(folder).skipped == [("docs/pipe.md", "not a regular file")]


def test_links_to_folders_are_not_followed_so_no_loop_is_walked_and_nothing_outside(folder: Path) -> None:
    tree(folder.parent, "secret/key.txt")
    (folder / "loop").symlink_to(".")
    (folder / "below" / "up").symlink_to("..")
    (folder / "out").symlink_to("../secret")
    selection = select(folder)
    assert len(selection.files) == 4
    assert sorted(key for key, _ in selection.skipped) == ["docs/below/up", "docs/loop", "docs/out"]
    assert keys(select(folder / "out")) == ["out/key.txt"]


def test_links_to_files_are_followed_and_dangling_ones_skipped(folder: Path) -> None:
    (folder / "link.md").symlink_to("b.md")
    (folder / "dangling.md").symlink_to("nowhere.md")
    (folder / "circle.md").symlink_to("circle.md")
    selection = select(folder)
    assert "docs/link.md" in keys(selection)
    assert selection.skipped == [
        ("docs/circle.md", "a link that leads nowhere"),
        ("docs/dangling.md", "a link that leads nowhere"),
    ]
    assert select(folder / "dangling.md").failed == [("docs/dangling.md", "a link that leads nowhere")]


def test_the_home_of_lorebase_is_never_entered(folder: Path) -> None:
    tree(folder, "below/home/secret_key")
    home = folder / "below" / "home"
    assert not any("secret_key" in key for key in keys(select(folder, choice=Choice(own_home=home))))


def test_names_that_are_not_utf_8_get_keys_that_are_and_that_differ(folder: Path) -> None:
    for name in (b"odd\xff.md", b"odd\xfe.md"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("x")
    odd = [key for key in keys(select(folder)) if "odd" in key]
    assert odd == ["docs/odd\\xfe.md", "docs/odd\\xff.md"]
    assert all(file.path.exists() for file in select(folder).files)


def test_a_tree_deeper_than_the_recursion_limit_is_walked(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(sys.getrecursionlimit() + 100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        selection = select(tmp_path)
    finally:
        # Python's own way of removing a tree is recursive.
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)
    assert (selection.files, selection.failed) == ([], [])


@pytest.mark.usefixtures("ordinary_user")
def test_what_may_not_be_read_is_reported_and_the_rest_unharmed() -> None:
    folder = tree(Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp")) / "docs", "a.txt", "closed/b.txt")
    try:
        (folder / "closed").chmod(0)
        selection = select(folder)
        assert keys(selection) == ["docs/a.txt"]
        assert selection.failed == [("docs/closed", "Permission denied")]
    finally:
        (folder / "closed").chmod(0o700)
        shutil.rmtree(folder.parent)


safe_names = st.text(st.characters(categories=["L", "N"], codec="utf-8"), min_size=1, max_size=8)


@given(st.lists(st.lists(safe_names, min_size=1, max_size=4).map("/".join), max_size=8))
def test_every_file_of_a_tree_is_taken_once_under_a_key_of_its_own(names: list[str]) -> None:
    root = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    try:
        made = set()
        for name in names:
            path = root / name
            if not any(parent.is_file() for parent in path.parents) and not path.exists():
                tree(root, name)
                made.add(f"{root.name}/{name}")
        selection = select(root)
        found = keys(selection)
        assert len(found) == len(set(found))
        assert set(found) | {key for key, _ in selection.skipped} == made
    finally:
        shutil.rmtree(root)
