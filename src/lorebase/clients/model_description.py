"""What the configured embedding model is, asked of whoever serves it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lorebase.clients.openai_connection import LOCAL_PROVIDER, REMOTE_PROVIDER, ModelConnections, translating
from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, Settings
from lorebase.core.errors import BadInput, ErrorCode, Transient
from lorebase.core.ids import new_id
from lorebase.schemas.embeddings import EmbeddingModel, ModelWish


async def describe_embedding_model(connections: ModelConnections, settings: Settings) -> EmbeddingModel:
    """The model that new knowledge bases use by the settings."""
    if settings.embedding_model is None:
        return await describe(connections, ModelWish(name=EMBEDDED_EMBEDDING_MODEL, provider=LOCAL_PROVIDER))
    wish = ModelWish(
        name=settings.embedding_model,
        provider=REMOTE_PROVIDER,
        version=settings.embedding_version,
        dimensions=settings.embedding_dimensions,
        max_input_tokens=settings.embedding_max_input_tokens,
    )
    return await describe(connections, wish)


async def describe(connections: ModelConnections, wish: ModelWish) -> EmbeddingModel:
    """The model that was wished for, completed by whoever serves it.

    The local server knows version and limits of its model, which it can cut shorter; of a remote one the
    length of a vector is asked unless given. BadInput for what the local model is not.
    """
    if wish.provider == LOCAL_PROVIDER:
        return await _local(connections, wish)
    dimensions = wish.dimensions
    if dimensions is None:
        dimensions = await _ask_dimensions(connections, wish.name)
    return _model(wish.name, wish.provider, wish.version or "1", dimensions, wish.max_input_tokens or 256)


async def _local(connections: ModelConnections, wish: ModelWish) -> EmbeddingModel:
    with translating():
        found = await connections.client(LOCAL_PROVIDER).models.retrieve(wish.name)
    facts = found.model_extra or {}
    try:
        dimensions, longest = int(facts["dimensions"]), int(facts["max_input_tokens"])
        version = str(facts["version"])
    except (KeyError, TypeError, ValueError) as error:
        raise Transient(
            "The local model server does not describe its model.", code=ErrorCode.MODEL_MISBEHAVED
        ) from error
    if wish.version not in {None, version}:
        raise BadInput(f"The local model is at version {version}.", field=["version"])
    wanted = dimensions if wish.dimensions is None else wish.dimensions
    if not 2 <= wanted <= dimensions:
        raise BadInput(f"The local model has 2 to {dimensions} dimensions.", field=["dimensions"])
    return _model(wish.name, LOCAL_PROVIDER, version, wanted, min(longest, wish.max_input_tokens or longest))


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
