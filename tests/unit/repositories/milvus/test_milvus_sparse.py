"""Weights of terms on their way into Milvus and back."""

from __future__ import annotations

import struct
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st
from pymilvus import DataType

from lorebase.repositories.milvus import columns as c
from lorebase.repositories.milvus.collection import collection_schema
from lorebase.repositories.milvus.rows import row, vector_bytes
from lorebase.repositories.milvus.sparse import is_score, query_vector, sparse_vector
from lorebase.schemas.search import ChunkWeights
from tests.contracts.chunk_rows import document, passage

terms = st.integers(-(2**31), 2**32 - 1)
weights = st.dictionaries(terms, st.floats(0.001, 2.2), max_size=30)


@given(weights)
def test_a_vector_is_never_empty_and_milvus_knows_every_dimension(found: dict[int, float]) -> None:
    vector = sparse_vector(found)
    assert vector
    assert all(0 <= dimension < 2**32 - 1 for dimension in vector)
    # As four bytes each a weight must still be more than nothing.
    assert all(struct.unpack("f", struct.pack("f", weight))[0] > 0 for weight in vector.values())


@given(st.dictionaries(st.integers(0, 2**32 - 3), st.floats(0.001, 2.2), max_size=30))
def test_terms_keep_their_weights_signed_or_not(found: dict[int, float]) -> None:
    signed = {(term + 2**31) % 2**32 - 2**31: weight for term, weight in found.items()}
    assert query_vector(found) == query_vector(signed) == found


@given(weights, st.floats(0.01, 20))
def test_only_passages_that_share_a_term_with_the_query_have_a_score(
    found: dict[int, float], inverse_frequency: float
) -> None:
    query = query_vector(dict.fromkeys(found or {-2: 0.0}, inverse_frequency))
    wordless = sum(weight * query.get(term, 0.0) for term, weight in sparse_vector({}).items())
    assert not is_score(wordless)
    if found:
        assert is_score(sum(weight * query[term] for term, weight in sparse_vector(found).items()))


def test_a_row_of_weights_has_the_columns_of_a_row_of_a_vector() -> None:
    entry = passage(document(uuid4(), title="Straße")).row
    fields = {name: value for name, value in entry if name != "vector"}
    weighted = ChunkWeights.model_validate({**fields, "weights": {5: 1.5, -1: 0.5}})
    dense, sparse = row(entry), row(weighted)
    assert sparse.pop(c.VECTOR) == {5: 1.5, 2**32 - 2: 0.5}
    assert dense.pop(c.VECTOR) == list(entry.vector)
    assert sparse == dense
    assert (vector_bytes(weighted), vector_bytes(entry)) == (16, 4 * len(entry.vector))


def test_both_kinds_of_collection_differ_in_the_vector_alone() -> None:
    dense, sparse = (
        {field.name: field.dtype for field in collection_schema(size).fields} for size in (8, None)
    )
    assert (dense.pop(c.VECTOR), sparse.pop(c.VECTOR)) == (
        DataType.FLOAT_VECTOR,
        DataType.SPARSE_FLOAT_VECTOR,
    )
    assert dense == sparse
