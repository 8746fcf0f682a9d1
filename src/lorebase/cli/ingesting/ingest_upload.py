"""Sends one file, as often as it takes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from lorebase.cli.connection.client import ApiClient
from lorebase.cli.connection.responses import Json, payload_of
from lorebase.cli.errors import ApiRefused, ApiUnreachable
from lorebase.cli.ingesting.ingest_files import SourceFile
from lorebase.cli.ingesting.ingest_pace import Pace, Pulse


@dataclass(frozen=True)
class IngestRequest:
    """Where the files go and what is noted with each; None leaves what a document has."""

    workspace_id: str
    knowledge_base_id: str
    tags: list[str] | None = None
    metadata: dict[str, object] | None = None

    def variables(self, file: SourceFile) -> dict[str, object]:
        """The variables of the upload of a file, without the file."""
        given = {
            "knowledgeBaseId": self.knowledge_base_id,
            "externalId": file.external_id,
            "tags": self.tags,
            "metadata": self.metadata,
        }
        return {name: value for name, value in given.items() if value is not None}


class Uploader:
    """Uploads are repeated without harm: the same content under the same key starts nothing new."""

    def __init__(self, client: ApiClient, request: IngestRequest, pace: Pace, pulse: Pulse) -> None:
        self._client = client
        self._request = request
        self._pace = pace
        self._pulse = pulse

    async def upload(self, file: SourceFile) -> Json:
        """The payload of the upload.

        Raises ApiRefused for this file's own fault, OSError and FileChanged for a file that cannot be read,
        ApiUnreachable once nobody has answered for longer than the patience lasts.
        """
        began = time.monotonic()
        attempt = 0
        while True:
            try:
                variables = self._request.variables(file)
                data = await self._client.upload("upload-document", variables, file.path, file.name)
                payload = payload_of(data, "upsertDocument")
            except ApiUnreachable:
                if self._stuck(began) >= self._pace.unreachable:
                    raise
                await asyncio.sleep(self._pace.pause(attempt, None))
            except ApiRefused as refusal:
                if not refusal.retryable or self._stuck(began) >= self._pace.refused:
                    raise
                await asyncio.sleep(self._pace.pause(attempt, refusal.retry_after_seconds))
            else:
                self._pulse.beat()
                return payload
            attempt += 1

    def _stuck(self, began: float) -> float:
        return min(time.monotonic() - began, self._pulse.silence)
