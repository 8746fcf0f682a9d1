"""What the configured embedding model is, asked of whoever serves it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lorebase.clients.openai_connection import LOCAL_PROVIDER, REMOTE_PROVIDER, ModelConnections, translating
from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, Settings
from lorebase.core.errors import ErrorCode, Transient
from lorebase.core.ids import new_id
from lorebase.schemas.embeddings import EmbeddingModel


async def describe_embedding_model(connections: ModelConnections, settings: Settings) -> EmbeddingModel:
    """The model that new knowledge bases use by the settings.

    The local server knows version and dimensions of its model; of a remote one the length of a vector is
    asked unless set, and the version is ours to raise.
    """
    if settings.embedding_model is None:
        return await _local(connections)
    dimensions = settings.embedding_dimensions
    if dimensions is None:
        dimensions = await _ask_dimensions(connections, settings.embedding_model)
    return _model(
        settings.embedding_model,
        REMOTE_PROVIDER,
        settings.embedding_version,
        dimensions,
        settings.embedding_max_input_tokens,
    )


async def _local(connections: ModelConnections) -> EmbeddingModel:
    with translating():
        found = await connections.client(LOCAL_PROVIDER).models.retrieve(EMBEDDED_EMBEDDING_MODEL)
    facts = found.model_extra or {}
    try:
        dimensions, longest = int(facts["dimensions"]), int(facts["max_input_tokens"])
        version = str(facts["version"])
    except (KeyError, TypeError, ValueError) as error:
        raise Transient(
            "The local model server does not describe its model.", code=ErrorCode.MODEL_MISBEHAVED
        ) from error
    return _model(EMBEDDED_EMBEDDING_MODEL, LOCAL_PROVIDER, version, dimensions, longest)


async def _ask_dimensions(connections: ModelConnections, name: str) -> int:
    with translating():
        response = await connections.client(REMOTE_PROVIDER).embeddings.create(model=name, input=["length"])
    if not response.data:
        raise Transient("The embedding model sent no vector.", code=ErrorCode.MODEL_MISBEHAVED)
    return len(response.data[0].embedding)


def _model(name: str, provider: str, version: str, dimensions: int, longest: int) -> EmbeddingModel:
    now = datetime.now(UTC)
    label = re.sub(r"[^a-z0-9]+", "_", f"{name} {version}".lower()).strip("_")[:200]
    return EmbeddingModel(
        id=new_id(),
        name=name,
        provider=provider,
        version=version,
        dimensions=dimensions,
        max_input_tokens=longest,
        collection=f"chunks_{label}_{dimensions}",
        deprecated_at=None,
        created_at=now,
        updated_at=now,
    )
