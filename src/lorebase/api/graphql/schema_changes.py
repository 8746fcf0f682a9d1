"""What a new schema breaks for the clients of an older one, and which breaks were accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphql import GraphQLSchema, build_schema, find_breaking_changes, find_dangerous_changes
from graphql.utilities import BreakingChange, DangerousChange

HEADING = "## Breaking changes"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One change, in the words of graphql-core; a dangerous one breaks careless clients only."""

    kind: str
    description: str
    breaking: bool


def schema_changes(old: str, new: str) -> list[SchemaChange]:
    """Breaking changes, then dangerous ones. GraphQLSyntaxError or TypeError for what is no schema."""
    before, after = build_schema(old), build_schema(new)
    return [*_breaking(before, after), *_dangerous(before, after)]


def not_accepted(changes: list[SchemaChange], history: str) -> list[SchemaChange]:
    """The breaking changes that have no entry under "Breaking changes" of the history (schema/README.md).

    An entry is a line of a list that quotes the change in backquotes.
    """
    _, _, section = history.partition(HEADING)
    entries = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("- ")]
    accepted = {quoted for line in entries for quoted in re.findall(r"`([^`]+)`", line)}
    return [change for change in changes if change.breaking and change.description not in accepted]


def _breaking(before: GraphQLSchema, after: GraphQLSchema) -> list[SchemaChange]:
    return [_shown(change, breaking=True) for change in find_breaking_changes(before, after)]


def _dangerous(before: GraphQLSchema, after: GraphQLSchema) -> list[SchemaChange]:
    return [_shown(change, breaking=False) for change in find_dangerous_changes(before, after)]


def _shown(change: BreakingChange | DangerousChange, *, breaking: bool) -> SchemaChange:
    return SchemaChange(change.type.name, change.description, breaking)
