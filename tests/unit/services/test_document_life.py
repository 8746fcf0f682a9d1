"""The life of documents and their jobs under random use, crashes, outages and expired leases."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lorebase.core.errors import Conflict, NotFound
from lorebase.schemas.documents import DocumentStatus, UpdateDocument
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobStatus
from tests.factories import add_tenant, make_settings
from tests.fakes.faults import Crash, Faults
from tests.fakes.memory.documents import TOMBSTONES
from tests.fakes.world import World

Result = TypeVar("Result")

KEYS = st.sampled_from(["x", "x", "x", "y"])
TAGS = st.sampled_from([(), ("a",), ("b",), ("a", "b")])
TITLES = st.sampled_from([None, "One title", "Another title"])
BODIES = st.integers(0, 3).map(
    lambda n: " ".join(f"Sentence {m} of body {n} is here." for m in range(4 + 8 * n))
)
STEPS = st.integers(1, 60)
ACTIONS = st.sampled_from(["upsert", "update", "delete", "cancel", "work"])
ROUNDS_TO_REST = 60


@dataclass(frozen=True)
class Plan:
    """A worker that may die at a step, while others act on the same document at another."""

    before: str
    crash_at: int | None
    step: int
    meanwhile: list[str]
    key: str
    bodies: tuple[str, str]
    tags: tuple[tuple[str, ...], tuple[str, ...]]
    then_rest: bool


PLANS = st.builds(
    Plan,
    before=st.sampled_from(["upsert", "update", "nothing"]),
    crash_at=st.one_of(st.none(), STEPS),
    step=STEPS,
    meanwhile=st.lists(ACTIONS, max_size=2),
    key=KEYS,
    bodies=st.tuples(BODIES, BODIES),
    tags=st.tuples(TAGS, TAGS),
    then_rest=st.booleans(),
)


@dataclass
class Wish:
    """What the caller was last told about a document; `stopped` when they asked its ingestion to stop."""

    document_id: UUID
    body: str
    tags: tuple[str, ...]
    stopped: bool = False


class DocumentLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(make_settings(job_attempts_maximum=1000))
        self.tenant = self.run(add_tenant(self.world.database))
        self.wishes: dict[str, Wish] = {}
        self.bodies: dict[UUID, set[str]] = {}
        self.deleted: set[UUID] = set()
        self.live: dict[UUID, int] = {}

    def run(self, act: Coroutine[object, object, Result]) -> Result:
        return self.loop.run_until_complete(act)

    # What callers do. Each may also happen between two steps of a worker.

    async def do_upsert(self, key: str, body: str, tags: tuple[str, ...], title: str | None) -> None:
        given: dict[str, object] = {"external_id": key, "tags": tags}
        if title is not None:
            given["title"] = title
        result = await self.world.upsert(self.tenant, body, **given)
        before = self.wishes.get(key)
        assert result.created == (before is None)
        assert before is None or before.document_id == result.document.id
        ingests = result.job is not None and result.job.kind is JobKind.INGEST
        stopped = before.stopped if before is not None and not ingests else False
        self.wishes[key] = Wish(result.document.id, body, tags, stopped)
        self.bodies.setdefault(result.document.id, set()).add(body)

    async def do_update(self, key: str, tags: tuple[str, ...]) -> None:
        wish = self.wishes.get(key)
        if wish is not None:
            change = UpdateDocument(id=wish.document_id, tags=tags)
            await self.world.documents.update(self.tenant.principal, change)
            wish.tags = tags

    async def do_delete(self, key: str) -> None:
        wish = self.wishes.pop(key, None)
        if wish is not None:
            await self.world.documents.delete(self.tenant.principal, wish.document_id)
            self.deleted.add(wish.document_id)

    async def do_cancel(self, key: str) -> None:
        wish = self.wishes.get(key)
        for job in self.ingestions(wish):
            if wish is not None and not job.is_terminal:
                await self.world.jobs.cancel(self.tenant.principal, job.id)
                wish.stopped = True

    async def do_retry(self, key: str) -> None:
        wish = self.wishes.get(key)
        for job in self.ingestions(wish)[-1:]:
            try:
                await self.world.jobs.retry(self.tenant.principal, job.id)
            except (Conflict, NotFound):
                assert self.world.job(job.id) == job
            else:
                assert wish is not None
                wish.stopped = False

    async def do_work(self, faults: Faults) -> None:
        with suppress(Crash):
            await self.world.runner(faults).run_due(JobLane.DOCUMENTS)

    def ingestions(self, wish: Wish | None) -> list[Job]:
        jobs = self.world.jobs_about(wish.document_id) if wish else []
        return [job for job in jobs if job.kind is JobKind.INGEST]

    @rule(key=KEYS, body=BODIES, tags=TAGS, title=TITLES)
    def upsert(self, key: str, body: str, tags: tuple[str, ...], title: str | None) -> None:
        self.run(self.do_upsert(key, body, tags, title))

    @rule(key=KEYS, tags=TAGS)
    def update(self, key: str, tags: tuple[str, ...]) -> None:
        self.run(self.do_update(key, tags))

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.run(self.do_delete(key))

    @rule(key=KEYS)
    def cancel(self, key: str) -> None:
        self.run(self.do_cancel(key))

    @rule(key=KEYS)
    def retry(self, key: str) -> None:
        self.run(self.do_retry(key))

    async def act(self, action: str, plan: Plan, turn: int) -> None:
        match action:
            case "upsert":
                await self.do_upsert(plan.key, plan.bodies[turn], plan.tags[turn], None)
            case "update":
                await self.do_update(plan.key, plan.tags[turn])
            case "delete":
                await self.do_delete(plan.key)
            case "cancel":
                await self.do_cancel(plan.key)
            case "work":
                await self.do_work(Faults())

    @rule(plan=PLANS)
    def work(self, plan: Plan) -> None:
        faults = Faults()

        async def meanwhile() -> None:
            for action in plan.meanwhile:
                await self.act(action, plan, 1)

        async def all_of_it() -> None:
            await self.act(plan.before, plan, 0)
            await self.do_work(faults)

        faults.at(plan.step, meanwhile)
        if plan.crash_at is not None:
            faults.crash_at(plan.crash_at)
        self.run(all_of_it())
        if plan.then_rest:
            self.rest()

    @rule()
    def work_without_the_index(self) -> None:
        self.world.index.down = True
        self.run(self.do_work(Faults()))
        self.world.index.down = False

    @rule(seconds=st.sampled_from([1.0, 21.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    # What holds at every moment.

    @invariant()
    def the_deleted_are_never_found(self) -> None:
        for document_id in self.deleted:
            assert self.world.document(document_id).status in TOMBSTONES
            assert self.run(self.world.searchable(self.tenant, document_id)) == []
        found = self.run(self.world.documents.get_many(self.tenant.principal, list(self.deleted)))
        assert found == []

    @invariant()
    def nothing_accepted_is_lost_or_stuck(self) -> None:
        for wish in self.wishes.values():
            document = self.world.document(wish.document_id)
            assert document.tags == wish.tags
            coming = any(
                not job.is_terminal and job.generation == document.generation for job in self.ingestions(wish)
            )
            if document.status is DocumentStatus.READY:
                assert document.live_generation == document.generation
            elif document.status is DocumentStatus.FAILED:
                assert wish.stopped
            else:
                assert coming

    @invariant()
    def what_is_live_only_grows(self) -> None:
        for wish in self.wishes.values():
            live = self.world.document(wish.document_id).live_generation or 0
            assert live >= self.live.get(wish.document_id, 0)
            self.live[wish.document_id] = live

    @invariant()
    def search_shows_one_whole_version(self) -> None:
        for wish in self.wishes.values():
            document = self.world.document(wish.document_id)
            passages = self.run(self.world.searchable(self.tenant, document.id))
            assert (passages != []) == (document.live_generation is not None)
            assert {passage.version_id for passage in passages} <= {document.current_version_id}
            if passages:
                assert [passage.ordinal for passage in passages] == list(range(len(passages)))
                text = self.world.database.state.texts[passages[0].version_id]
                assert text in self.bodies[document.id]
                assert text.startswith(passages[0].text)
                assert text.endswith(passages[-1].text)

    # What holds in the end: workers that live long enough bring everything to rest.

    @rule()
    def rest(self) -> None:
        for _ in range(ROUNDS_TO_REST):
            if all(job.is_terminal for job in self.world.database.state.jobs.values()):
                break
            self.run(self.world.run_all())
            self.world.clock.advance(61)
        self.check_rest()

    def teardown(self) -> None:
        self.rest()
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()

    def check_rest(self) -> None:
        jobs = list(self.world.database.state.jobs.values())
        assert all(job.is_terminal for job in jobs)
        assert all(job.status is JobStatus.SUCCEEDED for job in jobs if job.kind is JobKind.DELETE)
        for wish in self.wishes.values():
            self.check_at_rest(wish)
        for document_id in self.deleted:
            self.check_nothing_is_left(document_id)

    def check_at_rest(self, wish: Wish) -> None:
        document = self.world.document(wish.document_id)
        if not wish.stopped:
            assert (document.status, document.live_generation) == (
                DocumentStatus.READY,
                document.generation,
            )
            assert document.current_version_id is not None
            assert self.world.database.state.texts[document.current_version_id] == wish.body
        rows = [row for row in self.world.vectors(document.id) if row.generation == document.live_generation]
        assert {row.tags for row in rows} <= {document.tags}
        assert {row.title for row in rows} <= {document.title}

    def check_nothing_is_left(self, document_id: UUID) -> None:
        state = self.world.database.state
        assert self.world.document(document_id).status is DocumentStatus.DELETED
        assert self.world.vectors(document_id) == []
        assert not any(version.document_id == document_id for version in state.versions.values())
        assert not any(key[0] == document_id for key in state.postings)
        assert not any(key[1] == document_id for key in state.index_documents)
        [receipt] = [held for held in state.receipts.values() if held.document_id == document_id]
        assert receipt.completed_at is not None
        kept = {version.blob_key for version in state.versions.values()}
        assert set(self.world.blobs.blobs) == kept


DocumentLife.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDocumentLife = DocumentLife.TestCase
