"""Records the statements that reach the database, and asks PostgreSQL how it would run them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.database import connect

Statement = tuple[str, Sequence[Any]]


@dataclass
class Recorder:
    """Statements in the order they were sent, without those that open a unit of work."""

    statements: list[Statement] = field(default_factory=list)

    def note(self, *sent: Any) -> None:
        statement, parameters = sent[2], sent[3]
        if "set_config(" not in statement:
            self.statements.append((statement, parameters))


@contextmanager
def recorded(engine: AsyncEngine) -> Iterator[Recorder]:
    """Records what is sent within the block."""
    recorder = Recorder()
    event.listen(engine.sync_engine, "before_cursor_execute", recorder.note)
    try:
        yield recorder
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", recorder.note)


@dataclass(frozen=True)
class Plan:
    """What a plan reads: indexes by name, tables read from end to end, and whether it sorts."""

    indexes: frozenset[str]
    whole_tables: frozenset[str]
    sorts: bool
    text: str


async def explain(url: str, statement: Statement, *, workspace_id: UUID | None) -> Plan:
    """The plan of a statement for a tenant, or for the system role when there is none."""
    connection = await connect(url)
    try:
        async with connection.transaction():
            if workspace_id is None:
                await connection.execute("SET LOCAL ROLE lorebase_system")
            else:
                await connection.execute("SELECT set_config('app.workspace_id', $1, true)", str(workspace_id))
            sql, parameters = statement
            found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *parameters)
    finally:
        await connection.close()
    nodes = list(_nodes(json.loads(found)[0]["Plan"]))
    return Plan(
        frozenset(node["Index Name"] for node in nodes if "Index Name" in node),
        frozenset(node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"),
        any(node["Node Type"] == "Sort" for node in nodes),
        found,
    )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
