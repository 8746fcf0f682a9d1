"""Columns of a collection of passages, and what stands in them for a missing value.

Nothing is nullable: `not` and `!=` then mean the same on a server and on Milvus Lite.
"""

from __future__ import annotations

from lorebase.repositories.milvus.conditions import Field

NO_TEXT = ""
NO_PAGE = -1

CHUNK_ID = "chunk_id"
WORKSPACE_ID = "workspace_id"
KNOWLEDGE_BASE_ID = "knowledge_base_id"
DOCUMENT_ID = "document_id"
VERSION_ID = "version_id"
EMBEDDING_VERSION = "embedding_version"
GENERATION = "generation"
ORDINAL = "ordinal"
TOKEN_COUNT = "token_count"
PAGE = "page"
CREATED_AT = "created_at"
TAGS = "tags"
METADATA = "metadata"
INEXACT = "inexact"
VECTOR = "vector"

TITLE, TITLE_FOLDED = "title", "title_folded"
CONTEXT, CONTEXT_FOLDED = "context", "context_folded"
MEDIA_TYPE, MEDIA_TYPE_FOLDED = "media_type", "media_type_folded"
LANGUAGE, LANGUAGE_FOLDED = "language", "language_folded"
SOURCE = "source"

IDENTIFIERS = (CHUNK_ID, WORKSPACE_ID, KNOWLEDGE_BASE_ID, DOCUMENT_ID, VERSION_ID)
IDENTIFIER_BYTES = 32

# Bytes of UTF-8. Case folding makes a text at most three times as long.
TEXT_BYTES = {
    EMBEDDING_VERSION: 128,
    SOURCE: 2048,
    TITLE: 2048,
    TITLE_FOLDED: 6144,
    CONTEXT: 4096,
    CONTEXT_FOLDED: 12288,
    MEDIA_TYPE: 256,
    MEDIA_TYPE_FOLDED: 768,
    LANGUAGE: 64,
    LANGUAGE_FOLDED: 192,
}
TAGS_CAPACITY = 256
TAG_BYTES = 512
METADATA_BYTES = 60_000

# Prefixes of the keys of the metadata column: each value stands under its type, so a test on text never
# meets a number, and whether the key exists says whether there is a value of that type.
METADATA_TEXT = "s:"
METADATA_FOLDED = "f:"
METADATA_NUMBER = "n:"
METADATA_TRUTH = "b:"
METADATA_TIME = "t:"
METADATA_LIST = "l:"


def metadata_field(prefix: str, path: str) -> Field:
    """The place of a metadata value of one type."""
    return Field(METADATA, f"{prefix}{path}")
