"""One run of `lorebase ingest`: sends the files, waits for their jobs, says what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

from lorebase.cli.connection.client import ApiClient
from lorebase.cli.connection.responses import Json
from lorebase.cli.errors import ApiRefused, FileChanged
from lorebase.cli.ingesting.ingest_files import SourceFile
from lorebase.cli.ingesting.ingest_jobs import ENDED, JobFollower
from lorebase.cli.ingesting.ingest_outcome import Outcome
from lorebase.cli.ingesting.ingest_pace import Pace, Pulse
from lorebase.cli.ingesting.ingest_progress import IngestProgress
from lorebase.cli.ingesting.ingest_upload import IngestRequest, Uploader

UNFINISHED = frozenset({"PENDING", "PROCESSING"})


class Ingestion:
    """Fills the outcome while it runs, so that it is true however the run ends."""

    def __init__(
        self,
        client: ApiClient,
        request: IngestRequest,
        outcome: Outcome,
        progress: IngestProgress,
        pace: Pace | None = None,
    ) -> None:
        self._client = client
        self._request = request
        self._outcome = outcome
        self._progress = progress
        self._pace = pace or Pace()
        self._pulse = Pulse()
        self._uploader = Uploader(client, request, self._pace, self._pulse)
        self._jobs = JobFollower(client, request.workspace_id, self, self._pace, self._pulse)

    async def run(self, files: Iterable[SourceFile], concurrency: int) -> None:
        """Uploads everything and waits for every job. ApiUnreachable when the API stays away."""
        waiting = iter(files)
        uploads = [self._upload_all(waiting) for _ in range(concurrency)]
        background = [asyncio.create_task(self._jobs.listen()), asyncio.create_task(self._warn_of_silence())]
        try:
            await _all_or_none(self._jobs.ask_until_all_ended(), self._close_after(uploads))
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)

    async def _close_after(self, uploads: list[Coroutine[Any, Any, None]]) -> None:
        await _all_or_none(*uploads)
        self._jobs.close()

    async def _upload_all(self, waiting: Iterator[SourceFile]) -> None:
        # All uploaders draw from the same files.
        for file in waiting:
            key = file.external_id
            self._progress.advance(key, "uploading")
            with self._jobs.expecting():
                try:
                    await self._take(key, await self._uploader.upload(file))
                except ApiRefused as refusal:
                    self._fail(key, refusal.reason)
                except FileChanged as change:
                    self._fail(key, change.message)
                except OSError as error:
                    self._fail(key, error.strerror or str(error))

    async def _take(self, key: str, payload: Json) -> None:
        job = payload["job"]
        if job is None and payload["document"]["status"] in UNFINISHED:
            # An earlier run was broken off: its job is still at work on the same content.
            job = await self._latest_job(payload["document"]["id"])
        if job is None:
            self._outcome.unchanged.append(key)
            self._progress.finish(key, "unchanged")
        elif job["status"] in ENDED:
            self.ended(key, job["id"], job["status"], job.get("error"))
        else:
            self._outcome.waiting[job["id"]] = key
            self._progress.queue(key)
            self._jobs.accept(job["id"], key)

    async def _latest_job(self, document_id: str) -> Json | None:
        variables = {
            "knowledgeBaseId": self._request.knowledge_base_id,
            "filter": {"id": {"eq": document_id}},
            "first": 1,
        }
        found = (await self._client.run("list-documents", variables))["node"]["documents"]["nodes"]
        job: Json | None = found[0]["latestJob"] if found else None
        return job

    async def _warn_of_silence(self) -> None:
        while True:
            await asyncio.sleep(self._pace.quiet)
            if self._outcome.waiting and self._pulse.silence >= self._pace.quiet:
                silence = f"No news for {self._pulse.silence:.0f} s"
                self._progress.note(f"{silence}; `lorebase doctor` says whether the worker lives.")

    def progressed(self, key: str, progress: Json) -> None:
        """See JobListener."""
        self._progress.advance(key, progress["stage"] or "starting", progress["completed"], progress["total"])

    def delayed(self, key: str) -> None:
        """See JobListener."""
        self._progress.advance(key, "waits to be tried again")

    def ended(self, key: str, job_id: str, status: str, error: Json | None) -> None:
        """See JobListener."""
        self._outcome.waiting.pop(job_id, None)
        if status == "SUCCEEDED":
            self._outcome.ready.append(key)
            self._progress.finish(key, "ready")
        elif error:
            self._fail(key, f"{error['code']}: {error['message']}")
        else:
            self._fail(key, "CANCELLED: somebody stopped it, or newer content came")

    def _fail(self, key: str, reason: str) -> None:
        self._outcome.failed.append((key, reason))
        self._progress.finish(key, f"failed ({reason})")


async def _all_or_none(*work: Coroutine[Any, Any, None]) -> None:
    """Runs everything at once; when one fails the others are stopped."""
    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
