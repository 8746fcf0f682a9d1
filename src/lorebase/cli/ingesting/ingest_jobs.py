"""Follows the jobs of the uploaded files until every one has ended.

The workspace's stream tells of all its jobs, those of others too; what it is silent about is asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Protocol

from lorebase.cli.connection.client import ApiClient
from lorebase.cli.connection.responses import Json
from lorebase.cli.errors import ApiRefused, ApiUnreachable
from lorebase.cli.ingesting.ingest_pace import Pace, Pulse

ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
# Ends that were heard of before the answer to the upload; those of other users' jobs are among them.
EARLY_MAXIMUM = 1000
# While the stream works few jobs are asked for, and late: one that is queued has nothing to tell.
TRUSTED_SECONDS, TRUSTED_JOBS = 10.0, 5
DOUBTED_SECONDS, DOUBTED_JOBS = 0.5, 20


class JobListener(Protocol):
    """Told what happens to the jobs that are followed."""

    def progressed(self, key: str, progress: Json) -> None:
        """A stage, and how many of its units are done."""

    def delayed(self, key: str) -> None:
        """An attempt failed; another one will be made."""

    def ended(self, key: str, job_id: str, status: str, error: Json | None) -> None:
        """The job has ended, for good."""


@dataclass
class _Open:
    key: str
    heard: float


class JobFollower:
    """Knows the open jobs, the longest silent first."""

    def __init__(
        self, client: ApiClient, workspace_id: str, listener: JobListener, pace: Pace, pulse: Pulse
    ) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._listener = listener
        self._pace = pace
        self._pulse = pulse
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._early: OrderedDict[str, tuple[str, Json | None]] = OrderedDict()
        self._expected = 0
        self._trusted = False
        self._closed = False
        self._all_ended = asyncio.Event()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While an upload is under way its job may end before its answer is here."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1
            if not self._expected:
                self._early.clear()

    def accept(self, job_id: str, key: str) -> None:
        """A job to follow."""
        self._open[job_id] = _Open(key, time.monotonic())
        if job_id in self._early:
            self._end(job_id, *self._early.pop(job_id))

    def close(self) -> None:
        """No more jobs will come."""
        self._closed = True
        self._look_whether_all_ended()

    async def listen(self) -> None:
        """Takes in what the stream tells, for as long as there is one."""
        variables: dict[str, object] = {"workspaceId": self._workspace_id}
        try:
            while True:
                async for event in self._events(variables):
                    variables["after"] = event["cursor"]
                    self._note(event)
                # A workspace's stream has no end of its own: one that ends is opened again at its place.
                self._doubt()
                await asyncio.sleep(self._pace.ask_round)
        except (ApiRefused, ApiUnreachable):
            # Asking for the jobs one by one is slower, and enough.
            self._doubt()

    async def _events(self, variables: dict[str, object]) -> AsyncIterator[Json]:
        stream = self._client.subscribe("follow-workspace-jobs", variables, self._doubt)
        async with aclosing(stream) as events:
            async for event in events:
                yield event

    async def ask_until_all_ended(self) -> None:
        """Asks for the jobs that the stream is silent about; returns when none is open and none will come.

        ApiUnreachable once nobody has answered for longer than the patience lasts.
        """
        unanswered: float | None = None
        while True:
            try:
                async with asyncio.timeout(self._pace.ask_round):
                    await self._all_ended.wait()
                return
            except TimeoutError:
                answered = await self._ask_the_silent()
            now = time.monotonic()
            unanswered = None if answered else (unanswered or now)
            if unanswered and now - unanswered >= self._pace.unreachable:
                raise ApiUnreachable("Nobody answers any more: see `lorebase status`.")

    async def _ask_the_silent(self) -> bool:
        for job_id in self._silent():
            try:
                job = (await self._client.run("show-job", {"id": job_id}))["node"]
            except ApiUnreachable:
                return False
            except ApiRefused as refusal:
                if not refusal.retryable:
                    raise
                return True
            if job is None or job["status"] in ENDED:
                self._end(job_id, (job or {}).get("status", "CANCELLED"), (job or {}).get("error"))
            else:
                self._hear(job_id)
        return True

    def _silent(self) -> list[str]:
        few = len(self._open) <= TRUSTED_JOBS
        trusted = self._trusted and not few
        seconds, jobs = (TRUSTED_SECONDS, TRUSTED_JOBS) if trusted else (DOUBTED_SECONDS, DOUBTED_JOBS)
        now, found = time.monotonic(), list[str]()
        for job_id, job in self._open.items():
            if len(found) == jobs or now - job.heard < seconds:
                break
            found.append(job_id)
        return found

    def _note(self, event: Json) -> None:
        kind = event["__typename"]
        self._trusted = kind != "StreamReset"
        if "job" not in event:
            return
        job_id: str = event["job"]["id"]
        job = self._open.get(job_id)
        if kind in ("JobSucceeded", "JobFailed"):
            self._take_end(job_id, event["job"]["status"], event.get("failure"))
        elif job is not None:
            self._pulse.beat()
            self._hear(job_id)
            if kind == "JobProgressed":
                self._listener.progressed(job.key, event["progress"])
            elif kind == "JobRetried":
                self._listener.delayed(job.key)

    def _take_end(self, job_id: str, status: str, error: Json | None) -> None:
        if job_id in self._open:
            self._end(job_id, status, error)
        elif self._expected:
            self._early[job_id] = (status, error)
            if len(self._early) > EARLY_MAXIMUM:
                self._early.popitem(last=False)

    def _hear(self, job_id: str) -> None:
        self._open[job_id].heard = time.monotonic()
        self._open.move_to_end(job_id)

    def _doubt(self) -> None:
        self._trusted = False

    def _end(self, job_id: str, status: str, error: Json | None) -> None:
        job = self._open.pop(job_id, None)
        if job is not None:
            self._pulse.beat()
            self._listener.ended(job.key, job_id, status, error)
            self._look_whether_all_ended()

    def _look_whether_all_ended(self) -> None:
        if self._closed and not self._open:
            self._all_ended.set()
