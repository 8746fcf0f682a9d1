"""Custom scalars: times, JSON, 64-bit integers and uploaded files."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NewType

import orjson
import strawberry
from graphql import GraphQLError, ValueNode
from starlette.datastructures import UploadFile
from strawberry.types.scalar import ScalarDefinition

JSON = NewType("JSON", object)
Long = NewType("Long", int)
Upload = NewType("Upload", UploadFile)

SAFE_INTEGER = 2**53
LONG_LIMIT = 2**63
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def print_date_time(value: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, such as `2026-01-31T09:15:00.000Z`."""
    # Ten times as fast as isoformat(), which is what pages of many objects spend their time on.
    text = orjson.dumps(value if value.tzinfo is UTC else value.astimezone(UTC)).decode()
    return f"{text[1:24]}Z" if text[20] == "." else f"{text[1:20]}.000Z"


def read_date_time(value: object) -> datetime:
    """Reads RFC 3339 with an offset; GraphQLError for anything else."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise GraphQLError("A DateTime is text in RFC 3339 with an offset, such as 2026-01-31T09:15:00Z.")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise GraphQLError("This DateTime does not exist.") from error


def read_json(value: object) -> object:
    """JSON as it came; GraphQLError for numbers that JSON cannot carry."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise GraphQLError("JSON has finite numbers only.")
        if isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return value


def print_long(value: int) -> int | str:
    """A number where every JavaScript client reads it exactly, text above 2^53."""
    return value if abs(value) <= SAFE_INTEGER else str(value)


def read_long(value: object) -> int:
    """Reads a whole number, or the text of one, that fits in 64 bits."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -LONG_LIMIT <= value < LONG_LIMIT:
        raise GraphQLError("A Long is a whole number of at most 64 bits.")
    return value


def read_upload(value: object) -> UploadFile:
    """The file part that the multipart request put in this place."""
    if not isinstance(value, UploadFile):
        raise GraphQLError("An Upload is a file part of a multipart request, given by a variable.")
    return value


def _no_upload_literal(_node: ValueNode, _variables: object = None) -> UploadFile:
    raise GraphQLError("An Upload is a file part of a multipart request, given by a variable.")


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="RFC 3339 timestamp in UTC with millisecond precision.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=print_date_time,
        parse_value=read_date_time,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description=(
            "Any JSON value. Used for document metadata only; everything the API interprets is typed."
        ),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        parse_value=read_json,
    ),
    Long: strawberry.scalar(
        name="Long",
        description="Signed 64-bit integer, sent as a JSON string when above 2^53.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=print_long,
        parse_value=read_long,
    ),
    Upload: strawberry.scalar(
        name="Upload",
        description="A file part of a GraphQL multipart request.",
        specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
        parse_value=read_upload,
        parse_literal=_no_upload_literal,
    ),
}
