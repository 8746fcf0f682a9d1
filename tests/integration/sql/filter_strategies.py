"""Random filters and the documents they are tried on, drawn from few values so that they often meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.filters import (
    BooleanFilter,
    DateTimeFilter,
    DocumentFilter,
    DocumentStatusFilter,
    FloatFilter,
    IdFilter,
    IntFilter,
    MetadataFilter,
    MetadataValueFilter,
    SearchFilter,
    StringFilter,
    StringListFilter,
)

TEXTS = ["", "a", "A", "ß", "SS", "straße", "STRASSE", "ς", "Σ", "İ", "100%", "_", "a\\b", "%"]
ASCII = ["en", "EN", "de", "text/plain", "Text/HTML"]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIMES = [NOON + timedelta(microseconds=step) for step in (0, 1, 999, 1000, 1001, -1)]
TIMES += [
    NOON.astimezone(timezone(timedelta(hours=5))),
    datetime(1969, 1, 1, 0, 0, 0, 500, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
]
WRITTEN_TIMES = ["2026-03-01", "2026-03-01T12:00:00Z", "2026-03-01T17:00:00.000999+05:00", "20260301", "now"]
NUMBERS: list[float] = [
    0,
    -1,
    0.1,
    0.3,
    1.0,
    3,
    2**53,
    2**53 + 1,
    2**53 + 2.0,
    1e23,
    2**63 - 1,
    1e300,
    -1e-300,
]
PATHS = ["k", "a.b", "a", "a.b.c", "missing", "0", "l.0"]
IDS = [UUID(int=number) for number in range(1, 6)]

texts = st.sampled_from(TEXTS)
ascii_texts = st.sampled_from(ASCII)
times = st.sampled_from(TIMES)
numbers = st.sampled_from(NUMBERS)
scalars = st.one_of(texts, numbers, st.booleans(), st.none(), st.sampled_from(WRITTEN_TIMES))
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.lists(texts, max_size=3))
metadata_objects = st.one_of(
    st.fixed_dictionaries({}, optional={"k": values, "a": values, "a.b": values, "0": values}),
    st.fixed_dictionaries(
        {}, optional={"k": values, "a": st.fixed_dictionaries({}, optional={"b": values}), "a.b": values}
    ),
)


def some(**operands: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One to two of the operands."""
    names = st.lists(st.sampled_from(sorted(operands)), min_size=0, max_size=2, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: operands[name] for name in chosen}))


def few(elements: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(elements, max_size=3).map(tuple)


def string_filters(operands: st.SearchStrategy[str]) -> st.SearchStrategy[StringFilter]:
    return some(
        eq=operands,
        neq=operands,
        in_=few(operands),
        nin=few(operands),
        contains=operands,
        starts_with=operands,
        is_null=st.booleans(),
    ).map(lambda fields: StringFilter(**fields))


time_filters = some(eq=times, gt=times, gte=times, lt=times, lte=times, is_null=st.booleans()).map(
    lambda fields: DateTimeFilter(**fields)
)
number_filters = some(
    **dict.fromkeys(("eq", "neq", "gt", "gte", "lt", "lte"), numbers.map(float)), is_null=st.booleans()
).map(lambda fields: FloatFilter(**fields))
list_filters = some(has_any=few(texts), has_all=few(texts), has_none=few(texts), is_null=st.booleans()).map(
    lambda fields: StringListFilter(**fields)
)
truth_filters = some(eq=st.booleans(), is_null=st.booleans()).map(lambda fields: BooleanFilter(**fields))
whole = st.sampled_from([0, 1, 2, 3, 2**31, -(2**63) - 1, 10**30])
int_filters = some(
    **dict.fromkeys(("eq", "neq", "gt", "gte", "lt", "lte"), whole),
    in_=few(whole),
    nin=few(whole),
    is_null=st.booleans(),
).map(lambda fields: IntFilter(**fields))
status = st.sampled_from([DocumentStatus.ACCEPTED, DocumentStatus.READY, DocumentStatus.FAILED])
status_filters = some(eq=status, in_=few(status), nin=few(status)).map(
    lambda fields: DocumentStatusFilter(**fields)
)
ids = st.sampled_from(IDS)
id_filters = some(eq=ids, neq=ids, in_=few(ids), nin=few(ids)).map(lambda fields: IdFilter(**fields))
metadata_filters = st.builds(
    MetadataFilter,
    path=st.sampled_from(PATHS),
    value=st.one_of(
        string_filters(texts).map(lambda given: MetadataValueFilter(string=given)),
        number_filters.map(lambda given: MetadataValueFilter(number=given)),
        truth_filters.map(lambda given: MetadataValueFilter(boolean=given)),
        time_filters.map(lambda given: MetadataValueFilter(date_time=given)),
        list_filters.map(lambda given: MetadataValueFilter(string_list=given)),
    ),
)
document_conditions = some(
    title=string_filters(texts),
    language=string_filters(ascii_texts),
    media_type=string_filters(ascii_texts),
    created_at=time_filters,
    updated_at=time_filters,
    id=id_filters,
    status=status_filters,
    tags=list_filters,
    metadata=few(metadata_filters),
).map(lambda fields: DocumentFilter(**fields))
document_filters = st.recursive(
    document_conditions,
    lambda parts: some(and_=few(parts), or_=few(parts), not_=parts).map(
        lambda fields: DocumentFilter(**fields)
    ),
    max_leaves=6,
)
chunk_conditions = some(
    page=int_filters, chunk_tokens=int_filters, section=string_filters(texts), document=document_filters
).map(lambda fields: SearchFilter(**fields))
search_filters = st.recursive(
    chunk_conditions,
    lambda parts: some(and_=few(parts), or_=few(parts), not_=parts).map(
        lambda fields: SearchFilter(**fields)
    ),
    max_leaves=6,
)
document_fields = st.fixed_dictionaries(
    {
        "title": texts,
        "language": st.none() | ascii_texts,
        "media_type": ascii_texts,
        "created_at": times,
        "updated_at": times,
        "tags": few(texts),
        "metadata": metadata_objects,
        "status": st.sampled_from([DocumentStatus.ACCEPTED, DocumentStatus.FAILED]),
    }
)
chunk_fields = st.fixed_dictionaries(
    {"page": st.none() | st.integers(0, 3), "token_count": st.integers(0, 3), "section": few(texts)}
)
