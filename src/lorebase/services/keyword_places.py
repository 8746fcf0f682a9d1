"""Where the vector store keeps weights of terms, if it does: one collection an analyser version."""

from __future__ import annotations

from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.search import PartitionAddress
from lorebase.schemas.workspaces import Workspace
from lorebase.services.index_writer import targets_of
from lorebase.services.keywords import ANALYSER_VERSION

KEYWORD_COLLECTION = f"keywords_kw{ANALYSER_VERSION}"


def keyword_collections(settings: Settings) -> tuple[str, ...]:
    """The collections that hold weights of terms; none while PostgreSQL alone has them."""
    return (KEYWORD_COLLECTION,) if settings.keywords_in_milvus else ()


def keyword_address(workspace: Workspace) -> PartitionAddress:
    """The place of a workspace's weights."""
    return PartitionAddress(
        collection=KEYWORD_COLLECTION, partition=workspace.partition, workspace_id=workspace.id
    )


async def places_of(uow: UnitOfWork, knowledge_base_id: UUID, settings: Settings) -> list[PartitionAddress]:
    """Every place where the vector store may hold rows of the knowledge base."""
    places = [target.address for target in await targets_of(uow, knowledge_base_id)]
    if settings.keywords_in_milvus:
        places.append(keyword_address(await uow.workspaces.get()))
    return places
