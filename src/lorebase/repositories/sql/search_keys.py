"""What filters and lists compare, made by Python beside the values, so that it means the same everywhere.

PostgreSQL's lower() differs from `str.casefold` (it leaves "ß" and a final sigma alone), its casefold() came
with version 18 and depends on the collation, and it reads dates that Python refuses: stored keys agree.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import JsonValue

from lorebase.schemas.documents import JsonObject
from lorebase.schemas.metadata import as_milliseconds, as_number, as_texts, leaves

# Enough to order by; whole titles would outgrow what a B-tree can hold.
_SORTED_CHARACTERS = 100
# From here on every float is a whole number, and its shortest decimal form may be another one.
_WHOLE_FROM = 2**53

TEXT, FOLDED, NUMBER, TRUTH, TIME, LIST = "s:", "f:", "n:", "b:", "t:", "l:"


def fold(text: str) -> str:
    """The text without differences of case."""
    return text.casefold()


def sort_key(text: str) -> str:
    """The start of the folded text; ties are broken by id."""
    return text.casefold()[:_SORTED_CHARACTERS]


def metadata_leaves(metadata: JsonObject) -> JsonObject:
    """The values of metadata by type and dotted path; an absent key says that there is no such value."""
    found: JsonObject = {}
    for path, value in leaves(metadata):
        found.update({f"{kind}{path}": typed for kind, typed in _typed(value).items()})
    return found


def _typed(value: JsonValue) -> JsonObject:
    typed: JsonObject = {}
    number, time, texts = as_number(value), as_milliseconds(value), as_texts(value)
    if isinstance(value, bool):
        typed[TRUTH] = value
    if number is not None:
        typed[NUMBER] = int(number) if abs(number) >= _WHOLE_FROM else number
    if isinstance(value, str):
        typed[TEXT] = value
        typed[FOLDED] = fold(value)
    if time is not None:
        typed[TIME] = time
    if texts:
        typed[LIST] = list(texts)
    return typed


def exact_decimal(number: float) -> Decimal:
    """The number as it compares with stored ones: equal and ordered just as Python compares the originals."""
    return Decimal(int(number)) if abs(number) >= _WHOLE_FROM else Decimal(repr(number))
