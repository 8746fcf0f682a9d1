"""From stored bytes to passages: parse, give a title, cut, analyse."""

from __future__ import annotations

import asyncio
import logging

from lorebase.core.config import Settings
from lorebase.core.errors import DocumentRefused, ErrorCode
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.parser import Parser
from lorebase.ports.tokenizer import Tokenizer
from lorebase.schemas.documents import Chunk, Document, DocumentVersion
from lorebase.schemas.jobs import JobStage
from lorebase.schemas.parsing import ChunkDraft, ChunkingRules, ParsedDocument
from lorebase.services.chunking.chunking import chunk
from lorebase.services.indexes.chunk_ids import chunk_id
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.text_rules import tidied

_log = logging.getLogger(__name__)

PARSER_BROKE = frozenset({ErrorCode.PARSE_CRASHED, ErrorCode.PARSE_TIMEOUT})
_TITLE_WORDS = 12
_OPENING_CHARACTERS = 1000


class Extractor:
    """Reads a version's source and cuts it; heavy work runs in threads or other processes."""

    def __init__(self, *, blobs: BlobStore, parser: Parser, tokenizer: Tokenizer, settings: Settings) -> None:
        self._blobs = blobs
        self._parser = parser
        self._tokenizer = tokenizer
        self._settings = settings

    async def parse(self, version: DocumentVersion, control: JobControl) -> ParsedDocument:
        """The text and structure of the source; DocumentRefused as Parser.parse says.

        A crash or a hang is tried again, since the machine may be to blame, but only
        `parse_crashes_maximum` times in all: then it is the document.
        """
        await control.progress(JobStage.FETCH, 0, 1)
        async with self._blobs.open(version.blob_key) as path:
            for crashes in range(1, self._settings.parse_crashes_maximum + 1):
                await control.progress(JobStage.PARSE, 0, 1)
                try:
                    return await self._parser.parse(path, version.media_type, version.file_name)
                except DocumentRefused as refusal:
                    if refusal.code not in PARSER_BROKE:
                        raise
                    facts = {"version_id": str(version.id), "code": refusal.code, "crashes": crashes}
                    _log.warning("parser broke", extra=facts)
                    last = refusal
        raise last

    async def cut(
        self, parsed: ParsedDocument, rules: ChunkingRules, version: DocumentVersion, control: JobControl
    ) -> list[Chunk]:
        """The passages in reading order; DocumentRefused(EMPTY_DOCUMENT) when there are none."""
        await control.progress(JobStage.CHUNK, 0, 1)
        drafts = await asyncio.to_thread(chunk, parsed, rules, self._tokenizer)
        if not drafts:
            raise DocumentRefused("The document holds no text.", code=ErrorCode.EMPTY_DOCUMENT)
        return [_passage(draft, version) for draft in drafts]


def title_of(document: Document, parsed: ParsedDocument, file_name: str | None, limit: int) -> str:
    """The given title, else the source's own, else the file's name, else the first words."""
    opening = " ".join(parsed.text[:_OPENING_CHARACTERS].split()[:_TITLE_WORDS])
    for candidate in (document.title, parsed.title or "", file_name or "", opening):
        title = tidied(candidate)[:limit].strip()
        if title:
            return title
    return str(document.id)


def _passage(draft: ChunkDraft, version: DocumentVersion) -> Chunk:
    return Chunk(
        id=chunk_id(version.workspace_id, version.document_id, version.generation, draft.ordinal),
        workspace_id=version.workspace_id,
        document_id=version.document_id,
        version_id=version.id,
        ordinal=draft.ordinal,
        start_offset=draft.start_offset,
        end_offset=draft.end_offset,
        page=draft.page,
        section=draft.section,
        token_count=draft.token_count,
        text=draft.text,
    )
