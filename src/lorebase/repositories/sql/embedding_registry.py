"""Registration of embedding models by the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, Select, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.models.embeddings import embedding_models
from lorebase.repositories.database_errors import translated_errors
from lorebase.repositories.sql.index_rows import DEFAULT_FIRST, MODEL_COLUMNS
from lorebase.repositories.sql.values import CLOCK, build
from lorebase.schemas.embeddings import EmbeddingModel, RegisteredModel


class SqlEmbeddingRegistry:
    """See ports/knowledge_bases.py. Needs the owner's engine: the application may only read models."""

    def __init__(self, owner_engine: AsyncEngine) -> None:
        self._engine = owner_engine

    async def register(self, model: EmbeddingModel) -> EmbeddingModel:
        """Adds the model version, or returns the one with the same name, provider, version and dimensions.

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

    async def choose(self, model_id: UUID) -> None:
        """Makes it the one that new knowledge bases use unless they name another."""
        await self._change(
            update(embedding_models).where(embedding_models.c.id == model_id).values(chosen_at=CLOCK)
        )

    async def all(self) -> Sequence[RegisteredModel]:
        """Every model, newest first."""
        newest_first = select(*MODEL_COLUMNS).order_by(
            embedding_models.c.created_at.desc(), embedding_models.c.id.desc()
        )
        usable = select(embedding_models.c.id).where(embedding_models.c.deprecated_at.is_(None))
        with translated_errors():
            async with self._engine.connect() as connection:
                default = (await connection.execute(usable.order_by(*DEFAULT_FIRST).limit(1))).scalar()
                found = (await connection.execute(newest_first)).all()
        models = [build(EmbeddingModel, row) for row in found]
        return [RegisteredModel(model=model, is_default=model.id == default) for model in models]

    async def deprecate(self, model_id: UUID) -> None:
        """From here on no new index can choose it. NotFound."""
        since = func.coalesce(embedding_models.c.deprecated_at, CLOCK)
        change = update(embedding_models).where(embedding_models.c.id == model_id)
        await self._change(change.values(deprecated_at=since, updated_at=CLOCK))

    async def _change(self, statement: Executable) -> None:
        with translated_errors():
            async with self._engine.begin() as connection:
                if (await connection.execute(statement)).rowcount != 1:
                    raise NotFound("There is no such embedding model.")

    @asynccontextmanager
    async def removal(self, model_id: UUID) -> AsyncIterator[None]:
        """Removes the model and its cached vectors when the block ends well; see the port.

        The foreign key of indexes decides whether it is in use: row-level security hides them from the owner.
        """
        with translated_errors():
            async with self._engine.begin() as connection:
                await _delete_unused(
                    connection.execute(delete(embedding_models).where(embedding_models.c.id == model_id))
                )
                yield


async def _delete_unused(deletion: Any) -> None:
    try:
        with translated_errors():
            removed = await deletion
    except NotFound as error:
        message = "Indexes still use the embedding model."
        raise Conflict(message, code=ErrorCode.WRONG_STATE) from error
    if removed.rowcount != 1:
        raise NotFound("There is no such embedding model.")


def _same(model: EmbeddingModel) -> Select[Any]:
    names = ("name", "provider", "version", "dimensions")
    same = and_(*(embedding_models.c[name] == getattr(model, name) for name in names))
    return select(*MODEL_COLUMNS).where(same)
