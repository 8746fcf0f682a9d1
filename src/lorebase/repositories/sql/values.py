"""From rows to values and back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ARRAY, Column, ColumnElement, Row, Table, Uuid, any_, func, literal

from lorebase.schemas.base import Value

Model = TypeVar("Model", bound=Value)

# The database's clock at the moment of the statement; now() would be the transaction's start.
CLOCK = func.clock_timestamp()


def is_one_of(column: ColumnElement[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """Whether a column holds one of the ids, in one array: their number does not change the statement."""
    return column == any_(literal(list(ids), ARRAY(Uuid())))


def columns_of(table: Table, model: type[BaseModel]) -> list[Column[Any]]:
    """The columns that carry the fields of a value, of those that are columns."""
    return [table.c[name] for name in model.model_fields if name in table.c]


def build(model: type[Model], row: Row[Any], /, **others: object) -> Model:
    """The value of a row; `others` are the fields that are not columns of the same name."""
    found = row._mapping
    fields = {name: found[name] for name in model.model_fields if name not in others}
    return model.model_validate({**fields, **others})
