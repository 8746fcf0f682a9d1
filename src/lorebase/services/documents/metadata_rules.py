"""What a document's metadata may hold: limits, storable text, and the types of declared fields."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, LimitExceeded
from lorebase.schemas.documents import JsonObject
from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType
from lorebase.schemas.metadata import as_milliseconds, as_number, value_at
from lorebase.services.text_rules import refuse_unstorable

_LARGEST_INTEGER = 2**63


def checked_metadata(
    metadata: Mapping[str, JsonValue], fields: Sequence[MetadataField], settings: Settings
) -> JsonObject:
    """The metadata, unchanged, when it keeps all rules; the error's `field` is the path to what breaks one.

    LIMIT_EXCEEDED for depth and size, INVALID_TEXT for U+0000 and lone surrogates, BAD_USER_INPUT for numbers
    that JSON cannot carry and for declared fields of another type or missing though required.
    """
    _walk(dict(metadata), ["metadata"], settings.metadata_max_depth)
    size = len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode())
    if size > settings.metadata_max_bytes:
        limit = settings.metadata_max_bytes
        message = f"The metadata is larger than {limit} bytes as JSON."
        raise LimitExceeded(message, field=["metadata"], details={"limit": limit})
    for declared in fields:
        _check_declared(metadata, declared)
    return dict(metadata)


def _walk(value: JsonValue, path: list[str], depth_left: int) -> None:
    if isinstance(value, (dict, list)) and depth_left == 0:
        raise LimitExceeded("The metadata is nested too deeply.", field=path)
    if isinstance(value, str):
        refuse_unstorable(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadInput("A number is not finite.", field=path)
    elif isinstance(value, int) and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        raise BadInput("A whole number does not fit 64 bits.", field=path)
    elif isinstance(value, dict):
        for key, member in value.items():
            refuse_unstorable(key, path)
            _walk(member, [*path, key], depth_left - 1)
    elif isinstance(value, list):
        for number, member in enumerate(value):
            _walk(member, [*path, str(number)], depth_left - 1)


def _check_declared(metadata: Mapping[str, JsonValue], declared: MetadataField) -> None:
    value = value_at(metadata, declared.path)
    path = ["metadata", *declared.path.split(".")]
    if value is None:
        if declared.required:
            raise BadInput(f"The metadata field {declared.path} is required.", field=path)
        return
    if not _FITS[declared.type](value):
        kind = declared.type.value.replace("_", " ").lower()
        raise BadInput(f"The metadata field {declared.path} is not a {kind}.", field=path)


def _is_number(value: JsonValue) -> bool:
    return as_number(value) is not None


def _is_date_time(value: JsonValue) -> bool:
    return as_milliseconds(value) is not None


def _is_string_list(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(member, str) for member in value)


_FITS: Mapping[MetadataFieldType, Callable[[JsonValue], bool]] = {
    MetadataFieldType.BOOLEAN: lambda value: isinstance(value, bool),
    MetadataFieldType.DATE_TIME: _is_date_time,
    MetadataFieldType.NUMBER: _is_number,
    MetadataFieldType.STRING: lambda value: isinstance(value, str),
    MetadataFieldType.STRING_LIST: _is_string_list,
}
