"""What a knowledge base may declare: how text is cut, and which metadata filters may name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lorebase.core.errors import BadInput, Conflict, LimitExceeded
from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.schemas.knowledge_bases import MetadataField
from lorebase.schemas.parsing import ChunkingRules
from lorebase.services.text_rules import refuse_unstorable

METADATA_FIELDS_MAXIMUM = 64
DESCRIPTION_CHARACTERS = 2000
CHUNK_TOKENS_MINIMUM = 64
BUILT_IN_FACETS = frozenset({"mediaType", "language", "tags"})

_USUAL_OVERLAP = 32
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*")
_PATH_CHARACTERS = 128


def checked_chunking(
    max_tokens: int | None, overlap_tokens: int | None, model: EmbeddingModel
) -> ChunkingRules:
    """How text is cut; the largest chunk is what the model reads unless a smaller one is asked for.

    Without a wish (None) neighbours share what is usual, as far as the largest chunk allows.
    """
    limit = model.max_input_tokens
    largest = limit if max_tokens is None else max_tokens
    if not min(CHUNK_TOKENS_MINIMUM, limit) <= largest <= limit:
        message = f"Chunks have {CHUNK_TOKENS_MINIMUM} to {limit} tokens with this model."
        raise BadInput(message, field=["chunking", "maxTokens"])
    shared = min(_USUAL_OVERLAP, (largest - 1) // 2) if overlap_tokens is None else overlap_tokens
    if not 0 <= shared < largest / 2:
        message = "Neighbouring chunks share fewer tokens than half of the largest chunk."
        raise BadInput(message, field=["chunking", "overlapTokens"])
    return ChunkingRules(max_tokens=largest, overlap_tokens=shared)


def checked_description(description: str | None) -> str | None:
    """The description, unchanged; INVALID_TEXT, LIMIT_EXCEEDED."""
    if description is None:
        return None
    if len(description) > DESCRIPTION_CHARACTERS:
        raise _too_much("The description is too long.", ["description"], DESCRIPTION_CHARACTERS)
    refuse_unstorable(description, ["description"])
    return description


def checked_fields(fields: Sequence[MetadataField]) -> tuple[MetadataField, ...]:
    """The declared fields; BadInput for a malformed path, one declared twice, or one inside another."""
    if len(fields) > METADATA_FIELDS_MAXIMUM:
        message = f"There are more than {METADATA_FIELDS_MAXIMUM} metadata fields."
        raise _too_much(message, ["metadataFields"], METADATA_FIELDS_MAXIMUM)
    taken: set[str] = set()
    for number, field in enumerate(fields):
        where = ["metadataFields", str(number), "path"]
        if len(field.path) > _PATH_CHARACTERS or not _PATH.fullmatch(field.path):
            raise BadInput("A path has letters, digits, _ and -, its steps are joined by dots.", field=where)
        if field.path in taken:
            raise BadInput("The path is declared twice.", field=where)
        taken.add(field.path)
        checked_description(field.description)
    for number, field in enumerate(fields):
        if any(other.startswith(f"{field.path}.") for other in taken):
            message = "The path leads to an object that holds another declared field."
            raise BadInput(message, field=["metadataFields", str(number), "path"])
    return tuple(fields)


def changed_or_gone(before: Sequence[MetadataField], after: Sequence[MetadataField]) -> list[str]:
    """Paths that lose their declaration or get another type."""
    types = {field.path: field.type for field in after}
    return [field.path for field in before if types.get(field.path) is not field.type]


def in_use(path: str) -> Conflict:
    """The refusal to change a field that documents carry."""
    message = f"Documents carry the metadata field {path}: its path and type stay."
    return Conflict(message, field=["metadataFields"])


def checked_facet(path: str, fields: Sequence[MetadataField]) -> str:
    """The path when facets can be counted over it; BadInput otherwise."""
    if path not in BUILT_IN_FACETS and path not in {field.path for field in fields}:
        raise BadInput("Facets need a declared metadata path, mediaType, language or tags.", field=["path"])
    return path


def _too_much(message: str, field: list[str], limit: int) -> LimitExceeded:
    return LimitExceeded(message, field=field, details={"limit": limit})
