"""Registration of embedding models by the owner."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.errors import Conflict
from lorebase.models.embeddings import embedding_models
from lorebase.repositories.database_errors import translated_errors
from lorebase.repositories.sql.embeddings import MODEL_COLUMNS
from lorebase.repositories.sql.values import build
from lorebase.schemas.embeddings import EmbeddingModel


class SqlEmbeddingRegistry:
    """See ports/knowledge_bases.py. Needs the owner's engine: the application may only read models."""

    def __init__(self, owner_engine: AsyncEngine) -> None:
        self._engine = owner_engine

    async def register(self, model: EmbeddingModel) -> EmbeddingModel:
        """Adds the model version, or returns the one with the same name, provider and version.

        Conflict when its collection belongs to another model version.
        """
        with translated_errors():
            async with self._engine.begin() as connection:
                new = insert(embedding_models).values(model.model_dump())
                await connection.execute(new.on_conflict_do_nothing())
                found = (await connection.execute(_same(model))).first()
        if found is None:
            raise Conflict("The collection or the id belongs to another embedding model.")
        return build(EmbeddingModel, found)


def _same(model: EmbeddingModel) -> Select[Any]:
    names = ("name", "provider", "version")
    same = and_(*(embedding_models.c[name] == getattr(model, name) for name in names))
    return select(*MODEL_COLUMNS).where(same)
