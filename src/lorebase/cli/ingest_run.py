"""Uploads files and follows their jobs until every one has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lorebase.cli.client import ApiClient, payload_of
from lorebase.cli.errors import ApiRefused, ApiUnreachable
from lorebase.cli.ingest_files import SourceFile
from lorebase.cli.ingest_progress import IngestProgress

ASK_SECONDS = 3.0
ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


@dataclass(frozen=True)
class IngestRequest:
    """Where the files go and what is noted with each; None leaves what a document has."""

    workspace_id: str
    knowledge_base_id: str
    tags: list[str] | None
    metadata: dict[str, object] | None


@dataclass
class Outcome:
    """What became of the files: keys of the ready and the unchanged, keys and reasons of the failed."""

    ready: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


class Ingestion:
    """One run over some files. The workspace's stream tells of jobs; when it is silent they are asked for."""

    def __init__(self, client: ApiClient, request: IngestRequest, progress: IngestProgress) -> None:
        self._client = client
        self._request = request
        self._progress = progress
        self._open: dict[str, str] = {}
        self._early: dict[str, dict[str, Any]] = {}
        self._heard = asyncio.Event()
        self.outcome = Outcome()

    async def run(self, files: Sequence[SourceFile], concurrency: int) -> Outcome:
        """Uploads everything, waits for every job, says what became of each file."""
        slots = asyncio.Semaphore(concurrency)
        following = asyncio.create_task(self._follow())
        try:
            await asyncio.gather(*(self._upload(file, slots) for file in files))
            await self._await_jobs()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        return self.outcome

    async def _upload(self, file: SourceFile, slots: asyncio.Semaphore) -> None:
        request = self._request
        variables: dict[str, object] = {
            "knowledgeBaseId": request.knowledge_base_id,
            "externalId": file.external_id,
        }
        if request.tags is not None:
            variables["tags"] = request.tags
        if request.metadata is not None:
            variables["metadata"] = request.metadata
        async with slots:
            self._progress.advance(file.external_id, None, 0, None)
            try:
                data = await self._client.upload("upload-document", variables, file.path)
                payload = payload_of(data, "upsertDocument")
            except (ApiRefused, ApiUnreachable, OSError) as error:
                self._fail(file.external_id, str(error))
                return
        self._accepted(file.external_id, payload["job"])

    def _accepted(self, key: str, job: dict[str, Any] | None) -> None:
        if job is None:
            self.outcome.unchanged.append(key)
            self._progress.finish(key, "unchanged")
            return
        self._open[job["id"]] = key
        if job["id"] in self._early:
            self._end(job["id"], **self._early.pop(job["id"]))

    async def _follow(self) -> None:
        try:
            async for event in self._client.subscribe(
                "follow-workspace-jobs", {"workspaceId": self._request.workspace_id}
            ):
                self._heard.set()
                self._note(event)
        except (ApiRefused, ApiUnreachable):
            # Asking for the jobs one by one is slower, and enough.
            return

    def _note(self, event: dict[str, Any]) -> None:
        kind = event["__typename"]
        job_id = event.get("job", {}).get("id")
        if kind == "JobProgressed" and job_id in self._open:
            self._progress.advance(self._open[job_id], **event["progress"])
        elif kind in ("JobSucceeded", "JobFailed"):
            end = {"status": event["job"]["status"], "error": event.get("failure")}
            if job_id in self._open:
                self._end(job_id, **end)
            else:
                # The job may end before the answer to its upload is here.
                self._early[job_id] = end

    async def _await_jobs(self) -> None:
        while self._open:
            self._heard.clear()
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    await self._heard.wait()
            except TimeoutError:
                await self._ask()

    async def _ask(self) -> None:
        for job_id in list(self._open)[:20]:
            try:
                job = (await self._client.run("show-job", {"id": job_id}))["node"]
            except ApiUnreachable:
                return
            if job is None or job["status"] in ENDED:
                self._end(job_id, (job or {}).get("status", "CANCELLED"), (job or {}).get("error"))

    def _end(self, job_id: str, status: str, error: dict[str, Any] | None) -> None:
        key = self._open.pop(job_id, None)
        if key is None:
            return
        if status == "SUCCEEDED":
            self.outcome.ready.append(key)
            self._progress.finish(key, "ready")
        else:
            self._fail(key, f"{error['code']}: {error['message']}" if error else "it was cancelled")

    def _fail(self, key: str, reason: str) -> None:
        self.outcome.failed.append((key, reason))
        self._progress.finish(key, f"failed ({reason})")
