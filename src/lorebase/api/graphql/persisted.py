"""Documents that run by their id: trusted ones from files, and those that clients registered by hash.

Automatic persisted queries as Apollo's clients speak them (extensions.persistedQuery), and `documentId` as
the persisted documents appendix of the GraphQL-over-HTTP draft says.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from graphql import GraphQLError, GraphQLSyntaxError, parse, strip_ignored_characters
from pydantic import TypeAdapter, ValidationError

from lorebase.api.graphql.errors import RequestErrorCode, RequestRefused
from lorebase.core.config import EdgeSettings, PersistedOperations
from lorebase.core.errors import Permanent
from lorebase.core.resources import resource_directory

KEPT_DOCUMENTS = 1000
KEPT_CHARACTERS = 4_000_000
DOCUMENTS = TypeAdapter(dict[str, str])


def sha256(text: str) -> str:
    """The hash by which clients name a document, in lower-case hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class PersistedDocuments:
    """Finds the text to run for what a client sent: a text, a hash, or both."""

    def __init__(self, settings: EdgeSettings) -> None:
        """Permanent when the file of trusted documents cannot be used."""
        self._policy = settings.persisted_operations
        self._longest = settings.query_max_characters
        self._trusted = _trusted(settings)
        self._bare = {sha256(_bare(text)) for text in self._trusted.values()}
        self._registered = _Recent(KEPT_DOCUMENTS, KEPT_CHARACTERS)

    def text(self, query: str, document_id: str | None) -> str:
        """The document's text. RequestRefused when it is unknown, not what its hash says, or not trusted."""
        if document_id and not query:
            return self._known(document_id)
        if self._policy is PersistedOperations.ONLY and not self._is_trusted(query):
            raise _refused("This document is not on the list of trusted ones.", RequestErrorCode.NOT_TRUSTED)
        if document_id and self._policy is PersistedOperations.ALLOW and sha256(query) != document_id:
            message = "The hash is not the SHA-256 of the document."
            raise _refused(message, RequestErrorCode.PERSISTED_QUERY_MISMATCH)
        return query

    def register(self, document_id: str, text: str) -> None:
        """Remembers a document that passed all checks, in this process only, as long as there is room."""
        if self._policy is PersistedOperations.ALLOW and document_id not in self._trusted:
            self._registered.put(document_id, text)

    def _known(self, document_id: str) -> str:
        if self._policy is PersistedOperations.OFF:
            raise _refused("PersistedQueryNotSupported", RequestErrorCode.PERSISTED_QUERY_NOT_SUPPORTED)
        found = self._trusted.get(document_id) or self._registered.get(document_id)
        if found is None:
            # Apollo's clients wait for these very words, and then send the text.
            raise _refused("PersistedQueryNotFound", RequestErrorCode.PERSISTED_QUERY_NOT_FOUND)
        return found

    def _is_trusted(self, query: str) -> bool:
        # Editors and printers change blanks and comments: those make no other document.
        if sha256(query) in self._trusted:
            return True
        try:
            return len(query) <= self._longest and sha256(_bare(query)) in self._bare
        except GraphQLSyntaxError:
            return False


class _Recent:
    """Texts by id, the least recently used of which go first."""

    def __init__(self, entries: int, characters: int) -> None:
        self._entries = entries
        self._characters = characters
        self._held = 0
        self._texts: OrderedDict[str, str] = OrderedDict()

    def get(self, name: str) -> str | None:
        """The text, which is then the most recent one."""
        if name in self._texts:
            self._texts.move_to_end(name)
        return self._texts.get(name)

    def put(self, name: str, text: str) -> None:
        """Adds a text and drops what no longer fits."""
        if self.get(name) is None:
            self._texts[name] = text
            self._held += len(text)
        while len(self._texts) > self._entries or self._held > self._characters:
            self._held -= len(self._texts.popitem(last=False)[1])


def _trusted(settings: EdgeSettings) -> Mapping[str, str]:
    folder = resource_directory("schema") / "operations"
    ours = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.graphql")))
    return {**{sha256(text): text for text in ours}, **_from_file(settings.trusted_documents)}


def _from_file(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        found = DOCUMENTS.validate_json(path.read_bytes())
        # Those who send the text are as trusted as those who send the name that a tool gave it.
        return {**{sha256(text): text for text in found.values() if parse(text)}, **found}
    except (OSError, ValidationError, GraphQLSyntaxError) as error:
        message = "LOREBASE_TRUSTED_DOCUMENTS must name a JSON file that maps ids to GraphQL documents."
        raise Permanent(message) from error


def _bare(text: str) -> str:
    return strip_ignored_characters(text)


def _refused(message: str, code: RequestErrorCode) -> RequestRefused:
    return RequestRefused([GraphQLError(message)], code)
