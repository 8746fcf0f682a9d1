"""The part of a document that its indexes mirror: a change there needs them written again."""

from __future__ import annotations

from collections.abc import Sequence

from lorebase.schemas.base import Value
from lorebase.schemas.documents import Document, JsonObject
from lorebase.schemas.knowledge_bases import KnowledgeBase, MetadataField
from lorebase.schemas.metadata import value_at


class IndexedFields(Value):
    """What vectors and postings carry of a document besides its text. The title is embedded as well."""

    title: str
    language: str | None
    tags: tuple[str, ...]
    metadata: JsonObject


def declared_metadata(metadata: JsonObject, fields: Sequence[MetadataField]) -> JsonObject:
    """The values of declared fields by their dotted path; missing ones are left out."""
    values = {declared.path: value_at(metadata, declared.path) for declared in fields}
    return {path: value for path, value in values.items() if value is not None}


def indexed_fields(document: Document, knowledge_base: KnowledgeBase) -> IndexedFields:
    """What the indexes should mirror of this document."""
    return IndexedFields(
        title=document.title,
        language=document.language,
        tags=document.tags,
        metadata=declared_metadata(document.metadata, knowledge_base.metadata_fields),
    )
