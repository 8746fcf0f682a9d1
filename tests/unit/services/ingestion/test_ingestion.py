"""Ingestion: what becomes searchable, when, and what stays when something goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from lorebase.core.errors import DocumentRefused, ErrorCode, Permanent, Transient, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.documents import DocumentStatus, UpdateDocument
from lorebase.schemas.jobs import Job, JobKind, JobStage, JobStatus
from lorebase.services.embeddings.embedding_text import HEADER_TOKENS, embedding_text
from lorebase.services.indexes.chunk_ids import chunk_id
from lorebase.services.keywords.keywords import KeywordAnalyser
from tests.factories import Tenant, make_model
from tests.fakes.embedder import word_vector
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World

BODY = "# Lighthouses\n\n" + " ".join(f"The lamp number {n} burns on the {n}th cliff." for n in range(30))


async def test_an_accepted_document_becomes_searchable(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.document.status is DocumentStatus.ACCEPTED
    assert await world.run_all() == 1
    document = world.document(accepted.document.id)
    assert (document.status, document.live_generation) == (DocumentStatus.READY, 1)
    passages = await world.searchable(tenant, document.id)
    assert len(passages) > 3
    assert passages[0].ordinal == 0
    assert all(BODY[p.start_offset : p.end_offset] == p.text for p in passages)
    assert {p.section for p in passages} == {("Lighthouses",)}


async def test_every_passage_gets_a_row_with_its_source_and_context(world: World, tenant: Tenant) -> None:
    given = {"tags": ("sea",), "metadata": {"author": {"name": "Ada"}, "private": 1}, "title": "Of lamps"}
    accepted = await world.upsert(tenant, BODY, **given)
    await world.run_all()
    document = world.document(accepted.document.id)
    passages = await world.searchable(tenant, document.id)
    rows = world.vectors(document.id)
    assert [row.ordinal for row in rows] == [passage.ordinal for passage in passages]
    for row, passage in zip(rows, passages, strict=True):
        text = embedding_text("Of lamps", passage.section, passage.text)
        assert row.chunk_id == passage.id == chunk_id(tenant.workspace.id, document.id, 1, row.ordinal)
        assert row.vector == pytest.approx(word_vector(text, tenant.model.dimensions), abs=1e-6)
        assert row.metadata == {"author.name": "Ada"}
        assert (row.title, row.tags, row.context) == ("Of lamps", ("sea",), "Lighthouses")
        assert (row.source, row.language) == ("Of lamps", "en")
        assert row.embedding_version == "test-model@1"


async def test_keyword_postings_are_written_with_title_and_language(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY, title="Of lamps")
    await world.run_all()
    passages = await world.searchable(tenant, accepted.document.id)
    stored = world.database.state.postings[accepted.document.id, FIRST_ANALYSER]
    assert list(stored.postings) == KeywordAnalyser().postings(passages, "Of lamps", "en")
    assert stored.knowledge_base_id == tenant.knowledge_base.id


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("# The heading\n\ntext", "The heading"),
        ("No heading here.", "No heading here."),
    ],
)
async def test_a_title_is_taken_from_the_source_when_none_was_given(
    world: World, tenant: Tenant, body: str, expected: str
) -> None:
    accepted = await world.upsert(tenant, body)
    assert accepted.document.title == ""
    await world.run_all()
    assert world.document(accepted.document.id).title == expected
    assert {row.title for row in world.vectors(accepted.document.id)} == {expected}


async def test_the_extracted_text_is_kept_with_its_version(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    version_id = world.document(accepted.document.id).current_version_id
    assert version_id is not None
    assert world.database.state.texts[version_id] == BODY


async def test_a_new_version_leaves_the_old_one_searchable_until_ready(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    world.embedder.failure = Transient("no", code=ErrorCode.MODEL_MISBEHAVED)
    second = await world.upsert(tenant, "Wholly new words about a harbour.", external_id="x")
    assert second.document.id == first.document.id
    assert second.job is not None
    await world.runner().run_due(second.job.lane)
    assert "Wholly" not in {c.text[:6] for c in await world.searchable(tenant, first.document.id)}
    assert world.document(first.document.id).live_generation == 1
    world.embedder.failure = None
    await world.run_all()
    assert [c.text for c in await world.searchable(tenant, first.document.id)] == [
        "Wholly new words about a harbour."
    ]
    assert {row.generation for row in world.vectors(first.document.id)} == {2}


async def test_citations_of_an_old_version_keep_opening(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    old_version = world.document(first.document.id).current_version_id
    assert old_version is not None
    await world.upsert(tenant, "Wholly new words.", external_id="x")
    await world.run_all()
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert await uow.chunks.of_version(old_version) != []
        assert await uow.versions.texts([(old_version, 2, 13)]) == ["Lighthouses"]


async def test_progress_goes_through_the_stages_in_order(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    stages: list[JobStage] = []

    class Control:
        job = accepted.job

        async def progress(self, stage: JobStage, completed: int, total: int | None) -> None:
            if stage not in stages[-1:]:
                stages.append(stage)

        def check(self) -> None:
            return None

    async with world.units.for_system() as uow:
        [job] = await uow.jobs.claim_due(accepted.job.lane, 1, timedelta())
        await uow.commit()
    await world.handlers()[JobKind.INGEST].run(job, Control())  # type: ignore[arg-type]
    assert stages == [JobStage.FETCH, JobStage.PARSE, JobStage.CHUNK, JobStage.EMBED, JobStage.INDEX]


async def test_a_refused_document_fails_visibly_and_harms_no_other(world: World, tenant: Tenant) -> None:
    world.parser.failures = [DocumentRefused("It is encrypted.", code=ErrorCode.ENCRYPTED)]
    bad, good = await world.upsert(tenant, "bad"), await world.upsert(tenant, "good")
    await world.run_all()
    assert world.document(bad.document.id).status is DocumentStatus.FAILED
    assert world.document(good.document.id).status is DocumentStatus.READY
    assert bad.job is not None
    job = world.job(bad.job.id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.message, job.attempt) == (ErrorCode.ENCRYPTED, "It is encrypted.", 1)


@pytest.mark.parametrize("code", [ErrorCode.PARSE_CRASHED, ErrorCode.PARSE_TIMEOUT])
async def test_a_parser_that_breaks_three_times_quarantines_its_document(
    world: World, tenant: Tenant, code: ErrorCode
) -> None:
    world.parser.failures = [DocumentRefused("broke", code=code)] * 3
    bad, good = await world.upsert(tenant, "bad"), await world.upsert(tenant, "good")
    await world.run_all()
    assert world.document(bad.document.id).status is DocumentStatus.QUARANTINED
    assert world.document(good.document.id).status is DocumentStatus.READY
    assert world.parser.calls == 4


async def test_a_parser_that_breaks_twice_is_given_a_third_chance(world: World, tenant: Tenant) -> None:
    world.parser.failures = [DocumentRefused("broke", code=ErrorCode.PARSE_CRASHED)] * 2
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.READY


async def test_an_unknown_error_is_tried_again_and_then_succeeds(world: World, tenant: Tenant) -> None:
    world.parser.failures = [ValueError("a cut connection"), KeyError("x")]
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.READY
    assert accepted.job is not None
    assert world.job(accepted.job.id).attempt == 3


async def test_unknown_errors_end_after_the_attempts_and_are_masked(world: World, tenant: Tenant) -> None:
    world.parser.failures = [ValueError("secret text of the document")] * 99
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    assert accepted.job is not None
    job = world.job(accepted.job.id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, world.settings.job_attempts_maximum)
    assert job.error is not None
    assert job.error.code is ErrorCode.INTERNAL
    assert "secret" not in job.error.message
    assert world.document(accepted.document.id).status is DocumentStatus.FAILED


async def test_an_outage_of_the_index_burns_no_attempts(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    world.index.down = True
    runner = world.runner()
    for _ in range(3 * world.settings.job_attempts_maximum):
        await runner.run_due(accepted.job.lane)
        world.clock.advance(61)
    waiting = world.job(accepted.job.id)
    assert (waiting.status, waiting.attempt) == (JobStatus.QUEUED, 0)
    assert world.document(accepted.document.id).status is DocumentStatus.ACCEPTED
    world.index.down = False
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.READY


async def test_a_refusing_model_ends_the_job_at_once(world: World, tenant: Tenant) -> None:
    world.embedder.failure = Permanent("The key is refused.", code=ErrorCode.MODEL_REFUSED)
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    assert accepted.job is not None
    assert world.job(accepted.job.id).attempt == 1
    assert world.document(accepted.document.id).status is DocumentStatus.FAILED


async def test_a_rerun_after_a_crash_pays_for_no_vector_twice(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    faults = Faults()
    faults.crash_at(30)
    with pytest.raises(Crash):
        await world.runner(faults).run(accepted.job.id)
    paid = texts_embedded(world)
    assert paid != []
    assert world.job(accepted.job.id).status is JobStatus.RUNNING
    assert await world.searchable(tenant, accepted.document.id) == []
    world.clock.advance(world.settings.job_lease_seconds + 1)
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.READY
    assert len(set(texts_embedded(world))) == len(texts_embedded(world)) > len(paid)


async def test_rows_of_an_attempt_that_cut_otherwise_are_removed(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    document_id = accepted.document.id
    await world.run_all()
    address = next(iter(world.index.partitions))
    [first, *_] = world.vectors(document_id)
    await world.upsert(tenant, "Something short.", external_id=None)
    second = await world.upsert(tenant, "Shorter text.", external_id="y")
    stray = first.model_copy(
        update={"document_id": second.document.id, "ordinal": 99, "chunk_id": accepted.document.id}
    )
    world.index.partitions[address][stray.chunk_id] = stray
    await world.run_all()
    assert [row.ordinal for row in world.vectors(second.document.id)] == [0]
    assert world.document(second.document.id).status is DocumentStatus.READY


async def test_every_kept_index_gets_its_rows(world: World, tenant: Tenant) -> None:
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        [active] = await uow.embeddings.indexes_of(tenant.knowledge_base.id)
    model = make_model(collection="chunks_other", dimensions=8)
    other = active.model_copy(update={"id": new_id(), "model": model, "activated_at": None})
    world.database.state.indexes[other.id] = other
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    rows = world.vectors(accepted.document.id)
    assert {len(row.vector) for row in rows} == {8, 16}
    held = world.database.state.index_documents
    assert {key[0] for key in held if key[1] == accepted.document.id} == {active.id, other.id}


async def test_metadata_changed_during_ingestion_reaches_the_index(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    faults = Faults()

    async def retag() -> None:
        change = UpdateDocument(id=accepted.document.id, tags=("late",))
        changed = await world.documents.update(tenant.principal, change)
        assert changed.job is None

    faults.at(8, retag)
    await world.runner(faults).run_due(accepted.job.lane)
    assert world.document(accepted.document.id).tags == ("late",)
    assert [job.kind for job in world.jobs_about(accepted.document.id)] == [
        JobKind.INGEST,
        JobKind.SYNC_METADATA,
    ]
    await world.run_all()
    assert {row.tags for row in world.vectors(accepted.document.id)} == {("late",)}


async def test_newer_content_ends_the_older_ingestion_quietly(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, BODY, external_id="x")
    assert first.job is not None
    faults = Faults()

    async def newer() -> None:
        await world.upsert(tenant, "Newer words.", external_id="x")

    faults.at(8, newer)
    await world.runner(faults).run_due(first.job.lane)
    await world.run_all()
    assert world.job(first.job.id).status is JobStatus.CANCELLED
    document = world.document(first.document.id)
    assert (document.status, document.live_generation) == (DocumentStatus.READY, 2)
    assert [c.text for c in await world.searchable(tenant, document.id)] == ["Newer words."]
    assert {row.generation for row in world.vectors(document.id)} == {2}


@pytest.mark.parametrize("step", range(3, 40, 2))
async def test_a_worker_that_lost_its_lease_makes_nothing_live(
    world: World, tenant: Tenant, step: int
) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    job_id = accepted.job.id
    faults = Faults()
    taken: list[Job] = []

    async def take_over() -> None:
        if world.job(job_id).status is JobStatus.RUNNING:
            world.clock.advance(world.settings.job_lease_seconds)
            async with world.units.for_system() as uow:
                claimed = await uow.jobs.claim(job_id, timedelta(seconds=20))
                await uow.commit()
            # A heartbeat that was on its way may have been quicker.
            taken.extend([claimed] if claimed else [])

    faults.at(step, take_over)
    await world.runner(faults).run(job_id)
    if taken:
        assert world.job(job_id) == taken[0]
        assert world.document(accepted.document.id).live_generation is None
    else:
        assert world.document(accepted.document.id).live_generation == 1


async def test_outages_are_told_by_their_code(world: World, tenant: Tenant) -> None:
    world.embedder.failure = Unavailable(
        "busy", code=ErrorCode.MODEL_UNAVAILABLE, details={"retryAfterSeconds": 600}
    )
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    assert accepted.job is not None
    job = world.job(accepted.job.id)
    assert job.error is not None
    assert job.error.code is ErrorCode.MODEL_UNAVAILABLE
    assert (job.run_at - world.clock.now()).total_seconds() == 600


def texts_embedded(world: World) -> list[str]:
    return [text for _, batch in world.embedder.calls for text in batch]


async def test_passages_leave_room_for_their_header_in_what_the_model_reads(
    world: World, tenant: Tenant
) -> None:
    """The longest passage and its title and headings fit into one input, or the model never sees its end."""
    accepted = await world.upsert(tenant, "Some words follow each other. " * 400)
    await world.run_all()
    longest = max(chunk.token_count for chunk in await world.searchable(tenant, accepted.document.id))
    model = next(iter(world.database.state.models.values()))
    assert 0 < longest <= model.max_input_tokens - HEADER_TOKENS


async def test_a_document_that_could_not_be_read_is_known_by_its_file_name(
    world: World, tenant: Tenant
) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"Some text."

    world.parser.failures = [DocumentRefused("Broken.", code=ErrorCode.CORRUPT)]
    upload = await world.documents.store(tenant.principal, content(), "minutes of May.txt", "text/plain")
    accepted = await world.upsert(tenant, "Unused.", upload=upload)
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.FAILED
    assert world.document(accepted.document.id).title == "minutes of May.txt"
