"""Global ids: whose objects they may name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.api.graphql.nodes import global_id, read_global_id, read_id
from lorebase.core.errors import NotFound
from lorebase.core.ids import NO_WORKSPACE, TYPE_PREFIXES, GlobalId, new_id
from tests.factories import make_principal

MINE = make_principal()
OWN_TYPES = st.sampled_from(sorted(set(TYPE_PREFIXES) - {"EmbeddingModel", "Workspace"}))


@given(OWN_TYPES, st.uuids())
def test_an_id_of_the_own_workspace_reads_as_what_was_written(type_name: str, object_id: object) -> None:
    written = global_id(type_name, MINE.workspace_id, object_id)  # type: ignore[arg-type]
    assert read_id(MINE, written, type_name) == object_id


@given(OWN_TYPES, st.uuids(), st.uuids())
def test_an_id_of_another_workspace_is_never_read(
    type_name: str, workspace: object, object_id: object
) -> None:
    written = str(GlobalId(type_name, workspace, object_id))  # type: ignore[arg-type]
    if workspace != MINE.workspace_id:
        with pytest.raises(NotFound):
            read_global_id(MINE, written)


@given(st.text())
def test_no_text_is_an_id_by_accident(text: str) -> None:
    with pytest.raises(NotFound):
        read_global_id(MINE, text)


def test_models_belong_to_nobody() -> None:
    object_id = new_id()
    assert read_id(MINE, global_id("EmbeddingModel", NO_WORKSPACE, object_id)) == object_id
    with pytest.raises(NotFound):
        read_id(MINE, global_id("EmbeddingModel", MINE.workspace_id, object_id))


@pytest.mark.parametrize("type_name", ["Document", "Workspace", "User"])
def test_nothing_else_belongs_to_nobody(type_name: str) -> None:
    with pytest.raises(NotFound):
        read_id(MINE, global_id(type_name, NO_WORKSPACE, new_id()))


def test_the_id_of_a_workspace_names_itself() -> None:
    own = global_id("Workspace", MINE.workspace_id, MINE.workspace_id)
    assert read_id(MINE, own, "Workspace") == MINE.workspace_id
    with pytest.raises(NotFound):
        read_id(MINE, global_id("Workspace", MINE.workspace_id, new_id()), "Workspace")


def test_another_type_than_expected_is_not_found() -> None:
    job = global_id("Job", MINE.workspace_id, new_id())
    with pytest.raises(NotFound):
        read_id(MINE, job, "Document", "Answer")


def test_every_refusal_says_the_same() -> None:
    refused = [
        "nonsense",
        global_id("Job", new_id(), new_id()),
        global_id("EmbeddingModel", new_id(), new_id()),
        global_id("Workspace", MINE.workspace_id, new_id()),
    ]
    messages = set()
    for value in refused:
        with pytest.raises(NotFound) as caught:
            read_global_id(MINE, value)
        messages.add((caught.value.message, caught.value.code, str(caught.value.details)))
    assert len(messages) == 1
