"""The life of documents and their jobs under random use, crashes, frozen workers, outages and losses.

One machine for all stores: a subclass gives it a world, and a ledger that reads what is really stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lorebase.core.errors import Conflict, NotFound
from lorebase.schemas.documents import DeletionReceipt, Document, DocumentStatus, UpdateDocument
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobStatus
from lorebase.schemas.reconciliation import TOMBSTONES, DriftKind
from tests.factories import Tenant
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World

Result = TypeVar("Result")

KEYS = st.sampled_from(["x", "x", "x", "y"])
TAGS = st.sampled_from([(), ("a",), ("b",), ("a", "b")])
TITLES = st.sampled_from([None, "One title", "Another title"])
BODIES = st.integers(0, 3).map(
    lambda n: " ".join(f"Sentence {m} of body {n} is here." for m in range(4 + 8 * n))
)
STEPS = st.integers(1, 60)
ACTIONS = st.sampled_from(["upsert", "update", "delete", "cancel", "work", "lease", "reconcile"])
ROUNDS_TO_REST = 60
LONGER_THAN_A_LEASE = 21.0
LONGER_THAN_ANY_WAIT = 61.0


class Ledger(Protocol):
    """What is stored, read past all services; and the clock of the database."""

    async def documents(self) -> dict[UUID, Document]:
        """All documents, tombstones too."""
        ...

    async def jobs(self) -> dict[UUID, Job]:
        """All jobs, oldest first."""
        ...

    async def text(self, version_id: UUID) -> str:
        """The extracted text of a version."""
        ...

    async def receipt(self, document_id: UUID) -> DeletionReceipt:
        """The receipt of a deleted document."""
        ...

    async def blob_keys(self) -> set[str]:
        """Blobs that versions name."""
        ...

    async def traces(self, document_id: UUID) -> int:
        """Rows of versions, passages, postings and indexes that hang on a document."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Moves the clock on."""
        ...


@dataclass(frozen=True)
class Plan:
    """A worker that may die at a step, while others act on the same document at another.

    When `lease` is among what they do, it is a frozen worker that goes on after its lease ran out.
    """

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
    meanwhile=st.lists(ACTIONS, max_size=3),
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
    """The model is what callers were told: wishes, deletions, and what may only grow."""

    world: World
    tenant: Tenant
    ledger: Ledger

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.wishes: dict[str, Wish] = {}
        self.bodies: dict[UUID, set[str]] = {}
        self.deleted: set[UUID] = set()
        self.live: dict[UUID, int] = {}
        self.jobs_before: dict[UUID, Job] = {}
        self.restarted: set[UUID] = set()
        self.claims: list[tuple[UUID, int]] = []
        self.index_lost = False
        self.was_frozen = False
        self.run(self.open())

    async def open(self) -> None:
        """Makes world, tenant and ledger; each kind of world has its own."""
        raise NotImplementedError

    async def close(self) -> None:
        """Closes what `open` opened."""

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
        for job in await self.ingestions(wish):
            if wish is not None and not job.is_terminal:
                await self.world.jobs.cancel(self.tenant.principal, job.id)
                wish.stopped = True

    async def do_retry(self, key: str) -> None:
        wish = self.wishes.get(key)
        for job in (await self.ingestions(wish))[-1:]:
            try:
                await self.world.jobs.retry(self.tenant.principal, job.id)
            except (Conflict, NotFound):
                assert (await self.ledger.jobs())[job.id] == job
            else:
                assert wish is not None
                wish.stopped = False
                self.restarted.add(job.id)

    async def do_work(self, faults: Faults) -> None:
        with suppress(Crash):
            await self.world.runner(faults).run_due(JobLane.DOCUMENTS)

    async def ingestions(self, wish: Wish | None) -> list[Job]:
        jobs = (await self.ledger.jobs()).values()
        return [
            job
            for job in jobs
            if wish is not None and (job.kind, job.subject_id) == (JobKind.INGEST, wish.document_id)
        ]

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
            case "lease":
                self.was_frozen = True
                await self.ledger.pass_time(LONGER_THAN_A_LEASE)
            case "reconcile":
                await self.world.reconcile(self.tenant)

    @rule(plan=PLANS)
    def work(self, plan: Plan) -> None:
        faults = Faults()

        async def meanwhile() -> None:
            for action in plan.meanwhile:
                await self.act(action, plan, 1)

        others: list[asyncio.Task[None]] = []

        async def others_act() -> None:
            # It may be a heartbeat that steps here, and be stopped with its job: the others go on.
            others.append(asyncio.create_task(meanwhile()))
            await asyncio.shield(others[0])

        async def all_of_it() -> None:
            await self.act(plan.before, plan, 0)
            await self.do_work(faults)
            await asyncio.gather(*others)

        faults.at(plan.step, others_act)
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

    @rule(seconds=st.sampled_from([1.0, LONGER_THAN_A_LEASE, LONGER_THAN_ANY_WAIT]))
    def time_passes(self, seconds: float) -> None:
        self.run(self.ledger.pass_time(seconds))

    @rule(crash_at=st.one_of(st.none(), STEPS))
    def reconcile(self, crash_at: int | None) -> None:
        faults = Faults()
        if crash_at is not None:
            faults.crash_at(crash_at)
        with suppress(Crash):
            self.run(self.world.reconciler(faults).reconcile(self.tenant.workspace.id, repair=True))

    @rule()
    def the_index_loses_everything(self) -> None:
        self.world.index.partitions.clear()
        self.index_lost = True

    @rule()
    def a_worker_claims_and_vanishes(self) -> None:
        async def claim() -> list[Job]:
            async with self.world.units.for_system() as uow:
                lease = timedelta(seconds=self.world.settings.job_lease_seconds)
                jobs = await uow.jobs.claim_due(JobLane.DOCUMENTS, 1, lease)
                await uow.commit()
            return jobs

        self.claims += [(job.id, job.fence) for job in self.run(claim())]

    @rule()
    def the_vanished_speak_again(self) -> None:
        """An old fence renews nothing and ends nothing."""
        self.run(self.speak())

    async def speak(self) -> None:
        jobs = await self.ledger.jobs()
        for job_id, fence in self.claims:
            now = jobs[job_id]
            holds = (now.status, now.fence) == (JobStatus.RUNNING, fence)
            async with self.world.units.for_system() as system:
                beat = await system.jobs.heartbeat(job_id, fence, timedelta(seconds=1), None, 0)
            async with self.world.units.for_workspace(self.tenant.workspace.id) as uow:
                ended = await uow.jobs.succeed(job_id, fence)
            assert (beat.holds, ended is not None) == (holds, holds)

    # What holds at every moment.

    @invariant()
    def the_deleted_are_never_found(self) -> None:
        documents = self.run(self.ledger.documents())
        for document_id in self.deleted:
            assert documents[document_id].status in TOMBSTONES
            assert self.run(self.world.searchable(self.tenant, document_id)) == []
            receipt = self.run(self.ledger.receipt(document_id))
            assert receipt.completed_at is None or receipt.vectors_remaining == 0
        found = self.run(self.world.documents.get_many(self.tenant.principal, list(self.deleted)))
        assert found == []

    @invariant()
    def nothing_accepted_is_lost_or_stuck(self) -> None:
        documents = self.run(self.ledger.documents())
        for wish in self.wishes.values():
            document = documents[wish.document_id]
            assert document.tags == wish.tags
            coming = any(
                not job.is_terminal and job.generation == document.generation
                for job in self.run(self.ingestions(wish))
            )
            if document.status is DocumentStatus.READY:
                assert document.live_generation == document.generation
            elif document.status is DocumentStatus.FAILED:
                assert wish.stopped
            else:
                assert coming

    @invariant()
    def fences_only_grow_and_an_end_is_an_end(self) -> None:
        jobs = self.run(self.ledger.jobs())
        for job_id, before in self.jobs_before.items():
            now = jobs[job_id]
            assert now.fence >= before.fence
            if before.is_terminal and job_id not in self.restarted:
                assert (now.status, now.fence) == (before.status, before.fence)
        self.jobs_before = jobs
        self.restarted.clear()

    @invariant()
    def what_is_live_only_grows(self) -> None:
        documents = self.run(self.ledger.documents())
        for wish in self.wishes.values():
            live = documents[wish.document_id].live_generation or 0
            assert live >= self.live.get(wish.document_id, 0)
            self.live[wish.document_id] = live

    @invariant()
    def search_shows_one_whole_version(self) -> None:
        if self.index_lost:
            return
        documents = self.run(self.ledger.documents())
        for wish in self.wishes.values():
            document = documents[wish.document_id]
            passages = self.run(self.world.searchable(self.tenant, document.id))
            assert (passages != []) == (document.live_generation is not None)
            assert {passage.version_id for passage in passages} <= {document.current_version_id}
            if passages:
                assert [passage.ordinal for passage in passages] == list(range(len(passages)))
                text = self.run(self.ledger.text(passages[0].version_id))
                assert text in self.bodies[document.id]
                assert text.startswith(passages[0].text)
                assert text.endswith(passages[-1].text)

    # What holds in the end: workers that live on bring everything to rest, the reconciler the stores.

    @rule()
    def rest(self) -> None:
        self.run(self.come_to_rest())
        self.run(self.world.reconcile(self.tenant))
        self.run(self.come_to_rest())
        again = self.run(self.world.reconcile(self.tenant, repair=False))
        assert [drift.kind for drift in again.examples if drift.kind is not DriftKind.ORPHAN_BLOBS] == []
        self.index_lost = False
        self.run(self.check_rest())

    async def come_to_rest(self) -> None:
        for _ in range(ROUNDS_TO_REST):
            if all(job.is_terminal for job in (await self.ledger.jobs()).values()):
                break
            await self.world.run_all()
            await self.ledger.pass_time(LONGER_THAN_ANY_WAIT)

    def teardown(self) -> None:
        self.rest()
        self.run(self.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()

    async def check_rest(self) -> None:
        jobs = (await self.ledger.jobs()).values()
        assert all(job.is_terminal for job in jobs)
        assert all(job.status is JobStatus.SUCCEEDED for job in jobs if job.kind is JobKind.DELETE)
        for wish in self.wishes.values():
            await self.check_at_rest(wish)
        for document_id in self.deleted:
            await self.check_nothing_is_left(document_id)

    async def check_at_rest(self, wish: Wish) -> None:
        document = (await self.ledger.documents())[wish.document_id]
        if not wish.stopped:
            assert (document.status, document.live_generation) == (
                DocumentStatus.READY,
                document.generation,
            )
            assert document.current_version_id is not None
            assert await self.ledger.text(document.current_version_id) == wish.body
        rows = self.world.vectors(document.id)
        assert {row.generation for row in rows} <= {document.live_generation}
        if not self.was_frozen:
            # A frozen synchronisation may write what was true before; PostgreSQL keeps wrong hits out.
            assert {row.tags for row in rows} <= {document.tags}
            assert {row.title for row in rows} <= {document.title}

    async def check_nothing_is_left(self, document_id: UUID) -> None:
        assert (await self.ledger.documents())[document_id].status is DocumentStatus.DELETED
        assert self.world.vectors(document_id) == []
        assert await self.ledger.traces(document_id) == 0
        assert (await self.ledger.receipt(document_id)).completed_at is not None
        assert set(self.world.blobs.blobs) == await self.ledger.blob_keys()
