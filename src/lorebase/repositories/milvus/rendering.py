"""Writes conditions as Milvus expressions: templates for a server, literals for Milvus Lite."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from lorebase.core.errors import BadInput
from lorebase.repositories.milvus.conditions import (
    AllOf,
    AnyOf,
    ArrayEmpty,
    ArrayHas,
    Comparison,
    Condition,
    Constant,
    Exists,
    Field,
    Like,
    Negation,
    OneOf,
    Scalar,
)

Parameter = Scalar | list[Scalar]


@dataclass(frozen=True)
class Dialect:
    """What one kind of Milvus understands, and evaluates fast enough.

    `templates`: values travel apart from the expression. `row_functions`: arrays and JSON are worth asking
    about; Lite evaluates them row by row in Python, 40 microseconds each, so there PostgreSQL does it.
    `filtered_breadth`: how many neighbours HNSW explores at least, since a filter may hide most of them.
    `widest_breadth`: how many when even then too few were found; 0 where the store sees to that itself.
    """

    templates: bool
    row_functions: bool
    filtered_breadth: int
    widest_breadth: int = 0


SERVER = Dialect(templates=True, row_functions=True, filtered_breadth=0)
# Measured at 20,000 vectors, 100 hits asked: breadth 2,000 finds 97% under a filter that keeps 2 of 1,000.
# What a filter keeps may lie far from the query, as another topic does. Among 4,000 vectors breadth 2,000
# then found 2 of 100 and breadth 20,000 all, for 5 ms (100 ms among 20,000 vectors).
LITE = Dialect(templates=False, row_functions=False, filtered_breadth=2000, widest_breadth=20_000)


@dataclass
class Expression:
    """An expression and the values of its template, empty when it has none."""

    text: str
    parameters: dict[str, Parameter] = field(default_factory=dict)


def render(condition: Condition, dialect: Dialect) -> Expression:
    """Writes a widened condition. Raises BadInput for control characters and for numbers not finite."""
    writer = _Writer(dialect.templates)
    text = writer.write(condition)
    return Expression(text, writer.parameters)


def literal(value: Scalar) -> str:
    """A value as Milvus reads it. JSON's escapes of quotes and backslashes are Milvus's own."""
    check_value(value)
    return json.dumps(value, ensure_ascii=False)


def check_value(value: Scalar) -> None:
    """Raises BadInput for what no expression can carry safely."""
    if isinstance(value, str) and any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise BadInput("Filters may not hold control characters.")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput("Numbers in filters must be finite.")


class _Writer:
    def __init__(self, templates: bool) -> None:
        self._templates = templates
        self.parameters: dict[str, Parameter] = {}

    def write(self, condition: Condition) -> str:
        match condition:
            case Constant(holds):
                return "true" if holds else "false"
            case AllOf(parts):
                return self._join(" and ", parts)
            case AnyOf(parts):
                return self._join(" or ", parts)
            case Negation(inner):
                return f"(not {self.write(inner)})"
            case _:
                return f"({self._test(condition)})"

    def _join(self, word: str, parts: Sequence[Condition]) -> str:
        return f"({word.join(self.write(part) for part in parts)})"

    def _test(self, test: Condition) -> str:
        match test:
            case Comparison(subject, operator, value):
                return f"{_name(subject)} {operator} {self._slot(value)}"
            case OneOf(subject, values):
                return f"{_name(subject)} in {self._slots(values)}"
            case Like(subject, pattern):
                # Milvus takes no template after `like`.
                return f"{_name(subject)} like {literal(pattern)}"
            case Exists(subject):
                return f"exists {_name(subject)}"
            case ArrayHas(subject, texts, every):
                kind = "json" if subject.key is not None else "array"
                how = "all" if every else "any"
                return f"{kind}_contains_{how}({_name(subject)}, {self._slots(texts)})"
            case ArrayEmpty(subject):
                return f"array_length({_name(subject)}) == 0"
            case _:
                raise TypeError(f"{type(test).__name__} must be widened before it is written")

    def _slot(self, value: Scalar) -> str:
        check_value(value)
        return self._parameter(value) if self._templates else literal(value)

    def _slots(self, values: Sequence[Scalar]) -> str:
        for value in values:
            check_value(value)
        if self._templates:
            return self._parameter(list(values))
        return f"[{', '.join(literal(value) for value in values)}]"

    def _parameter(self, value: Parameter) -> str:
        name = f"v{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}}}"


def _name(subject: Field) -> str:
    return subject.column if subject.key is None else f"{subject.column}[{literal(subject.key)}]"
