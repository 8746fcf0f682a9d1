"""Compiles filters to SQL with the meaning of missing values that schemas/filters.py states."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Numeric,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)

from lorebase.models.answers import conversations
from lorebase.models.chunks import chunks
from lorebase.models.documents import documents
from lorebase.models.jobs import jobs
from lorebase.repositories.sql import comparisons as compare
from lorebase.repositories.sql import search_keys
from lorebase.repositories.sql.comparisons import Condition, ListOperand, Operand, text_operand
from lorebase.schemas.filters import (
    ConversationFilter,
    DocumentFilter,
    DocumentStatusFilter,
    JobFilter,
    JobStatusFilter,
    MetadataFilter,
    SearchFilter,
)

_TITLE = text_operand(documents.c.title, documents.c.title_key, nullable=False)
# Language tags and media types are ASCII: lower() and case folding agree there.
_LANGUAGE = text_operand(documents.c.language, func.lower(documents.c.language), nullable=True)
_MEDIA_TYPE = text_operand(documents.c.media_type, func.lower(documents.c.media_type), nullable=False)
_TAGS = ListOperand(documents.c.tags, func.cardinality(documents.c.tags) == 0, "&&", "@>")
_STATUS = Operand(documents.c.status, Text(), nullable=False)
# A passage above the first heading has no section.
_SECTION = text_operand(
    func.nullif(chunks.c.section_path, ""), func.nullif(chunks.c.section_key, ""), nullable=True
)
_CONVERSATION_TITLE = text_operand(conversations.c.title, conversations.c.title_key, nullable=False)
_SHOWN_JOB_STATUS = Operand(
    case((and_(jobs.c.status == "QUEUED", jobs.c.attempt > 0), "RETRYING"), else_=jobs.c.status),
    Text(),
    nullable=False,
)


def all_of(conditions: Iterable[Condition]) -> Condition:
    """All hold; true when there are none."""
    return and_(true(), *conditions)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """At least one holds; false when there is none."""
    return or_(false(), *conditions)


def document_condition(given: DocumentFilter) -> Condition:
    """Conditions on a row of documents."""
    parts: list[Condition] = []
    if given.and_ is not None:
        parts.append(all_of(map(document_condition, given.and_)))
    if given.or_ is not None:
        parts.append(any_of(map(document_condition, given.or_)))
    if given.not_ is not None:
        parts.append(not_(document_condition(given.not_)))
    return all_of([*parts, *_document_texts(given), *_document_facts(given)])


def _document_texts(given: DocumentFilter) -> Iterable[Condition]:
    for operand, wanted in (
        (_TITLE, given.title),
        (_LANGUAGE, given.language),
        (_MEDIA_TYPE, given.media_type),
    ):
        if wanted is not None:
            yield from compare.text(operand, wanted)


def _document_facts(given: DocumentFilter) -> Iterable[Condition]:
    for column, wanted in (
        (documents.c.created_at, given.created_at),
        (documents.c.updated_at, given.updated_at),
    ):
        if wanted is not None:
            yield from compare.time(column, wanted)
    if given.id is not None:
        yield from compare.identifier(documents.c.id, given.id)
    if given.status is not None:
        yield from _statuses(_STATUS, given.status)
    if given.tags is not None:
        yield from compare.texts(_TAGS, given.tags)
    for condition in given.metadata or ():
        yield from _metadata(condition)


def _statuses(operand: Operand, given: DocumentStatusFilter | JobStatusFilter) -> Iterable[Condition]:
    if given.eq is not None:
        yield operand.equals(str(given.eq))
    if given.in_ is not None:
        yield operand.one_of([str(status) for status in given.in_])
    if given.nin is not None:
        yield not_(operand.one_of([str(status) for status in given.nin]))


def _leaf(kind: str, path: str, operator: str = "->>") -> ColumnElement[str]:
    return documents.c.metadata_leaves.op(operator)(literal(f"{kind}{path}", Text()))


def _metadata(given: MetadataFilter) -> list[Condition]:
    path, value = given.path, given.value
    if value.string is not None:
        exact, folded = _leaf(search_keys.TEXT, path), _leaf(search_keys.FOLDED, path)
        return compare.text(text_operand(exact, folded, nullable=True), value.string)
    if value.number is not None:
        return compare.number(cast(_leaf(search_keys.NUMBER, path), Numeric()), value.number)
    if value.boolean is not None:
        return compare.truth(cast(_leaf(search_keys.TRUTH, path), Boolean()), value.boolean)
    if value.date_time is not None:
        moment = cast(_leaf(search_keys.TIME, path), BigInteger())
        return compare.milliseconds_time(moment, value.date_time)
    assert value.string_list is not None
    listed = _leaf(search_keys.LIST, path, "->")
    return compare.texts(ListOperand(listed, listed.is_(None), "?|", "?&"), value.string_list)


def search_condition(given: SearchFilter) -> Condition:
    """Conditions on a row of chunks joined to its document."""
    parts: list[Condition] = []
    if given.and_ is not None:
        parts.append(all_of(map(search_condition, given.and_)))
    if given.or_ is not None:
        parts.append(any_of(map(search_condition, given.or_)))
    if given.not_ is not None:
        parts.append(not_(search_condition(given.not_)))
    if given.document is not None:
        parts.append(document_condition(given.document))
    return all_of([*parts, *_chunk_facts(given)])


def _chunk_facts(given: SearchFilter) -> Iterable[Condition]:
    if given.chunk_tokens is not None:
        yield from compare.whole_number(chunks.c.token_count, given.chunk_tokens)
    if given.page is not None:
        yield from compare.whole_number(chunks.c.page, given.page)
    if given.section is not None:
        yield from compare.text(_SECTION, given.section)


def possible_documents(given: SearchFilter, *, negated: bool = False) -> Condition:
    """Conditions on documents that could hold a matching chunk.

    What is asked of chunks counts as true, below an odd number of `not` as false: the result is wider than
    the filter, never narrower.
    """
    unknown = false() if negated else true()
    parts: list[Condition] = []
    if given.and_ is not None:
        parts.append(all_of(possible_documents(part, negated=negated) for part in given.and_))
    if given.or_ is not None:
        parts.append(any_of(possible_documents(part, negated=negated) for part in given.or_))
    if given.not_ is not None:
        parts.append(not_(possible_documents(given.not_, negated=not negated)))
    if given.document is not None:
        parts.append(document_condition(given.document))
    if given.chunk_tokens is not None or given.page is not None or given.section is not None:
        parts.append(unknown)
    return all_of(parts)


def job_condition(given: JobFilter) -> Condition:
    """Conditions on a row of jobs; QUEUED means never started, RETRYING means queued again."""
    parts: list[Condition] = []
    if given.and_ is not None:
        parts.append(all_of(map(job_condition, given.and_)))
    if given.or_ is not None:
        parts.append(any_of(map(job_condition, given.or_)))
    if given.not_ is not None:
        parts.append(not_(job_condition(given.not_)))
    if given.created_at is not None:
        parts.extend(compare.time(jobs.c.created_at, given.created_at))
    if given.kind is not None:
        parts.append(jobs.c.kind == literal(str(given.kind), Text()))
    if given.status is not None:
        parts.extend(_statuses(_SHOWN_JOB_STATUS, given.status))
    return all_of(parts)


def conversation_condition(given: ConversationFilter) -> Condition:
    """Conditions on a row of conversations."""
    parts: list[Condition] = []
    if given.and_ is not None:
        parts.append(all_of(map(conversation_condition, given.and_)))
    if given.or_ is not None:
        parts.append(any_of(map(conversation_condition, given.or_)))
    if given.not_ is not None:
        parts.append(not_(conversation_condition(given.not_)))
    if given.created_at is not None:
        parts.extend(compare.time(conversations.c.created_at, given.created_at))
    if given.title is not None:
        parts.extend(compare.text(_CONVERSATION_TITLE, given.title))
    return all_of(parts)
