"""What filters mean, evaluated in plain Python: the reference for SQL and Milvus, and for fakes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from lorebase.schemas.documents import Chunk, Document, JsonObject
from lorebase.schemas.filters import (
    BooleanFilter,
    DateTimeFilter,
    DocumentFilter,
    DocumentStatusFilter,
    FloatFilter,
    IdFilter,
    IntFilter,
    MetadataFilter,
    SearchFilter,
    StringFilter,
    StringListFilter,
)
from lorebase.schemas.metadata import (
    as_milliseconds,
    as_number,
    as_text,
    as_texts,
    milliseconds,
    value_at,
)
from lorebase.services.embeddings.embedding_text import heading_path


def matches_document(given: DocumentFilter, document: Document) -> bool:
    """Whether a document matches."""
    return all(_document_conditions(given, document))


def matches_chunk(given: SearchFilter, chunk: Chunk, document: Document) -> bool:
    """Whether a passage of a document matches."""
    return all(_chunk_conditions(given, chunk, document))


def _chunk_conditions(given: SearchFilter, chunk: Chunk, document: Document) -> Iterator[bool]:
    if given.and_ is not None:
        yield all(matches_chunk(part, chunk, document) for part in given.and_)
    if given.or_ is not None:
        yield any(matches_chunk(part, chunk, document) for part in given.or_)
    if given.not_ is not None:
        yield not matches_chunk(given.not_, chunk, document)
    if given.chunk_tokens is not None:
        yield matches_integer(given.chunk_tokens, chunk.token_count)
    if given.page is not None:
        yield matches_integer(given.page, chunk.page)
    if given.section is not None:
        yield matches_text(given.section, heading_path(chunk.section) or None)
    if given.document is not None:
        yield matches_document(given.document, document)


def _document_conditions(given: DocumentFilter, document: Document) -> Iterator[bool]:
    if given.and_ is not None:
        yield all(matches_document(part, document) for part in given.and_)
    if given.or_ is not None:
        yield any(matches_document(part, document) for part in given.or_)
    if given.not_ is not None:
        yield not matches_document(given.not_, document)
    yield from _document_texts(given, document)
    yield from _document_facts(given, document)


def _document_texts(given: DocumentFilter, document: Document) -> Iterator[bool]:
    for comparison, value in (
        (given.title, document.title),
        (given.language, document.language),
        (given.media_type, document.media_type),
    ):
        if comparison is not None:
            yield matches_text(comparison, value)


def _document_facts(given: DocumentFilter, document: Document) -> Iterator[bool]:
    if given.id is not None:
        yield _matches_set(given.id, document.id)
    if given.status is not None:
        yield _matches_set(given.status, document.status)
    if given.created_at is not None:
        yield matches_time(given.created_at, milliseconds(document.created_at))
    if given.updated_at is not None:
        yield matches_time(given.updated_at, milliseconds(document.updated_at))
    if given.tags is not None:
        yield matches_texts(given.tags, document.tags)
    for condition in given.metadata or ():
        yield _matches_metadata(condition, document.metadata)


def _matches_metadata(given: MetadataFilter, metadata: JsonObject) -> bool:
    value, wanted = value_at(metadata, given.path), given.value
    if wanted.string is not None:
        return matches_text(wanted.string, as_text(value))
    if wanted.number is not None:
        return matches_number(wanted.number, as_number(value))
    if wanted.boolean is not None:
        return matches_truth(wanted.boolean, value if isinstance(value, bool) else None)
    if wanted.date_time is not None:
        return matches_time(wanted.date_time, as_milliseconds(value))
    assert wanted.string_list is not None
    return matches_texts(wanted.string_list, as_texts(value))


def matches_text(given: StringFilter, value: str | None) -> bool:
    """Text comparison; None is a missing value."""
    folded = None if value is None else value.casefold()
    return all(
        (
            given.is_null is None or given.is_null == (value is None),
            given.eq is None or value == given.eq,
            given.neq is None or value != given.neq,
            given.in_ is None or value in given.in_,
            given.nin is None or value not in given.nin,
            given.contains is None or (folded is not None and given.contains.casefold() in folded),
            given.starts_with is None
            or (folded is not None and folded.startswith(given.starts_with.casefold())),
        )
    )


def matches_integer(given: IntFilter, value: int | None) -> bool:
    """Whole-number comparison; None is a missing value."""
    return (
        matches_number(given, value)
        and (given.in_ is None or value in given.in_)
        and (given.nin is None or value not in given.nin)
    )


def matches_number(given: IntFilter | FloatFilter, value: float | None) -> bool:
    """Number comparison; None is a missing value."""
    return (
        (given.is_null is None or given.is_null == (value is None))
        and (given.eq is None or value == given.eq)
        and (given.neq is None or value != given.neq)
        and _in_range(given.gt, given.gte, given.lt, given.lte, value)
    )


def matches_truth(given: BooleanFilter, value: bool | None) -> bool:
    """Truth-value comparison; None is a missing value."""
    return (given.is_null is None or given.is_null == (value is None)) and (
        given.eq is None or value is given.eq
    )


def matches_time(given: DateTimeFilter, value: int | None) -> bool:
    """Time comparison of whole milliseconds; None is a missing value."""
    equal, *bounds = map(_whole, (given.eq, given.gt, given.gte, given.lt, given.lte))
    return (
        (given.is_null is None or given.is_null == (value is None))
        and (equal is None or value == equal)
        and _in_range(bounds[0], bounds[1], bounds[2], bounds[3], value)
    )


def matches_texts(given: StringListFilter, values: Sequence[str]) -> bool:
    """Comparison of a list; an empty one is a missing value."""
    held: Collection[str] = frozenset(values)
    tests: tuple[tuple[tuple[str, ...] | None, Callable[[tuple[str, ...]], bool]], ...] = (
        (given.has_any, lambda wanted: any(text in held for text in wanted)),
        (given.has_all, lambda wanted: all(text in held for text in wanted)),
        (given.has_none, lambda wanted: all(text not in held for text in wanted)),
    )
    null = given.is_null is None or given.is_null == (not held)
    return null and all(wanted is None or test(wanted) for wanted, test in tests)


def _matches_set(given: IdFilter | DocumentStatusFilter, value: UUID | str) -> bool:
    return (
        (given.eq is None or value == given.eq)
        and (not isinstance(given, IdFilter) or given.neq is None or value != given.neq)
        and (given.in_ is None or value in given.in_)
        and (given.nin is None or value not in given.nin)
    )


def _in_range(
    above: float | None,
    at_least: float | None,
    below: float | None,
    at_most: float | None,
    value: float | None,
) -> bool:
    if value is None:
        return above is at_least is below is at_most is None
    return (
        (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (below is None or value < below)
        and (at_most is None or value <= at_most)
    )


def _whole(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)
