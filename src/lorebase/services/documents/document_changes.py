"""Which fields an upsert or an update sets, checked and applied to the document at hand."""

from __future__ import annotations

from lorebase.core.config import Settings
from lorebase.schemas.documents import Document, UpdateDocument, UpsertDocument
from lorebase.schemas.knowledge_bases import KnowledgeBase
from lorebase.services.documents.document_rules import (
    checked_external_id,
    checked_language,
    checked_tags,
    checked_title,
)
from lorebase.services.documents.metadata_rules import checked_metadata

_UNTITLED = "Untitled document"


def checked_upsert(
    command: UpsertDocument, knowledge_base: KnowledgeBase, settings: Settings
) -> UpsertDocument:
    """The command with its fields tidied; refuses what breaks a rule. A title of None counts as not given."""
    given = set(command.model_fields_set)
    if command.title is None:
        given.discard("title")
    tidy: dict[str, object] = {
        "title": None if command.title is None else checked_title(command.title, settings),
        "language": checked_language(command.language),
        "tags": checked_tags(command.tags, settings),
        "external_id": checked_external_id(command.external_id),
    }
    if "metadata" in given:
        tidy["metadata"] = checked_metadata(command.metadata, knowledge_base.metadata_fields, settings)
    checked = command.model_copy(update=tidy)
    checked.model_fields_set.clear()
    checked.model_fields_set.update(given)
    return checked


def changed_by_upsert(document: Document, command: UpsertDocument) -> Document:
    """The document with the fields that the (checked) command gives."""
    names = {"title", "language", "tags", "metadata"} & command.model_fields_set
    return document.model_copy(update={name: getattr(command, name) for name in names})


def changed_by_update(
    document: Document,
    command: UpdateDocument,
    knowledge_base: KnowledgeBase,
    settings: Settings,
    file_name: str | None,
) -> Document:
    """The document with the fields given; null clears, and a cleared title becomes the file's name."""
    update: dict[str, object] = {}
    given = command.model_fields_set
    if "title" in given:
        title = command.title if command.title is not None else (file_name or _UNTITLED)
        update["title"] = checked_title(title, settings)
    if "tags" in given:
        update["tags"] = checked_tags(command.tags or (), settings)
    if "metadata" in given:
        fields = knowledge_base.metadata_fields
        update["metadata"] = checked_metadata(command.metadata or {}, fields, settings)
    return document.model_copy(update=update)
