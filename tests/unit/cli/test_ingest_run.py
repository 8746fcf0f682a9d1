"""How an ingestion follows its jobs, waits and gives up; over a client that does what the test says."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from lorebase.cli.connection.client import ApiClient
from lorebase.cli.errors import ApiRefused, ApiUnreachable, FileChanged
from lorebase.cli.ingesting.ingest_files import SourceFile
from lorebase.cli.ingesting.ingest_jobs import EARLY_MAXIMUM, JobFollower
from lorebase.cli.ingesting.ingest_outcome import LISTED, Outcome
from lorebase.cli.ingesting.ingest_pace import Pace, Pulse
from lorebase.cli.ingesting.ingest_progress import IngestProgress
from lorebase.cli.ingesting.ingest_run import Ingestion
from lorebase.cli.ingesting.ingest_upload import IngestRequest
from tests.unit.cli.test_output import screen, shown

Json = dict[str, Any]
QUICK = Pace(
    first_pause=0.001, longest_pause=0.002, unreachable=0.05, refused=0.05, ask_round=0.01, quiet=0.02
)
REQUEST = IngestRequest("ws_1", "kb_1")


class ScriptedClient:
    """Answers uploads by `upload`, questions for a job by `jobs`, and streams what is put into `events`."""

    def __init__(self) -> None:
        self.uploads: list[str] = []
        self.troubles: dict[str, deque[Exception]] = {}
        self.jobs: dict[str, Json] = {}
        self.asked: Counter[str] = Counter()
        self.asked_documents = 0
        self.told = 0
        self.events: asyncio.Queue[Json] = asyncio.Queue()
        self.on_upload: Callable[[str], None] = lambda key: None
        self.listened: list[str | None] = []
        self.completes_at: set[str] = set()
        self.unreachable = False
        self.document_status = "PENDING"
        self.makes_jobs = True

    async def upload(self, name: str, variables: Json, path: Path, file_name: str) -> Json:
        key = variables["externalId"]
        self.uploads.append(key)
        await asyncio.sleep(0)
        if self.troubles.get(key):
            raise self.troubles[key].popleft()
        if self.unreachable:
            raise ApiUnreachable("Nobody answers.")
        job = {"id": f"job of {key}", "status": "QUEUED"} if self.makes_jobs else None
        self.on_upload(key)
        document = {"id": f"doc of {key}", "status": self.document_status}
        return {"upsertDocument": {"document": document, "job": job, "userErrors": []}}

    async def run(self, name: str, variables: Json) -> Json:
        if self.unreachable:
            raise ApiUnreachable("Nobody answers.")
        if name == "list-documents":
            self.asked_documents += 1
            key = variables["filter"]["id"]["eq"].removeprefix("doc of ")
            return {"node": {"documents": {"nodes": [{"latestJob": self.jobs.get(f"job of {key}")}]}}}
        self.asked[variables["id"]] += 1
        return {"node": self.jobs.get(variables["id"], {"status": "RUNNING", "error": None})}

    async def subscribe(
        self, name: str, variables: Json, interrupted: Callable[[], None]
    ) -> AsyncGenerator[Json]:
        self.listened.append(variables.get("after"))
        while True:
            event = await self.events.get()
            yield event
            if event["cursor"] in self.completes_at:
                return

    def end(self, key: str, status: str = "SUCCEEDED", failure: Json | None = None) -> None:
        """Tells of an end in the stream."""
        kind = "JobSucceeded" if status == "SUCCEEDED" else "JobFailed"
        job = {"id": f"job of {key}", "status": status}
        self.tell(kind, job=job, failure=failure)

    def tell(self, kind: str, **fields: object) -> None:
        """Puts an event into the stream."""
        self.told += 1
        self.events.put_nowait({"__typename": kind, "cursor": str(self.told), **fields})


def files(*keys: str) -> list[SourceFile]:
    return [SourceFile(Path("/nowhere") / key, key, 1) for key in keys]


async def ingest(
    client: ScriptedClient,
    *keys: str,
    concurrency: int = 4,
    pace: Pace = QUICK,
    outcome: Outcome | None = None,
) -> Outcome:
    outcome = outcome or Outcome()
    outcome.total = len(keys)
    console = screen(terminal=False)
    with IngestProgress(console, len(keys)) as progress:
        run = Ingestion(cast("ApiClient", client), REQUEST, outcome, progress, pace)
        async with asyncio.timeout(20):
            await run.run(files(*keys), concurrency)
    return outcome


async def test_jobs_that_end_in_the_stream_are_counted_by_how_they_ended() -> None:
    client = ScriptedClient()
    ends = {
        "a": ("SUCCEEDED", None),
        "b": ("FAILED", {"code": "NO_TEXT", "message": "None."}),
        "c": ("CANCELLED", None),
    }
    client.on_upload = lambda key: client.end(key, *ends[key])
    outcome = await ingest(client, "a", "b", "c")
    assert outcome.ready == ["a"]
    assert sorted(outcome.failed) == [
        ("b", "NO_TEXT: None."),
        ("c", "CANCELLED: somebody stopped it, or newer content came"),
    ]
    assert (outcome.waiting, outcome.not_sent) == ({}, 0)


async def test_an_end_that_is_heard_of_before_the_answer_to_the_upload_counts() -> None:
    client = ScriptedClient()
    client.on_upload = client.end
    outcome = await ingest(client, *map(str, range(50)), pace=Pace(ask_round=5.0))
    assert len(outcome.ready) == 50
    assert not client.asked


async def test_more_files_than_uploads_at_a_time_are_all_sent_once() -> None:
    client = ScriptedClient()
    client.on_upload = client.end
    keys = [str(number) for number in range(10_000)]
    outcome = await ingest(client, *keys, concurrency=8, pace=Pace(ask_round=5.0))
    assert sorted(outcome.ready) == sorted(keys)
    assert Counter(client.uploads) == Counter(keys)


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING"])
async def test_a_document_still_being_worked_on_is_waited_for(status: str) -> None:
    client = ScriptedClient()
    client.makes_jobs, client.document_status = False, status
    client.jobs["job of a"] = {"id": "job of a", "status": "RUNNING"}
    client.on_upload = client.end
    outcome = await ingest(client, "a")
    assert (outcome.ready, outcome.unchanged, client.asked_documents) == (["a"], [], 1)


async def test_a_document_whose_job_ended_meanwhile_counts_by_that_end() -> None:
    client = ScriptedClient()
    client.makes_jobs = False
    error = {"code": "CORRUPT", "message": "Broken."}
    client.jobs["job of a"] = {"id": "job of a", "status": "FAILED", "error": error}
    assert (await ingest(client, "a")).failed == [("a", "CORRUPT: Broken.")]


async def test_a_ready_document_without_a_job_is_unchanged() -> None:
    client = ScriptedClient()
    client.makes_jobs, client.document_status = False, "READY"
    outcome = await ingest(client, "a")
    assert (outcome.unchanged, client.asked_documents) == (["a"], 0)


async def test_a_file_that_cannot_be_read_has_failed_and_the_rest_is_unharmed() -> None:
    client = ScriptedClient()
    client.on_upload = client.end
    client.troubles["a"] = deque([PermissionError(13, "Permission denied")])
    client.troubles["b"] = deque([FileChanged("The file became shorter.")])
    client.troubles["c"] = deque([ApiRefused("Too long.", "TITLE_TOO_LONG")])
    outcome = await ingest(client, "a", "b", "c", "d")
    assert outcome.failed == [
        ("a", "Permission denied"),
        ("b", "The file became shorter."),
        ("c", "TITLE_TOO_LONG: Too long."),
    ]
    assert outcome.ready == ["d"]


async def test_a_busy_api_is_tried_again_and_given_up_for_this_file_alone() -> None:
    client = ScriptedClient()
    client.on_upload = client.end
    busy = ApiRefused("Busy.", "OVERLOADED", retryable=True)
    client.troubles["a"] = deque([busy, busy, busy])
    client.troubles["b"] = deque([busy] * 10_000)
    outcome = await ingest(client, "a", "b")
    assert outcome.ready == ["a"]
    assert outcome.failed == [("b", "OVERLOADED: Busy.")]
    assert Counter(client.uploads)["a"] == 4


async def test_an_api_that_is_gone_ends_the_run_and_leaves_a_true_outcome() -> None:
    client = ScriptedClient()
    client.on_upload = lambda key: setattr(client, "unreachable", key == "b")
    outcome = Outcome()
    with pytest.raises(ApiUnreachable):
        await ingest(client, "a", "b", "c", "d", concurrency=1, outcome=outcome)
    assert set(outcome.waiting.values()) == {"a", "b"}
    assert outcome.not_sent == 2
    assert client.uploads[:2] == ["a", "b"]
    assert "d" not in client.uploads


async def test_an_api_that_goes_away_while_jobs_run_ends_the_run() -> None:
    client = ScriptedClient()
    client.on_upload = lambda key: setattr(client, "unreachable", True)
    with pytest.raises(ApiUnreachable):
        await ingest(client, "a")


async def test_a_stream_that_ends_is_opened_again_at_its_place() -> None:
    client = ScriptedClient()
    client.completes_at = {"1", "2"}
    client.on_upload = client.end
    outcome = await ingest(client, "a", "b", "c")
    assert sorted(outcome.ready) == ["a", "b", "c"]
    assert client.listened == [None, "1", "2"]


async def test_a_lost_end_is_found_by_asking_though_others_keep_the_stream_busy() -> None:
    client = ScriptedClient()
    client.jobs["job of a"] = {"id": "job of a", "status": "SUCCEEDED", "error": None}

    async def others() -> None:
        while True:
            client.end("somebody else's")
            await asyncio.sleep(0.001)

    noise = asyncio.create_task(others())
    outcome = await ingest(client, "a")
    noise.cancel()
    assert outcome.ready == ["a"]


async def test_a_document_that_was_deleted_meanwhile_has_failed() -> None:
    client = ScriptedClient()
    client.jobs["job of a"] = cast("Json", None)
    outcome = await ingest(client, "a")
    assert [key for key, _ in outcome.failed] == ["a"]


async def test_a_silence_is_told_of_while_something_is_waited_for() -> None:
    client = ScriptedClient()
    console = screen(terminal=False)
    outcome = Outcome(total=1)
    with IngestProgress(console, 1) as progress:
        run = Ingestion(cast("ApiClient", client), REQUEST, outcome, progress, QUICK)
        task = asyncio.create_task(run.run(files("a"), 1))
        async with asyncio.timeout(20):
            while "lorebase doctor" not in shown(console):
                await asyncio.sleep(0.005)
        client.end("a")
        await task
    assert outcome.ready == ["a"]


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def progressed(self, key: str, progress: Json) -> None:
        self.told.append(("progressed", key, progress["stage"]))

    def delayed(self, key: str) -> None:
        self.told.append(("delayed", key))

    def ended(self, key: str, job_id: str, status: str, error: Json | None) -> None:
        self.told.append(("ended", key, status))


def follower(client: ScriptedClient, listener: Listener) -> JobFollower:
    return JobFollower(cast("ApiClient", client), "ws_1", listener, QUICK, Pulse())


async def heard(client: ScriptedClient, jobs: JobFollower) -> None:
    """Lets the follower take in all that was put into the stream."""
    listening = asyncio.create_task(jobs.listen())
    async with asyncio.timeout(20):
        while not client.events.empty():
            await asyncio.sleep(0)
        await asyncio.sleep(0.001)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_progress_and_delays_of_our_jobs_alone_are_told() -> None:
    client, listener = ScriptedClient(), Listener()
    jobs = follower(client, listener)
    jobs.accept("ours", "a")
    for job_id in ("theirs", "ours"):
        progress = {"stage": "PARSE", "completed": 1, "total": 2}
        job = {"id": job_id, "status": "RUNNING"}
        client.tell("JobProgressed", job=job, progress=progress)
        client.tell("JobRetried", job=job, nextAttemptAt="2026-01-31T12:00:00Z")
        client.tell("SomethingNew", job=job)
    client.tell("StreamReset", snapshot={"id": "ws_1"})
    await heard(client, jobs)
    assert listener.told == [("progressed", "a", "PARSE"), ("delayed", "a")]


async def test_ends_of_other_users_jobs_are_kept_while_uploading_only_and_never_too_many() -> None:
    client, listener = ScriptedClient(), Listener()
    jobs = follower(client, listener)
    with jobs.expecting():
        for number in range(3 * EARLY_MAXIMUM):
            client.end(f"{number}")
        await heard(client, jobs)
        assert len(jobs._early) == EARLY_MAXIMUM
        jobs.accept(f"job of {3 * EARLY_MAXIMUM - 1}", "ours")
    assert listener.told == [("ended", "ours", "SUCCEEDED")]
    assert len(jobs._early) == 0
    client.end("later")
    await heard(client, jobs)
    assert len(jobs._early) == 0


async def test_few_of_many_silent_jobs_are_asked_for_at_a_time_each_in_its_turn() -> None:
    client, listener = ScriptedClient(), Listener()
    jobs = follower(client, listener)
    for number in range(10_000):
        jobs.accept(str(number), f"file {number}")
    # As if all of them had been silent for long.
    for job in jobs._open.values():
        job.heard -= 3600
    for _ in range(5):
        await jobs._ask_the_silent()
    assert sum(client.asked.values()) == 100
    assert set(client.asked.values()) == {1}
    assert list(client.asked) == [str(number) for number in range(100)]


def test_a_summary_lists_the_first_failures_and_counts_the_rest() -> None:
    console = screen(terminal=False)
    outcome = Outcome(total=LISTED + 5, failed=[(f"[red]{n}", "a\nb") for n in range(LISTED + 2)])
    outcome.ready.append("x")
    outcome.waiting["job"] = "y"
    outcome.show(console)
    lines = shown(console).splitlines()
    assert lines[0] == "1 ready, 0 unchanged, 22 failed, 0 skipped, 1 still being worked on, 1 not sent"
    assert lines[1] == "  failed: [red]0: a b"
    assert len([line for line in lines if line.startswith("  failed:")]) == LISTED
    assert lines[-2:] == ["  … and 2 more failed", "Run the same command again for the rest."]


def test_files_that_wait_for_their_turn_have_no_bar() -> None:
    progress = IngestProgress(screen(), 10_000)
    for number in range(10_000):
        progress.advance(str(number), "uploading")
        progress.queue(str(number))
    progress.advance("3", "EMBED", 2, 5)
    assert progress.under_way == 1
    progress.finish("3", "ready")
    assert progress.under_way == 0


def test_a_watched_terminal_shows_bars_and_a_dumb_one_lines() -> None:
    for term, told in (("xterm", False), ("dumb", True)):
        console = screen(term=term)
        with IngestProgress(console, 1) as progress:
            progress.advance("docs/a.md", "PARSE", 1, 2)
            progress.finish("docs/a.md", "ready")
        assert ("ready: docs/a.md" in shown(console).splitlines()) is told


def test_pauses_grow_and_never_last_longer_than_the_longest() -> None:
    pace = Pace()
    for attempt in range(2000):
        assert 0 < pace.pause(attempt, None) <= pace.longest_pause
    assert pace.pause(0, None) <= 0.5
    assert pace.pause(0, 7.0) == 7.0
    assert pace.pause(0, 1e9) == pace.longest_pause
