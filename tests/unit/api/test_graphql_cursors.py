"""Cursors are of use only where they were made."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lorebase.api.graphql.cursors import OffsetCursors, PositionCursors, StreamCursors
from lorebase.core.errors import BadInput
from lorebase.core.security import Signer
from lorebase.schemas.events import StreamKind, StreamName, StreamPosition
from lorebase.schemas.pagination import Position
from lorebase.schemas.search import Expansion

SIGNER = Signer("the key of these tests")
OTHER = Signer("another key")
WORKSPACE = UUID(int=1)
STREAM = StreamName(kind=StreamKind.ANSWER, workspace_id=WORKSPACE, id=UUID(int=2))
PRINTABLE = st.text(st.characters(codec="utf-8"))


@given(PRINTABLE, st.uuids())
def test_a_position_survives_its_cursor(sort_value: str, row: UUID) -> None:
    cursors = PositionCursors(SIGNER, "Workspace.jobs")
    position = Position(sort_value=sort_value, id=row)
    assert cursors.read(cursors.write(position), "after") == position


@given(st.text())
def test_no_text_but_a_cursor_is_a_cursor(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        PositionCursors(SIGNER, "Workspace.jobs").read(text, "before")
    assert refused.value.field == ["before"]


@given(st.text(), st.text())
def test_a_cursor_of_another_list_is_refused(one: str, other: str) -> None:
    assume(one != other)
    cursor = PositionCursors(SIGNER, one).write(Position(sort_value="x", id=UUID(int=7)))
    with pytest.raises(BadInput):
        PositionCursors(SIGNER, other).read(cursor, "after")


def test_a_cursor_signed_with_another_key_is_refused() -> None:
    cursor = PositionCursors(OTHER, "a").write(Position(sort_value="x", id=UUID(int=7)))
    with pytest.raises(BadInput):
        PositionCursors(SIGNER, "a").read(cursor, "after")


def test_a_cursor_that_was_changed_in_one_place_is_refused() -> None:
    cursors = OffsetCursors(SIGNER, WORKSPACE, "f")
    cursor = cursors.write(10)
    for place in range(len(cursor) - 1):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(BadInput):
            cursors.read(changed)


@given(st.integers(0, 10_000))
def test_an_offset_survives_its_cursor_within_the_same_search(offset: int) -> None:
    cursors = OffsetCursors(SIGNER, WORKSPACE, "one")
    assert cursors.read(cursors.write(offset)) == (offset, None)


@given(st.integers(0, 10_000), st.lists(st.text(alphabet=st.characters(codec="utf-8")), max_size=5))
def test_what_was_made_of_a_query_survives_its_cursor(offset: int, texts: list[str]) -> None:
    cursors = OffsetCursors(SIGNER, WORKSPACE, "one")
    expansion = Expansion(texts=tuple(texts), failed=not texts)
    assert cursors.read(cursors.write(offset, expansion)) == (offset, expansion)


def test_a_cursor_without_an_expansion_is_what_it_always_was() -> None:
    assert OffsetCursors(SIGNER, WORKSPACE, "one").write(10) == SIGNER.sign(f"search:{WORKSPACE}:one", "10")


def test_the_cursor_of_another_search_is_refused() -> None:
    cursor = OffsetCursors(SIGNER, WORKSPACE, "one").write(10)
    for stranger in (OffsetCursors(SIGNER, WORKSPACE, "two"), OffsetCursors(SIGNER, UUID(int=9), "one")):
        with pytest.raises(BadInput):
            stranger.read(cursor)


@given(st.text(alphabet="0123456789abcdef-:"), st.integers(0, 2**31))
def test_a_place_in_a_stream_survives_its_cursor(epoch: str, sequence: int) -> None:
    cursors = StreamCursors(SIGNER, STREAM)
    position = StreamPosition(epoch=epoch, sequence=sequence)
    assert cursors.read(cursors.write(position)) == position


def test_no_cursor_is_the_start_of_a_stream() -> None:
    assert StreamCursors(SIGNER, STREAM).read(None) is None


@pytest.mark.parametrize(
    "changes", [{"kind": StreamKind.JOB}, {"id": UUID(int=3)}, {"workspace_id": UUID(int=4)}]
)
def test_a_cursor_is_bound_to_its_stream(changes: dict[str, object]) -> None:
    cursor = StreamCursors(SIGNER, STREAM).write(StreamPosition(epoch="e", sequence=1))
    with pytest.raises(BadInput):
        StreamCursors(SIGNER, STREAM.model_copy(update=changes)).read(cursor)
