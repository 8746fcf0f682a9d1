"""Produces answers: retrieves, prompts, streams, links claims to evidence; may run twice, or die anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, Conflict, LeaseLost, NotFound, Permanent, Transient, Unavailable
from lorebase.core.tasks import uninterrupted
from lorebase.ports.chat_model import ChatModel
from lorebase.ports.clock import Clock
from lorebase.ports.event_stream import EventStream
from lorebase.ports.prompts import PromptTemplates
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.answers import AnswerError, AnswerStatus, FinishReason
from lorebase.schemas.chat import ChatDelta
from lorebase.schemas.events import (
    AnswerCitationEvent,
    AnswerCompletedEvent,
    AnswerRetrievedEvent,
    AnswerStartedEvent,
)
from lorebase.schemas.jobs import Job, JobError
from lorebase.services.answers.answer_draft import AnswerDraft, change_answer
from lorebase.services.answers.answer_pacing import paced
from lorebase.services.answers.answer_prompt import load_passages, render_prompt
from lorebase.services.answers.answer_retrieval import retrieval_request
from lorebase.services.answers.answer_stream import BATCH_SECONDS, AnswerStream
from lorebase.services.answers.answer_text import AnswerText
from lorebase.services.answers.question_rewriting import QuestionRewriter, earlier_turns
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.search.search import SearchService

# Events that a died attempt may have sent since the last one that PostgreSQL knows of.
SEQUENCE_MARGIN = 1000


class AnswerHandler:
    """Handles ANSWER jobs."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        search: SearchService,
        chat: ChatModel,
        templates: PromptTemplates,
        streams: EventStream,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._units = units
        self._search = search
        self._chat = chat
        self._templates = templates
        self._streams = streams
        self._settings = settings
        self._clock = clock
        self._rewriter = QuestionRewriter(chat=chat, templates=templates)

    async def run(self, job: Job, control: JobControl) -> Job:
        """Makes the answer. It is complete in PostgreSQL before the last event is sent.

        What was true when the question was asked and is no more (a knowledge base is gone) is Permanent.
        """
        try:
            draft = await self._begin(job)
            return await self._produce(job, draft, control)
        except (BadInput, NotFound, Conflict) as error:
            raise Permanent(error.message, code=error.code) from error

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """The answer waits for its next attempt, or is FAILED."""
        changes: dict[str, object] = {"status": AnswerStatus.QUEUED}
        if final:
            shown = AnswerError(code=error.code, message=error.message, retryable=error.retryable)
            changes = {"status": AnswerStatus.FAILED, "error": shown}
        await change_answer(uow, job, changes)

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """The answer ends with the text it has."""
        ended: dict[str, object] = {"status": AnswerStatus.CANCELLED, "finish_reason": FinishReason.CANCELLED}
        await change_answer(uow, job, ended)

    async def _begin(self, job: Job) -> AnswerDraft:
        async with self._units.for_workspace(job.workspace_id) as uow:
            answer = await uow.answers.get(job.subject_id)
            history = await earlier_turns(uow, answer)
            if not await uow.jobs.start(job.id, job.fence):
                raise LeaseLost("Another worker has the answer.")
            # Whatever an earlier attempt left behind is not part of this one.
            fresh = {"text": "", "citations": (), "sentences": (), "retrieved": ()}
            answer = answer.model_copy(update={"status": AnswerStatus.RETRIEVING, **fresh})
            await uow.answers.save(answer)
            await uow.commit()
        age = max(0.0, (self._clock.now() - answer.created_at).total_seconds())
        stream = AnswerStream(
            self._streams,
            job,
            self._clock,
            lambda: self._keep(job, draft.unfinished()),
            max_events=self._settings.stream_max_events,
        )
        draft = AnswerDraft(answer, history, self._clock.monotonic() - age, stream, AnswerText(0))
        again = job.fence > 1
        await stream.begin(answer.event_sequence + (SEQUENCE_MARGIN if again else 0), again=again)
        await stream.send(AnswerStartedEvent(answer_id=answer.id))
        return draft

    async def _produce(self, job: Job, draft: AnswerDraft, control: JobControl) -> Job:
        ended: Job | None = None
        try:
            await self._retrieve(draft, control)
            if draft.passages:
                await self._generate(draft, control)
            await self._show(draft, draft.silence())
            await draft.stream.flush()
            ended = await _to_its_end(self._finish(job, draft))
        finally:
            if ended is None:
                await uninterrupted(self._cut_short(job, draft))
        return ended

    async def _retrieve(self, draft: AnswerDraft, control: JobControl) -> None:
        answer = draft.answer
        question = await self._rewriter.standalone(answer.question, list(draft.history))
        control.check()
        request = retrieval_request(answer.retrieval, question, self._settings)
        started = self._clock.monotonic()
        result = await self._search.retrieve(answer.workspace_id, request)
        async with self._units.for_workspace(answer.workspace_id) as uow:
            draft.passages = await load_passages(uow, result.hits)
        kept = {passage.chunk.id for passage in draft.passages}
        draft.hits = tuple(hit for hit in result.hits if hit.chunk_id in kept)
        draft.retrieval_seconds = self._clock.monotonic() - started
        await draft.stream.send(AnswerRetrievedEvent(hits=draft.hits))

    async def _generate(self, draft: AnswerDraft, control: JobControl) -> None:
        answer, longest = draft.answer, self._settings.chat_max_tokens
        prompt = render_prompt(self._templates, answer.question, draft.passages, draft.history)
        draft.said = AnswerText(len(draft.passages))
        draft.model = self._chat.name
        stream = self._chat.stream(prompt, min(answer.max_tokens or longest, longest))
        spoke = False
        try:
            async with aclosing(paced(stream, BATCH_SECONDS)) as pieces:
                async for piece in pieces:
                    control.check()
                    await self._take(draft, piece)
                    spoke = spoke or bool(piece and piece.text)
        except Unavailable as error:
            if spoke:
                # It costs an attempt: a model that always breaks off would be asked, and paid, for ever.
                raise Transient(error.message, code=error.code, details=error.details) from error
            raise
        await self._show(draft, draft.said.end())

    async def _take(self, draft: AnswerDraft, piece: ChatDelta | None) -> None:
        if piece is None:
            await draft.stream.flush()
            return
        draft.finish = piece.finish_reason or draft.finish
        draft.usage = piece.usage or draft.usage
        await self._show(draft, draft.said.feed(piece.text))

    async def _show(self, draft: AnswerDraft, text: str) -> None:
        if text and draft.first_token_at is None:
            draft.first_token_at = self._clock.monotonic()
        await draft.stream.write(text)

    async def _finish(self, job: Job, draft: AnswerDraft) -> Job:
        evidence = draft.evidence()
        await draft.stream.send(*(AnswerCitationEvent(citation=found) for found in evidence.citations))
        async with self._units.for_workspace(job.workspace_id) as uow:
            await uow.answers.save(draft.completed(evidence, self._clock.monotonic()))
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the answer.")
            await uow.commit()
        await draft.stream.send(AnswerCompletedEvent(answer_id=job.subject_id, finish_reason=draft.finish))
        return ended

    async def _cut_short(self, job: Job, draft: AnswerDraft) -> None:
        await self._keep(job, draft.cut_short())
        await draft.stream.mend()

    async def _keep(self, job: Job, changes: dict[str, object]) -> None:
        """Saves what there is while the lease holds, for those who cannot follow the stream."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            if await uow.jobs.start(job.id, job.fence):
                await change_answer(uow, job, changes)
                await uow.commit()


async def _to_its_end(work: Coroutine[None, None, Job]) -> Job:
    """The result of the work, also when this is cancelled meanwhile.

    A heartbeat that finds the job ended takes the lease for lost and cancels its worker, which then could not
    tell anybody any more what it has committed.
    """
    ending = asyncio.create_task(work)
    try:
        return await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.wait({ending})
        return ending.result()
