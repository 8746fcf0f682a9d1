"""A change that breaks clients is stopped until somebody wrote down what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLError
from typer.testing import CliRunner

from lorebase.api.graphql.schema import build_schema, print_schema
from lorebase.api.graphql.schema_changes import HEADING, not_accepted, schema_changes
from lorebase.cli.app import app
from lorebase.core.resources import resource_directory

FOLDER = resource_directory("schema")
OLD = """
type Query { "Gone." book(id: ID!): Book  shelf: Shelf! }
type Book { title: String!  pages: Int }
type Shelf { books(first: Int): [Book!]! }
enum Colour { RED GREEN }
"""
BREAKING = {
    "a field goes": ("pages: Int ", "", "Book.pages was removed."),
    "a type of a field changes": ("title: String!", "title: Int!", "Book.title changed type"),
    "an output may be null": ("title: String!", "title: String", "Book.title changed type"),
    "an argument becomes required": ("first: Int", "first: Int!", "has changed type from Int to Int!"),
    "an argument is added that is required": ("first: Int", "first: Int, size: Int!", "A required argument"),
    "an enum loses a value": ("RED GREEN", "RED", "Enum value Colour.GREEN was removed."),
}


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_clients_is_found(name: str) -> None:
    old, new, words = BREAKING[name]
    source = OLD.replace("pages: Int }", "pages: Int  }")
    changes = schema_changes(source, source.replace(old, new, 1))
    assert [change.breaking for change in changes] == [True]
    assert words in changes[0].description


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pages: Int }", "pages: Int  author: String }"),
        ("first: Int", "first: Int, after: String"),
        ("pages: Int }", "pages: Int! }"),
        ("book(id: ID!): Book", 'book(id: ID!): Book @deprecated(reason: "Use shelf. Goes on 2027-06-01.")'),
        ('"Gone." ', '"A book." '),
    ],
)
def test_what_is_added_or_promised_more_firmly_breaks_nobody(old: str, new: str) -> None:
    changes = schema_changes(OLD, OLD.replace(old, new, 1))
    assert not_accepted(changes, "") == []


def test_a_new_enum_value_is_dangerous_only() -> None:
    (change,) = schema_changes(OLD, OLD.replace("RED", "BLUE RED"))
    assert (change.kind, change.breaking) == ("VALUE_ADDED_TO_ENUM", False)


ENTRY = "- 2026-12-01: `Field Book.title changed type from String! to Int!.` Read `caption` instead.\n"


@pytest.mark.parametrize(
    ("history", "left"),
    [
        (f"# Schema\n\n{HEADING}\n{ENTRY}", 0),
        (f"# Schema\n\n{HEADING}\nNone yet.\n", 1),
        (f"# Schema\n\n{HEADING}\nNone yet.\n\n## Another section\n{ENTRY}", 1),
        (f"# Schema\n{ENTRY}\n{HEADING}\n", 1),
        (f"# Schema\n\n{HEADING}\n- 2026-12-01: `Book.title changed type.`\n", 1),
        ("", 1),
    ],
)
def test_only_an_entry_in_its_place_with_the_very_words_accepts_a_break(history: str, left: int) -> None:
    changes = schema_changes(OLD, OLD.replace("title: String!", "title: Int!"))
    assert len(not_accepted(changes, history)) == left


def test_what_is_no_schema_is_not_compared() -> None:
    with pytest.raises(GraphQLError):
        schema_changes("type Query {", OLD)


def test_the_schema_breaks_no_client_of_the_last_recorded_one() -> None:
    """Mend the schema, or say in schema/README.md under "Breaking changes" what clients have to do."""
    recorded = (FOLDER / "released.graphql").read_text(encoding="utf-8")
    changes = schema_changes(recorded, print_schema(build_schema()))
    history = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [change.description for change in not_accepted(changes, history)] == []


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["schema", *words])
    return result.exit_code, result.output


def test_the_command_compares_this_schema_with_the_recorded_one() -> None:
    assert run("diff")[0] == 0
    assert run("export") == (0, (FOLDER / "schema.graphql").read_text(encoding="utf-8"))


def test_the_command_says_what_breaks_and_fails(tmp_path: Path) -> None:
    old, new = tmp_path / "old.graphql", tmp_path / "new.graphql"
    old.write_text(OLD)
    new.write_text(OLD.replace("title: String!", "title: Int!").replace("RED", "BLUE RED"))
    code, output = run("diff", str(old), str(new))
    assert code == 1
    assert output.splitlines() == [
        "BREAKING   FIELD_CHANGED_KIND  Field Book.title changed type from String! to Int!.",
        "dangerous  VALUE_ADDED_TO_ENUM  Enum value Colour.BLUE was added.",
    ]
    assert run("diff", str(new), str(new)) == (0, "")


def test_the_command_refuses_what_is_no_schema(tmp_path: Path) -> None:
    (tmp_path / "no.graphql").write_text("type Query {")
    assert run("diff", str(tmp_path / "no.graphql"))[0] == 2
    assert run("diff", str(tmp_path / "missing.graphql"))[0] == 2
