"""Produces answers: retrieves, prompts, streams, links claims to evidence; may run twice, or die anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from lorebase.core.config import Settings
from lorebase.core.errors import JobCancelled, LeaseLost
from lorebase.ports.chat_model import ChatModel
from lorebase.ports.clock import Clock
from lorebase.ports.event_stream import EventStream
from lorebase.ports.prompts import PromptTemplates
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.answers import (
    Answer,
    AnswerError,
    AnswerStatus,
    AnswerTimings,
    FinishReason,
    TokenUsage,
)
from lorebase.schemas.events import (
    AnswerCitationEvent,
    AnswerCompletedEvent,
    AnswerRetrievedEvent,
    AnswerStartedEvent,
)
from lorebase.schemas.jobs import Job, JobError
from lorebase.schemas.search import SearchHit
from lorebase.services.answer_prompt import TEMPLATE, Passage, load_passages, render_prompt
from lorebase.services.answer_stream import AnswerStream
from lorebase.services.answer_text import AnswerText
from lorebase.services.citations import Evidence, find_evidence
from lorebase.services.job_control import JobControl
from lorebase.services.question_rewriting import QuestionRewriter, Turn, earlier_turns
from lorebase.services.search import SearchService

NO_EVIDENCE_TEXT = "I found nothing in the documents that answers this question."
# Events that a died attempt may have sent since the last one that PostgreSQL knows of.
SEQUENCE_MARGIN = 1000


@dataclass(slots=True)
class _Work:
    """What is known so far about the answer in hand; times are those of the process clock, in seconds."""

    answer: Answer
    history: Sequence[Turn]
    asked_at: float
    stream: AnswerStream
    hits: tuple[SearchHit, ...] = ()
    retrieved_at: float = 0.0
    first_token_at: float | None = None
    finish: FinishReason = FinishReason.STOP
    usage: TokenUsage | None = None
    evidence: Evidence = field(default_factory=lambda: Evidence((), ()))


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
        """Makes the answer. It is complete in PostgreSQL before the last event is sent."""
        work = await self._begin(job)
        try:
            passages = await self._retrieve(work, control)
            await self._generate(work, passages, control)
            return await self._finish(job, work)
        except (asyncio.CancelledError, JobCancelled):
            await self._keep_text(job, work.stream.text)
            raise

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """The answer waits for its next attempt, or is FAILED."""
        changes: dict[str, object] = {"status": AnswerStatus.QUEUED}
        if final:
            shown = AnswerError(code=error.code, message=error.message, retryable=error.retryable)
            changes = {"status": AnswerStatus.FAILED, "error": shown}
        await _change(uow, job, changes)

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """The answer ends with the text it has."""
        await _change(uow, job, {"status": AnswerStatus.CANCELLED, "finish_reason": FinishReason.CANCELLED})

    async def _begin(self, job: Job) -> _Work:
        async with self._units.for_workspace(job.workspace_id) as uow:
            answer = await uow.answers.get(job.subject_id)
            history = await earlier_turns(uow, answer)
            if not await uow.jobs.start(job.id, job.fence):
                raise LeaseLost("Another worker has the answer.")
            answer = answer.model_copy(update={"status": AnswerStatus.RETRIEVING, "text": ""})
            await uow.answers.save(answer)
            await uow.commit()
        age = max(0.0, (self._clock.now() - answer.created_at).total_seconds())
        stream = AnswerStream(self._streams, job, self._clock, lambda text: self._keep_text(job, text))
        again = job.fence > 1
        await stream.begin(answer.event_sequence + (SEQUENCE_MARGIN if again else 0), again=again)
        await stream.send(AnswerStartedEvent(answer_id=answer.id))
        return _Work(answer, history, self._clock.monotonic() - age, stream)

    async def _retrieve(self, work: _Work, control: JobControl) -> list[Passage]:
        answer = work.answer
        question = await self._rewriter.standalone(answer.question, list(work.history))
        control.check()
        query = answer.retrieval.query.strip() or question
        request = answer.retrieval.model_copy(
            update={
                "query": query[: self._settings.search_query_max_characters],
                "limit": self._settings.answer_passages,
                "offset": 0,
            }
        )
        result = await self._search.retrieve(answer.workspace_id, request)
        async with self._units.for_workspace(answer.workspace_id) as uow:
            passages = await load_passages(uow, result.hits)
        kept = {passage.chunk.id for passage in passages}
        work.hits = tuple(hit for hit in result.hits if hit.chunk_id in kept)
        work.retrieved_at = self._clock.monotonic()
        await work.stream.send(AnswerRetrievedEvent(hits=work.hits))
        return passages

    async def _generate(self, work: _Work, passages: Sequence[Passage], control: JobControl) -> None:
        text = AnswerText(len(passages))
        if passages:
            prompt = render_prompt(self._templates, work.answer.question, passages, work.history)
            limit = min(
                work.answer.max_tokens or self._settings.chat_max_tokens, self._settings.chat_max_tokens
            )
            async for delta in self._chat.stream(prompt, limit):
                control.check()
                await self._show(work, text.feed(delta.text))
                work.finish = delta.finish_reason or work.finish
                work.usage = delta.usage or work.usage
            await self._show(work, text.end())
        if text.is_refusal:
            work.finish = FinishReason.NO_EVIDENCE
            await self._show(work, NO_EVIDENCE_TEXT)
        else:
            work.evidence = find_evidence(text.text, [passages[n - 1].chunk for n in text.cited])
        await work.stream.flush()

    async def _show(self, work: _Work, text: str) -> None:
        if text and work.first_token_at is None:
            work.first_token_at = self._clock.monotonic()
        await work.stream.write(text)

    async def _finish(self, job: Job, work: _Work) -> Job:
        await work.stream.send(*(AnswerCitationEvent(citation=c) for c in work.evidence.citations))
        async with self._units.for_workspace(job.workspace_id) as uow:
            await uow.answers.save(self._completed(work))
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the answer.")
            await uow.commit()
        await work.stream.send(AnswerCompletedEvent(answer_id=job.subject_id, finish_reason=work.finish))
        return ended

    def _completed(self, work: _Work) -> Answer:
        now = self._clock.monotonic()
        timings = AnswerTimings(
            first_token_ms=_milliseconds((work.first_token_at or now) - work.asked_at),
            retrieval_ms=_milliseconds(work.retrieved_at - work.asked_at),
            total_ms=_milliseconds(now - work.asked_at),
        )
        return work.answer.model_copy(
            update={
                "status": AnswerStatus.COMPLETED,
                "text": work.stream.text,
                "finish_reason": work.finish,
                "model": self._chat.name,
                "prompt": TEMPLATE,
                "error": None,
                "retrieved": work.hits,
                "citations": work.evidence.citations,
                "sentences": work.evidence.sentences,
                "support": round(work.evidence.support, 4),
                "timings": timings,
                "usage": work.usage or TokenUsage(prompt_tokens=0, completion_tokens=0),
                "event_sequence": work.stream.sequence,
            }
        )

    async def _keep_text(self, job: Job, text: str) -> None:
        """Saves the text so far while the lease holds, for those who cannot follow the stream."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            if await uow.jobs.start(job.id, job.fence):
                await _change(uow, job, {"status": AnswerStatus.GENERATING, "text": text})
                await uow.commit()


async def _change(uow: UnitOfWork, job: Job, changes: dict[str, object]) -> None:
    answer = await uow.answers.get(job.subject_id)
    if not answer.is_terminal:
        await uow.answers.save(answer.model_copy(update=changes))


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
