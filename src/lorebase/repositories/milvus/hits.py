"""Reads what a search of a collection found."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.repositories.milvus import columns as c
from lorebase.schemas.search import PartitionAddress, ScoredChunk

FOUND_FIELDS = [c.CHUNK_ID, c.WORKSPACE_ID, c.DOCUMENT_ID, c.GENERATION]

_logger = logging.getLogger(__name__)


def scored(hits: Sequence[Mapping[str, object]], address: PartitionAddress) -> list[ScoredChunk]:
    """The hits in their order; another tenant's rows are left out and logged."""
    found: list[ScoredChunk] = []
    for hit in hits:
        entity = hit["entity"]
        assert isinstance(entity, Mapping)
        if entity[c.WORKSPACE_ID] != address.workspace_id.hex:
            _logger.error("Milvus returned another tenant's row", extra={"collection": address.collection})
            continue
        found.append(
            ScoredChunk(
                chunk_id=UUID(str(hit[c.CHUNK_ID])),
                document_id=UUID(str(entity[c.DOCUMENT_ID])),
                generation=int(str(entity[c.GENERATION])),
                score=float(str(hit["distance"])),
            )
        )
    return found
