"""Hypothesis strategies for filters whose operands often meet the values of `varied_passages`."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from hypothesis import strategies as st

from lorebase.schemas.base import Value
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
from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType
from tests.contracts.chunk_rows import HOSTILE, MOMENT

PATHS = ("value", "author.team", "absent")
FIELDS = [MetadataField(path=path, type=kind) for path in PATHS for kind in MetadataFieldType]

_known = st.sampled_from([*HOSTILE, "", "en", "de", "text/plain", "Intro", "Intro > Straße % _", "x"])
_strange = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=6)
_pieces = _known.flatmap(lambda text: st.sampled_from([text[:2], text[1:3], text.upper(), text]))
_texts = st.one_of(_known, _strange)
_text_lists = st.lists(_texts, max_size=3).map(tuple)
_integers = st.one_of(st.sampled_from([-1, 0, 1, 2, 10, 30, 200]), st.integers(-(2**70), 2**70))
_floats = st.one_of(
    st.sampled_from([-1.0, 0.0, 2.5, 10.0, 1e-7, 1e22, float(2**53)]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_midnight = MOMENT.replace(hour=0, minute=0, second=0, microsecond=0)
_moments = st.one_of(
    st.sampled_from([-2, -1, 0, 1, 5, 86_400_000]).map(lambda ms: MOMENT + timedelta(milliseconds=ms)),
    st.sampled_from([_midnight, _midnight + timedelta(hours=12), _midnight + timedelta(days=1)]),
)
_ids = st.integers(1, 90).map(lambda number: UUID(int=number))


Operands = dict[str, st.SearchStrategy[object]]


def some(kind: type[Value], operands: Operands) -> st.SearchStrategy[Value]:
    """Mostly one operator, seldom two or none: many at once would match nothing."""
    keys = st.sampled_from(sorted(operands))
    one = keys.map(lambda key: [key])
    names = st.one_of(one, one, one, st.lists(keys, unique=True, max_size=2))
    return names.flatmap(lambda chosen: st.builds(kind, **{name: operands[name] for name in chosen}))


_flags = st.booleans()
_integer_lists = st.lists(_integers, min_size=1, max_size=3).map(tuple)
booleans = some(BooleanFilter, {"eq": _flags, "is_null": _flags})
strings = some(
    StringFilter,
    {
        **{"eq": _texts, "neq": _texts, "in_": _text_lists, "nin": _text_lists},
        **{"contains": _pieces, "starts_with": _pieces, "is_null": _flags},
    },
)
integers = some(
    IntFilter,
    {
        **{"eq": _integers, "neq": _integers, "in_": _integer_lists, "nin": _integer_lists},
        **{"gt": _integers, "gte": _integers, "lt": _integers, "lte": _integers, "is_null": _flags},
    },
)
numbers = some(
    FloatFilter,
    {
        **{"eq": _floats, "neq": _floats, "gt": _floats, "gte": _floats},
        **{"lt": _floats, "lte": _floats, "is_null": _flags},
    },
)
times = some(
    DateTimeFilter,
    {"eq": _moments, "gt": _moments, "gte": _moments, "lt": _moments, "lte": _moments, "is_null": _flags},
)
lists = some(
    StringListFilter,
    {"has_any": _text_lists, "has_all": _text_lists, "has_none": _text_lists, "is_null": _flags},
)
metadata = st.builds(
    MetadataFilter,
    path=st.sampled_from(PATHS),
    value=st.one_of(
        st.builds(MetadataValueFilter, string=strings),
        st.builds(MetadataValueFilter, number=numbers),
        st.builds(MetadataValueFilter, boolean=booleans),
        st.builds(MetadataValueFilter, date_time=times),
        st.builds(MetadataValueFilter, string_list=lists),
    ),
)
_statuses = st.sampled_from([DocumentStatus.READY, DocumentStatus.PROCESSING])
_status_lists = st.lists(_statuses, max_size=1).map(tuple)
statuses = some(DocumentStatusFilter, {"eq": _statuses, "in_": _status_lists, "nin": _status_lists})
_id_lists = st.lists(_ids, max_size=40).map(tuple)
identifiers = some(IdFilter, {"eq": _ids, "neq": _ids, "in_": _id_lists, "nin": _id_lists})

_document_fields: Operands = {
    "created_at": times,
    "updated_at": times,
    "id": identifiers,
    "language": strings,
    "media_type": strings,
    "metadata": st.lists(metadata, min_size=1, max_size=2).map(tuple),
    "status": statuses,
    "tags": lists,
    "title": strings,
}


def _grouped(kind: type[Value], leaves: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    def group(nested: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
        parts = st.lists(nested, max_size=3).map(tuple)
        return st.one_of(
            st.builds(kind, not_=nested), st.builds(kind, or_=parts), st.builds(kind, and_=parts)
        )

    return st.recursive(leaves, group, max_leaves=5)


document_filters = _grouped(DocumentFilter, some(DocumentFilter, _document_fields))
_search_fields: Operands = {
    "chunk_tokens": integers,
    "page": integers,
    "section": strings,
    "document": document_filters,
}
search_filters = _grouped(SearchFilter, some(SearchFilter, _search_fields))
