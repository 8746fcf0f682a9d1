"""Where the vector store keeps weights of terms, if it does: one collection an analyser version."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.analysers import analyser_name
from lorebase.schemas.search import PartitionAddress
from lorebase.schemas.workspaces import Workspace
from lorebase.services.indexes.index_writer import IndexTarget, distinct_places, targets_of


def keyword_collection(analyser_version: int) -> str:
    """The collection of a version's weights."""
    return f"keywords_{analyser_name(analyser_version)}"


def keyword_address(workspace: Workspace, analyser_version: int) -> PartitionAddress:
    """The place of a workspace's weights of a version."""
    return PartitionAddress(
        collection=keyword_collection(analyser_version),
        partition=workspace.partition,
        workspace_id=workspace.id,
    )


async def places_of(uow: UnitOfWork, knowledge_base_id: UUID, settings: Settings) -> list[PartitionAddress]:
    """Every place where the vector store may hold rows of the knowledge base."""
    targets = await targets_of(uow, knowledge_base_id)
    places = distinct_places(targets)
    if settings.keywords_in_milvus:
        workspace = await uow.workspaces.get()
        places += [keyword_address(workspace, version) for version in versions_of(targets)]
    return places


def versions_of(targets: Iterable[IndexTarget]) -> list[int]:
    """The analyser versions that indexes name, each once, in order."""
    return sorted({target.index.analyser_version for target in targets})
