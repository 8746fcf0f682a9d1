"""Reads `--metadata key=value` arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lorebase.cli.errors import UsageFailed

# A number as JSON writes it: what begins with a zero, such as a postal code, is text.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
_DEEPEST = 8


def read_metadata(given: Sequence[str]) -> dict[str, object] | None:
    """The arguments as metadata, None without any; dots make levels, numbers and truth values are read so.

    UsageFailed for what is no `key=value`, and for two arguments that contradict each other.
    """
    metadata: dict[str, object] = {}
    for argument in given:
        path, separator, value = argument.partition("=")
        names = path.split(".")
        if not separator or not all(names) or len(names) > _DEEPEST:
            raise UsageFailed(f"--metadata needs key=value, not {argument!r}.")
        _put(metadata, names, _read_value(value), argument)
    return metadata or None


def _put(metadata: dict[str, object], names: list[str], value: object, argument: str) -> None:
    level = metadata
    *above, last = names
    for name in above:
        child = level.setdefault(name, {})
        if not isinstance(child, dict):
            raise UsageFailed(f"--metadata {argument!r} contradicts another one.")
        level = child
    if last in level:
        raise UsageFailed(f"--metadata {argument!r} contradicts another one.")
    level[last] = value


def _read_value(value: str) -> object:
    if value in ("true", "false"):
        return value == "true"
    if _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value
