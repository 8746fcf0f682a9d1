"""What operators do with the rights of the owner: migrate, and keep models and analysers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from lorebase.clients.model_description import describe, describe_embedding_model
from lorebase.clients.openai_connection import ModelConnections
from lorebase.container.resources import milvus_address, required
from lorebase.core.config import Settings
from lorebase.repositories.database import create_owner_engine, ensure_roles
from lorebase.repositories.migrations_runner import upgrade
from lorebase.repositories.milvus.collection import MilvusCollections
from lorebase.repositories.sql.analysers import SqlAnalyserRegistry
from lorebase.repositories.sql.embedding_registry import SqlEmbeddingRegistry
from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.services.indexes.analyser_registry import AnalyserRegistryService
from lorebase.services.indexes.embedding_registry import EmbeddingRegistryService


async def migrate(settings: Settings) -> EmbeddingModel:
    """Brings everything to this release: roles, tables, the embedding model's registration and collection."""
    owner_url = required(settings.database_owner_url, "LOREBASE_DATABASE_OWNER_URL")
    await ensure_roles(owner_url, required(settings.database_url, "LOREBASE_DATABASE_URL"))
    await upgrade(owner_url)
    async with open_registry(settings) as registry, open_analysers(settings) as analysers:
        # An installation without a model has no knowledge base yet: its words need not be as they were.
        if not await registry.models():
            await analysers.begin()
        await analysers.make_collections()
        connections = ModelConnections(settings)
        try:
            return await registry.adopt(await describe_embedding_model(connections, settings))
        finally:
            await connections.close()


@asynccontextmanager
async def open_registry(settings: Settings) -> AsyncIterator[EmbeddingRegistryService]:
    """The registry of embedding models, with the owner's rights: for operators' commands only."""
    connections = ModelConnections(settings)
    owner = create_owner_engine(required(settings.database_owner_url, "LOREBASE_DATABASE_OWNER_URL"))
    try:
        yield EmbeddingRegistryService(
            registry=SqlEmbeddingRegistry(owner),
            collections=MilvusCollections(*milvus_address(settings)),
            describe=partial(describe, connections),
        )
    finally:
        await owner.dispose()
        await connections.close()


@asynccontextmanager
async def open_analysers(settings: Settings) -> AsyncIterator[AnalyserRegistryService]:
    """The registry of analyser versions, with the owner's rights: for operators' commands only."""
    owner = create_owner_engine(required(settings.database_owner_url, "LOREBASE_DATABASE_OWNER_URL"))
    try:
        yield AnalyserRegistryService(
            registry=SqlAnalyserRegistry(owner),
            collections=MilvusCollections(*milvus_address(settings)),
            settings=settings,
        )
    finally:
        await owner.dispose()
