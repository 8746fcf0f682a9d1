"""What operators do on the databases themselves, past the API: migrate, make workspaces, compare stores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lorebase.container import migrate as migrate_everything
from lorebase.container import open_analysers, open_container, open_registry
from lorebase.core.config import Settings
from lorebase.core.ids import GlobalId, parse_global_id
from lorebase.schemas.analysers import ListedAnalyser
from lorebase.schemas.embeddings import EmbeddingModel, ModelWish, RegisteredModel
from lorebase.schemas.knowledge_bases import CreateKnowledgeBase
from lorebase.schemas.reconciliation import DriftReport
from lorebase.schemas.workspaces import Principal
from lorebase.services.indexes.analyser_registry import AnalyserRegistryService
from lorebase.services.reindexing.index_rebuild import Tell

FIRST_WORKSPACE = "Default"
FIRST_KNOWLEDGE_BASE = CreateKnowledgeBase(name="Documents", slug="documents")


@dataclass(frozen=True)
class NewWorkspace:
    """Global ids, the slug, and the secret of the first key, which is kept nowhere."""

    workspace_id: str
    slug: str
    api_key: str
    knowledge_base_id: str | None = None


def migrate_now(settings: Settings) -> EmbeddingModel:
    """Brings everything to this release; returns the embedding model of new knowledge bases."""
    return asyncio.run(migrate_everything(settings))


def list_models(settings: Settings) -> Sequence[RegisteredModel]:
    """The registered embedding models, newest first."""

    async def listed() -> Sequence[RegisteredModel]:
        async with open_registry(settings) as registry:
            return await registry.models()

    return asyncio.run(listed())


def add_model(settings: Settings, wish: ModelWish) -> EmbeddingModel:
    """Registers an embedding model and makes its collection; see EmbeddingRegistryService.add."""

    async def added() -> EmbeddingModel:
        async with open_registry(settings) as registry:
            return await registry.add(wish)

    return asyncio.run(added())


def retire_model(settings: Settings, model_id: str) -> EmbeddingModel:
    """Removes a model by its global id; see EmbeddingRegistryService.retire."""

    async def retired() -> EmbeddingModel:
        async with open_registry(settings) as registry:
            return await registry.retire(parse_global_id(model_id, "EmbeddingModel").object_id)

    return asyncio.run(retired())


def list_analysers(settings: Settings) -> Sequence[ListedAnalyser]:
    """Every version of the keyword analyser."""

    async def listed() -> Sequence[ListedAnalyser]:
        async with open_analysers(settings) as analysers:
            return await analysers.versions()

    return asyncio.run(listed())


def change_analysers(
    settings: Settings, change: Callable[[AnalyserRegistryService], Awaitable[None]]
) -> None:
    """One change to the registry of analysers; see AnalyserRegistryService."""

    async def changed() -> None:
        async with open_analysers(settings) as analysers:
            await change(analysers)

    asyncio.run(changed())


def create_workspace(settings: Settings, name: str, slug: str | None) -> NewWorkspace:
    """A workspace with its first key. Conflict when the slug is taken, BadInput for a bad name or slug."""
    return asyncio.run(_create(settings, name, slug, None))


def create_first_workspace(settings: Settings) -> NewWorkspace:
    """The workspace, knowledge base and key that a new installation begins with."""
    return asyncio.run(_create(settings, FIRST_WORKSPACE, None, FIRST_KNOWLEDGE_BASE))


def reconcile_now(settings: Settings, slug: str | None, *, repair: bool) -> list[DriftReport]:
    """Compares the stores, workspace by workspace; NotFound when no workspace has the slug."""
    return asyncio.run(_reconcile(settings, slug, repair))


def rebuild_now(settings: Settings, slug: str | None, tell: Tell) -> list[DriftReport]:
    """Fills the vector store again; what disagrees in the end."""
    return asyncio.run(_rebuild(settings, slug, tell))


async def _reconcile(settings: Settings, slug: str | None, repair: bool) -> list[DriftReport]:
    async with open_container(settings) as container:
        reconciler = container.reconciler
        return [
            await reconciler.reconcile(workspace_id, repair=repair)
            async for workspace_id in reconciler.workspace_ids(slug)
        ]


async def _rebuild(settings: Settings, slug: str | None, tell: Tell) -> list[DriftReport]:
    async with open_container(settings) as container:
        return await container.rebuild.run(tell, slug)


async def _create(
    settings: Settings, name: str, slug: str | None, knowledge_base: CreateKnowledgeBase | None
) -> NewWorkspace:
    async with open_container(settings) as container:
        workspace, key, secret = await container.workspaces.create_workspace(slug, name)
        made = None
        if knowledge_base is not None:
            principal = Principal(workspace_id=workspace.id, api_key_id=key.id, scopes=key.scopes)
            made = await container.knowledge_bases.create(principal, knowledge_base)
    return NewWorkspace(
        workspace_id=str(GlobalId("Workspace", workspace.id, workspace.id)),
        slug=workspace.slug,
        api_key=secret,
        knowledge_base_id=str(GlobalId("KnowledgeBase", workspace.id, made.id)) if made else None,
    )
