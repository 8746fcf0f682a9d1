"""Example operations: their names, and variables that are ready to run."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLSyntaxError, parse
from hypothesis import given
from hypothesis import strategies as st

from lorebase.api.graphiql_examples import STORY, ExampleOperation, load_examples
from lorebase.core.resources import resource_directory


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def test_the_story_comes_first_whatever_its_files_are_called(tmp_path: Path) -> None:
    files = {"a": "mutation A { a }", "ask-question": "mutation Ask { a }", "viewer": "query Viewer { a }"}
    write(tmp_path, **{f"{name}__graphql": text for name, text in files.items()})
    assert [example.name for example in load_examples(tmp_path)] == ["Viewer", "Ask", "A"]


@given(st.sets(st.sampled_from([*STORY, "activate-index", "zebra", "retry-job"])))
def test_no_example_is_lost_or_doubled_by_their_order(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("operations")
    write(folder, **{f"{name}__graphql": "{ a }" for name in names})
    found = [example.name for example in load_examples(folder)]
    others = sorted(names - set(STORY))
    assert found == [name for name in STORY if name in names] + others


def test_the_others_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(
        tmp_path, b__graphql="query Second { a }", a__graphql="mutation First { b }", notes__md="no operation"
    )
    assert [example.name for example in load_examples(tmp_path)] == ["First", "Second"]


def test_an_operation_without_a_name_is_called_like_its_file(tmp_path: Path) -> None:
    write(tmp_path, whoami__graphql="{ viewer { id } }")
    assert load_examples(tmp_path)[0].name == "whoami"


def test_a_missing_folder_has_no_examples(tmp_path: Path) -> None:
    assert load_examples(tmp_path / "absent") == []


def test_required_variables_are_left_blank_by_type_and_optional_ones_out(tmp_path: Path) -> None:
    query = (
        "query Q($knowledgeBaseId: ID!, $query: String!, $first: Int!, $tags: [String!]!, $exact: Boolean!,"
        " $filter: Filter!, $after: String, $last: Int! = 5) { a }"
    )
    write(tmp_path, q__graphql=query)
    assert load_examples(tmp_path)[0].variables == {
        "knowledgeBaseId": "${knowledgeBaseId}",
        "query": "",
        "first": 1,
        "tags": [],
        "exact": False,
        "filter": {},
    }


def test_prepared_variables_win_and_hold_ids_at_any_depth(tmp_path: Path) -> None:
    write(
        tmp_path,
        ask__graphql="mutation Ask($input: AskInput!) { ask(input: $input) { answer { id } } }",
        ask__variables__json='{"input": {"bases": ["${knowledgeBaseId}"], "question": "Why ${x}?"}}',
    )
    example = load_examples(tmp_path)[0].with_ids({"knowledgeBaseId": "kb_1", "x": "never"})
    assert example.variables == {"input": {"bases": ["kb_1"], "question": "Why ${x}?"}}


def test_an_unknown_id_stays_visible_as_a_gap(tmp_path: Path) -> None:
    write(tmp_path, a__graphql="query A($jobId: ID!) { job(id: $jobId) { id } }")
    example = load_examples(tmp_path)[0]
    assert example.with_ids({"workspaceId": "ws_1"}).variables == {"jobId": "${jobId}"}


def test_a_file_that_is_no_graphql_is_refused_at_the_start(tmp_path: Path) -> None:
    write(tmp_path, broken__graphql="query {")
    with pytest.raises(GraphQLSyntaxError):
        load_examples(tmp_path)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), JSON_VALUES))
def test_without_known_ids_nothing_changes(variables: dict[str, object]) -> None:
    example = ExampleOperation.model_validate({"name": "A", "query": "{ a }", "variables": variables})
    assert example.with_ids({}) == example


def test_the_project_s_own_operations_are_examples() -> None:
    folder = resource_directory("schema") / "operations"
    examples = load_examples(folder)
    assert len(examples) == len(list(folder.glob("*.graphql")))
    assert all(parse(example.query).definitions for example in examples)


def test_the_first_tab_of_the_project_only_reads_and_needs_nothing_filled_in() -> None:
    folder = resource_directory("schema") / "operations"
    assert all((folder / f"{name}.graphql").is_file() for name in STORY)
    first = load_examples(folder)[0]
    assert first.name == "Viewer"
    assert first.query.splitlines()[1].startswith("query")
    assert first.variables is None
