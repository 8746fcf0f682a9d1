"""How embedding indexes are read, with their model and with what they hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, literal, select

from lorebase.models.embeddings import embedding_indexes, embedding_models, index_documents
from lorebase.repositories.sql.values import build, columns_of
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel

MODEL_COLUMNS = columns_of(embedding_models, EmbeddingModel)

# The default is the first of those not deprecated.
DEFAULT_FIRST = (
    embedding_models.c.chosen_at.desc().nulls_last(),
    embedding_models.c.created_at.desc(),
    embedding_models.c.id.desc(),
)

# A retired index is seen by the job that removes it only.
KEPT = embedding_indexes.c.retired_at.is_(None)

_HELD = (
    select(
        func.count().label("document_count"),
        func.coalesce(func.sum(index_documents.c.chunk_count), 0).label("chunk_count"),
    )
    .where(index_documents.c.index_id == embedding_indexes.c.id)
    .correlate(embedding_indexes)
    .lateral("held")
)
INDEXES = select(
    *columns_of(embedding_indexes, EmbeddingIndex),
    _HELD.c.document_count,
    _HELD.c.chunk_count,
    *(embedding_models.c[name].label(f"model_{name}") for name in EmbeddingModel.model_fields),
).select_from(
    embedding_indexes.join(embedding_models, embedding_models.c.id == embedding_indexes.c.model_id).join(
        _HELD, literal(True)
    )
)


def index_of(row: Row[Any]) -> EmbeddingIndex:
    """The index of a row."""
    fields = {name: row._mapping[f"model_{name}"] for name in EmbeddingModel.model_fields}
    return build(EmbeddingIndex, row, model=EmbeddingModel.model_validate(fields))
