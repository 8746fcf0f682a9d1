"""The Parser port: every file is read in a process that may hang or crash alone."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import orjson

from lorebase.clients.parsing.extraction import Limits
from lorebase.clients.parsing.messages import MANY_DOCUMENTS, ONE_DOCUMENT, ParseRequest
from lorebase.clients.parsing.parsing_processes import ChildEnded, Connection, ParsingProcesses
from lorebase.core.config import ContentSettings
from lorebase.core.errors import DocumentRefused, ErrorCode
from lorebase.core.media_types import MediaType
from lorebase.schemas.parsing import ParsedDocument

logger = logging.getLogger(__name__)

# Read by our own code over the standard library and orjson; the others by large C and C++ libraries.
_SHARE_A_PROCESS = frozenset((MediaType.TEXT, MediaType.MARKDOWN, MediaType.CSV, MediaType.JSON))
_OUT_OF_TIME = frozenset((-signal.SIGXCPU, -signal.SIGALRM))


def limits_of(settings: ContentSettings) -> Limits:
    """What one document may cost by the settings."""
    return Limits(
        cpu_seconds=settings.parse_cpu_seconds,
        wall_seconds=settings.parse_wall_seconds,
        memory_bytes=settings.parse_memory_bytes,
        max_characters=settings.parse_max_characters,
        max_pages=settings.parse_max_pages,
    )


class SubprocessParser:
    """Reads texts in one warm process, one after the other, and every PDF, Word or HTML file in a new one."""

    def __init__(self, limits: Limits, processes_maximum: int = 4) -> None:
        self._limits = limits
        self._processes = ParsingProcesses(limits)
        self._slots = asyncio.Semaphore(processes_maximum)
        self._warm: Connection | None = None
        self._warm_lock = asyncio.Lock()

    async def parse(self, path: Path, media_type: str, file_name: str | None) -> ParsedDocument:
        """See the port. `file_name` is not needed: the type is decided before."""
        request = ParseRequest(str(path), media_type)
        try:
            answer = await self._ask_twice(request)
        except TimeoutError as error:
            raise _timeout() from error
        except ChildEnded as ended:
            logger.warning("a parsing process died", extra={"status": ended.status, "media_type": media_type})
            raise _timeout() if ended.status in _OUT_OF_TIME else _crash() from ended
        return _document(answer, media_type)

    async def close(self) -> None:
        """Ends all parsing processes."""
        if self._warm is not None:
            self._warm.close()
            self._warm = None
        await self._processes.close()

    async def _ask_twice(self, request: ParseRequest) -> bytes:
        ask = self._ask_warm if request.media_type in _SHARE_A_PROCESS else self._ask_new
        try:
            return await ask(request)
        except ChildEnded as ended:
            # The fork server died, or a warm process had done its share: not this document's doing.
            if ended.status not in (None, 0):
                raise
            return await ask(request)

    async def _ask_new(self, request: ParseRequest) -> bytes:
        async with self._slots:
            connection = await self._processes.connect(ONE_DOCUMENT)
            try:
                async with asyncio.timeout(self._limits.wall_seconds):
                    return await connection.ask(request)
            finally:
                connection.close()

    async def _ask_warm(self, request: ParseRequest) -> bytes:
        async with self._warm_lock:
            connection = self._warm
            if connection is None or connection.ended:
                connection = await self._processes.connect(MANY_DOCUMENTS)
            self._warm = None
            try:
                async with asyncio.timeout(self._limits.wall_seconds):
                    answer = await connection.ask(request)
                self._warm = connection
                return answer
            finally:
                if self._warm is None:
                    connection.close()


def _document(answer: bytes, media_type: str) -> ParsedDocument:
    reply = orjson.loads(answer)
    if "extraction" in reply:
        return ParsedDocument.model_validate({**reply["extraction"], "media_type": media_type})
    if "refused" in reply:
        raise DocumentRefused(reply["refused"]["message"], code=ErrorCode(reply["refused"]["code"]))
    if "missing" in reply:
        raise FileNotFoundError("The file to parse is gone.")
    logger.error("a parser failed: %s", reply["crashed"], extra={"media_type": media_type})
    raise _crash()


def _timeout() -> DocumentRefused:
    return DocumentRefused("The file takes too long to read.", code=ErrorCode.PARSE_TIMEOUT)


def _crash() -> DocumentRefused:
    return DocumentRefused("Reading the file failed; it may be damaged.", code=ErrorCode.PARSE_CRASHED)
