"""Keyset pages of any list: ordered by a sort value and the id, read from the place of a cursor on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, Row, Select, Text, literal, tuple_
from sqlalchemy.types import DateTime, TypeEngine, Uuid

from lorebase.core.errors import BadInput
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.schemas.pagination import Page, PageRequest, Position

Item = TypeVar("Item")


def _read_time(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class SortType:
    """How a sort value is written into a cursor and read back."""

    type: TypeEngine[Any]
    write: Callable[[Any], str]
    read: Callable[[str], Any]


TIME = SortType(DateTime(timezone=True), _write_time, _read_time)
TEXT = SortType(Text(), str, str)
NUMBER = SortType(Integer(), str, int)


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of a list: a sort column that is never null, then the id, both in one direction."""

    column: ColumnElement[Any]
    id: ColumnElement[Any]
    sort_type: SortType
    descending: bool = False


async def read_page(
    database: SqlConnection,
    statement: Select[Any],
    keyset: Keyset,
    request: PageRequest,
    build: Callable[[Row[Any]], Item],
) -> Page[Item]:
    """The part of the list that is wanted.

    The row of `after` precedes the page and that of `before` follows it, so neither costs a query of its own.
    """
    sort, identity = keyset.column.label("page_sort"), keyset.id.label("page_id")
    found = await database.rows(_slice(statement.add_columns(sort, identity), keyset, request))
    more = len(found) > request.limit
    kept = found[: request.limit]
    if request.backward:
        kept = kept[::-1]
    positions = [Position(sort_value=keyset.sort_type.write(row.page_sort), id=row.page_id) for row in kept]
    return Page(
        items=tuple(build(row) for row in kept),
        positions=tuple(positions),
        has_next=(more and not request.backward) or request.before is not None,
        has_previous=(more and request.backward) or request.after is not None,
    )


def _slice(statement: Select[Any], keyset: Keyset, request: PageRequest) -> Select[Any]:
    place = tuple_(keyset.column, keyset.id)
    if request.after is not None:
        after = _values(keyset, request.after)
        statement = statement.where(place < after if keyset.descending else place > after)
    if request.before is not None:
        before = _values(keyset, request.before)
        statement = statement.where(place > before if keyset.descending else place < before)
    columns: Sequence[ColumnElement[Any]] = (keyset.column, keyset.id)
    if keyset.descending is not request.backward:
        columns = [column.desc() for column in columns]
    return statement.order_by(*columns).limit(request.limit + 1)


def _values(keyset: Keyset, position: Position) -> ColumnElement[Any]:
    try:
        value = keyset.sort_type.read(position.sort_value)
    except ValueError as error:
        raise BadInput("The cursor does not belong to this list.") from error
    return tuple_(literal(value, keyset.sort_type.type), literal(position.id, Uuid()))
