"""The gate of a reindex: what passes, what is refused, and what happens when it is disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from lorebase.core.errors import BadInput, ErrorCode, NotFound, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.embeddings import ReindexKnowledgeBase
from lorebase.schemas.evaluations import EvaluationSet
from lorebase.schemas.events import JobProgressedEvent
from lorebase.schemas.jobs import Job, JobStatus
from lorebase.schemas.reindex_gates import GateVerdict, ReindexGate
from tests.factories import Tenant, add_tenant
from tests.fakes.clock import START
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World
from tests.unit.services.library_with_gate import QUESTIONS, GatedLibrary

# More than a worker takes here.
STEPS = 500


@pytest.fixture
def library(world: World, tenant: Tenant) -> GatedLibrary:
    return GatedLibrary(world, tenant)


async def finished(library: GatedLibrary, job: Job) -> Job:
    """The job at its end, after whatever happened to a worker."""
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)
    await library.world.run_all()
    return library.world.job(job.id)


async def steps_of_a_gate(*, contrary: bool) -> range:
    """The steps of a worker that finds the index complete, counted in a world of their own."""
    world = World()
    library = GatedLibrary(world, await add_tenant(world.database))
    await library.open(contrary=contrary)
    job = await library.move()
    await crash_when_built(library, job)
    faults = Faults()
    await world.runner(faults).run(job.id)
    return range(1, faults.steps + 1)


async def test_an_index_that_finds_as_much_goes_live(library: GatedLibrary) -> None:
    await library.open()
    job = await library.move()
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert library.active_id == job.subject_id
    outcome = await library.outcome(job)
    assert outcome.verdict is GateVerdict.PASSED
    assert [(change.name, change.before, change.after) for change in outcome.changes] == [
        ("nDCG@10", 1.0, 1.0)
    ]
    await library.check()


async def test_an_index_that_finds_less_stays_beside_the_old_one_and_the_job_says_by_how_much(
    library: GatedLibrary,
) -> None:
    await library.open(contrary=True)
    before = library.active_id
    job = await library.move()
    await library.world.run_all()
    ended = library.world.job(job.id)
    assert (ended.status, ended.attempt) == (JobStatus.FAILED, 1)
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == (ErrorCode.GATE_REFUSED, False)
    assert "nDCG@10 fell from 1.0000 to 0.0000, 0.01 is accepted" in ended.error.message
    assert library.active_id == before
    assert await library.is_built(job)
    assert (await library.outcome(job)).verdict is GateVerdict.REFUSED
    await library.check()


async def test_both_measurements_are_runs_that_can_be_compared(library: GatedLibrary) -> None:
    await library.open(contrary=True)
    before = library.active_id
    job = await library.move()
    await library.world.run_all()
    outcome = await library.outcome(job)
    assert outcome.baseline is not None
    assert outcome.run is not None
    assert (outcome.baseline.index_id, outcome.run.index_id) == (before, job.subject_id)
    assert {outcome.baseline.job_id, outcome.run.job_id} == {job.id}
    principal = library.tenant.principal
    compared = await library.evaluations.comparison(principal, outcome.run.id, outcome.baseline.id)
    assert compared is not None
    assert (compared.change, compared.worsened_count) == (-1.0, len(QUESTIONS))


async def test_the_owner_may_switch_to_a_refused_index_or_give_it_up(library: GatedLibrary) -> None:
    await library.open(contrary=True)
    before = library.active_id
    job = await library.move()
    await library.world.run_all()
    principal = library.tenant.principal
    assert (await library.world.indexes.activate(principal, job.subject_id)).active_index_id == job.subject_id
    await library.world.indexes.activate(principal, before)
    await library.world.indexes.delete(principal, job.subject_id)
    assert [index.id for index in await library.indexes()] == [before]


@pytest.mark.parametrize(
    ("accepted", "verdict"),
    [
        ({"max_ndcg_drop": 1.0}, GateVerdict.PASSED),
        ({"max_ndcg_drop": 0.999}, GateVerdict.REFUSED),
        ({"max_ndcg_drop": 1.0, "max_mrr_drop": 0.5}, GateVerdict.REFUSED),
        # All documents are among the first hundred, wherever they stand.
        ({"max_ndcg_drop": 1.0, "max_recall_drop": 0.0}, GateVerdict.PASSED),
    ],
)
async def test_every_mean_that_is_named_may_fall_as_far_as_is_accepted(
    library: GatedLibrary, accepted: dict[str, float], verdict: GateVerdict
) -> None:
    await library.open(contrary=True)
    job = await library.move(**accepted)
    await library.world.run_all()
    assert (await library.outcome(job)).verdict is verdict
    assert (library.active_id == job.subject_id) is (verdict is GateVerdict.PASSED)


async def test_without_a_switch_the_gate_measures_and_says_so(library: GatedLibrary) -> None:
    await library.open()
    before = library.active_id
    job = await library.move(activate=False)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert (await library.outcome(job)).verdict is GateVerdict.PASSED
    assert library.active_id == before


async def test_progress_counts_the_questions_of_both_runs(library: GatedLibrary) -> None:
    await library.open()
    job = await library.move()
    await library.world.run_all()
    events = library.world.events_of(job)
    told = [event.progress for event in events if isinstance(event, JobProgressedEvent)]
    measured = [progress for progress in told if progress.stage is None]
    assert {progress.total for progress in measured} <= {2 * len(QUESTIONS)}
    assert [progress.completed for progress in measured] == sorted(p.completed for p in measured)


@pytest.mark.parametrize("contrary", [False, True])
async def test_a_worker_killed_anywhere_in_the_gate_changes_nothing_of_the_verdict(contrary: bool) -> None:
    for step in await steps_of_a_gate(contrary=contrary):
        world = World()
        library = GatedLibrary(world, await add_tenant(world.database))
        await library.open(contrary=contrary)
        before = library.active_id
        job = await library.move()
        await crash_when_built(library, job)
        assert await library.is_built(job)
        calls = len(library.embedder.calls)
        faults = Faults()
        faults.crash_at(step)
        with suppress(Crash):
            await world.runner(faults).run(job.id)
        ended = await finished(library, job)
        assert ended.status is (JobStatus.FAILED if contrary else JobStatus.SUCCEEDED)
        assert (library.active_id == before) is contrary
        assert library.runs() == 2
        embedded = {text for _, texts in library.embedder.calls[calls:] for text in texts}
        assert embedded <= set(QUESTIONS), "a passage was embedded again"
        await library.check()


async def crash_when_built(library: GatedLibrary, job: Job) -> None:
    """Lets a worker die as soon as the index is complete."""
    faults = Faults()

    async def die() -> None:
        faults.crash_at(faults.steps + 1)

    once(faults, lambda: library.is_built(job), die)
    with suppress(Crash):
        await library.world.runner(faults).run(job.id)
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)


def once(
    faults: Faults, condition: Callable[[], Awaitable[bool]], action: Callable[[], Awaitable[None]]
) -> None:
    """Lets others act once, before the first step at which the condition holds."""
    done: list[bool] = []

    async def look() -> None:
        if not done and await condition():
            done.append(True)
            await action()

    for step in range(1, STEPS):
        faults.at(step, look)


async def in_the_gate(library: GatedLibrary, job: Job, action: Callable[[], Awaitable[None]]) -> Job:
    """Lets others act as soon as the measurements have begun; the job at its end."""
    faults = Faults()
    once(faults, library.measures, action)
    await library.world.runner(faults).run(job.id)
    assert library.world.job(job.id).status is not JobStatus.RUNNING
    return await finished(library, job)


async def test_a_set_deleted_before_the_gate_leaves_the_old_index_live(library: GatedLibrary) -> None:
    await library.open()
    before = library.active_id
    job = await library.move()
    assert library.set_id is not None
    await library.evaluations.delete_set(library.tenant.principal, library.set_id)
    await library.world.run_all()
    await refused_for_want_of_a_set(library, job, library.world.job(job.id))
    assert library.active_id == before


async def test_a_set_deleted_within_the_gate_leaves_the_old_index_live(library: GatedLibrary) -> None:
    await library.open()
    before = library.active_id
    job = await library.move()
    set_id = library.set_id
    assert set_id is not None

    async def delete() -> None:
        await library.evaluations.delete_set(library.tenant.principal, set_id)

    ended = await in_the_gate(library, job, delete)
    await refused_for_want_of_a_set(library, job, ended)
    assert library.active_id == before


async def refused_for_want_of_a_set(library: GatedLibrary, job: Job, ended: Job) -> None:
    assert (ended.status, ended.cancel_requested) == (JobStatus.FAILED, False)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.NOT_FOUND
    assert await library.is_built(job)
    assert (await library.outcome(job)).verdict is None
    assert library.runs() == 0
    await library.check()


async def test_a_reindex_cancelled_within_the_gate_keeps_both_indexes_and_does_not_switch(
    library: GatedLibrary,
) -> None:
    await library.open()
    before = library.active_id
    job = await library.move()

    faults = Faults()
    runner = library.world.runner(faults)

    async def cancel() -> None:
        await library.world.jobs.cancel(library.tenant.principal, job.id)
        await runner.notice_cancel(job.id)
        await asyncio.sleep(0.01)

    once(faults, library.measures, cancel)
    await runner.run(job.id)
    assert library.world.job(job.id).status is JobStatus.CANCELLED
    assert library.active_id == before
    assert await library.is_built(job)
    assert (await library.outcome(job)).verdict is None
    await library.check()


async def test_an_outage_within_the_gate_burns_no_attempt_and_the_measurement_goes_on_after_it(
    library: GatedLibrary,
) -> None:
    await library.open()
    job = await library.move()

    async def fail() -> None:
        library.embedder.failure = Unavailable("away", code=ErrorCode.MODEL_UNAVAILABLE)

    faults = Faults()
    once(faults, library.measures, fail)
    await library.world.runner(faults).run(job.id)
    waiting = library.world.job(job.id)
    assert (waiting.status, waiting.attempt) == (JobStatus.QUEUED, 0)
    library.embedder.failure = None
    library.world.clock.advance(120)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert library.runs() == 2


async def test_the_baseline_given_up_within_the_gate_is_no_verdict(library: GatedLibrary) -> None:
    await library.open()
    before = library.active_id
    job = await library.move()

    async def switch() -> None:
        await library.world.indexes.activate(library.tenant.principal, job.subject_id)
        await library.world.indexes.delete(library.tenant.principal, before)

    ended = await in_the_gate(library, job, switch)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (JobStatus.FAILED, ErrorCode.NOT_FOUND)
    assert library.active_id == job.subject_id


async def test_a_refused_reindex_that_is_retried_measures_anew_and_builds_nothing(
    library: GatedLibrary,
) -> None:
    await library.open(contrary=True)
    job = await library.move()
    await library.world.run_all()
    first = await library.outcome(job)
    library.embedder.contrary_dimensions = None
    library.world.clock.advance(1)
    calls = len(library.embedder.calls)
    await library.world.jobs.retry(library.tenant.principal, job.id)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    again = await library.outcome(job)
    assert (first.verdict, again.verdict) == (GateVerdict.REFUSED, GateVerdict.PASSED)
    assert first.run != again.run
    assert library.runs() == 4
    assert {text for _, texts in library.embedder.calls[calls:] for text in texts} == set(QUESTIONS)


async def test_what_the_owner_switched_to_by_hand_is_not_measured_again(library: GatedLibrary) -> None:
    await library.open(contrary=True)
    job = await library.move()
    await library.world.run_all()
    principal = library.tenant.principal
    await library.world.indexes.activate(principal, job.subject_id)
    await library.world.jobs.retry(principal, job.id)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert (library.active_id, library.runs()) == (job.subject_id, 2)


async def refusal(library: GatedLibrary, gate: ReindexGate) -> tuple[ErrorCode, list[str] | None]:
    """Why a reindex with this gate is not begun; nothing is added."""
    wish = ReindexKnowledgeBase(id=library.base_id, embedding_model_id=library.shorter.id, gate=gate)
    with pytest.raises((BadInput, NotFound)) as refused:
        await library.world.indexes.reindex(library.tenant.principal, wish)
    assert len(await library.indexes()) == 1
    return refused.value.code, refused.value.field


async def test_a_gate_needs_a_set_of_the_knowledge_base_with_questions(library: GatedLibrary) -> None:
    await library.open()
    missing = ReindexGate(evaluation_set_id=new_id())
    field = ["gate", "evaluationSetId"]
    assert await refusal(library, missing) == (ErrorCode.NOT_FOUND, field)
    empty = EvaluationSet(
        id=new_id(),
        workspace_id=library.tenant.workspace.id,
        knowledge_base_id=library.base_id,
        name="Empty",
        case_count=0,
        created_at=START,
        updated_at=START,
    )
    library.world.database.state.evaluation_sets[empty.id] = empty
    assert await refusal(library, ReindexGate(evaluation_set_id=empty.id)) == (
        ErrorCode.BAD_USER_INPUT,
        field,
    )
    other = empty.model_copy(update={"id": new_id(), "knowledge_base_id": new_id(), "case_count": 1})
    library.world.database.state.evaluation_sets[other.id] = other
    assert await refusal(library, ReindexGate(evaluation_set_id=other.id)) == (
        ErrorCode.BAD_USER_INPUT,
        field,
    )


@pytest.mark.parametrize("name", ["max_ndcg_drop", "max_recall_drop", "max_mrr_drop"])
@pytest.mark.parametrize("fall", [-0.001, 1.001, float("nan"), float("inf")])
async def test_an_accepted_fall_is_a_share(library: GatedLibrary, name: str, fall: float) -> None:
    await library.open()
    gate = ReindexGate.model_validate({"evaluation_set_id": library.set_id, name: fall})
    code, field = await refusal(library, gate)
    first, *words = name.split("_")
    shown = first + "".join(word.title() for word in words)
    assert (code, field) == (ErrorCode.BAD_USER_INPUT, ["gate", shown])


async def test_a_reindex_without_a_gate_measures_nothing(library: GatedLibrary) -> None:
    await library.open()
    job = await library.reindex()
    await library.world.run_all()
    assert await library.world.indexes.gates(library.tenant.principal, [job.id]) == {}
    assert library.runs() == 0
