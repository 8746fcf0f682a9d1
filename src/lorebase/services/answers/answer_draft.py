"""An answer in the making: what is known of it so far, and what of that is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.answers import Answer, AnswerStatus, AnswerTimings, FinishReason, TokenUsage
from lorebase.schemas.jobs import Job
from lorebase.schemas.search import SearchHit
from lorebase.services.answers.answer_prompt import TEMPLATE, Passage
from lorebase.services.answers.answer_stream import AnswerStream
from lorebase.services.answers.answer_text import AnswerText
from lorebase.services.answers.citations import Evidence, find_evidence
from lorebase.services.answers.question_rewriting import Turn

NO_EVIDENCE_TEXT = "I found nothing in the documents that answers this question."
# What is said where the model said nothing.
_SILENCE = {
    FinishReason.CONTENT_FILTER: "The model declined to answer this question.",
    FinishReason.LENGTH: "The longest answer allowed was too short for an answer.",
}


@dataclass(slots=True)
class AnswerDraft:
    """Times are those of the process clock, in seconds; `model` is None until one was asked."""

    answer: Answer
    history: Sequence[Turn]
    asked_at: float
    stream: AnswerStream
    said: AnswerText
    passages: Sequence[Passage] = ()
    hits: tuple[SearchHit, ...] = ()
    model: str | None = None
    retrieval_seconds: float = 0.0
    first_token_at: float | None = None
    finish: FinishReason = FinishReason.STOP
    usage: TokenUsage | None = None

    def silence(self) -> str:
        """What to show for a model that found no evidence or said nothing; sets why. Empty if it spoke."""
        if self.said.text.strip():
            return ""
        if self.said.is_refusal or self.finish not in _SILENCE:
            self.finish = FinishReason.NO_EVIDENCE
        return _SILENCE.get(self.finish, NO_EVIDENCE_TEXT)

    def evidence(self) -> Evidence:
        """What bears out the text that was sent; nothing does for words that are not the model's."""
        if not self.said.text.strip():
            return Evidence()
        cited = [self.passages[n - 1].chunk for n in self.said.cited]
        return find_evidence(self.stream.text, self.said.markers, cited)

    def unfinished(self) -> dict[str, object]:
        """What is kept while the answer is made."""
        return {
            "status": AnswerStatus.GENERATING if self.model else AnswerStatus.RETRIEVING,
            "text": self.stream.text,
            "retrieved": self.hits,
            "event_sequence": self.stream.sequence,
        }

    def cut_short(self) -> dict[str, object]:
        """What is kept when the answer ends before it is finished: the text so far, and its evidence."""
        evidence = self.evidence()
        ended = {"model": self.model, "prompt": TEMPLATE if self.model else None}
        found = {"citations": evidence.citations, "sentences": evidence.sentences}
        return {**self.unfinished(), **ended, **found}

    def completed(self, evidence: Evidence, now: float) -> Answer:
        """The finished answer."""
        timings = AnswerTimings(
            first_token_ms=_milliseconds((self.first_token_at or now) - self.asked_at),
            retrieval_ms=_milliseconds(self.retrieval_seconds),
            total_ms=_milliseconds(now - self.asked_at),
        )
        figures = {
            "finish_reason": self.finish,
            "model": self.model,
            "prompt": TEMPLATE if self.model else None,
            "error": None,
            "citations": evidence.citations,
            "sentences": evidence.sentences,
            "support": round(evidence.support, 4),
            "timings": timings,
            "usage": self.usage or TokenUsage(prompt_tokens=0, completion_tokens=0),
        }
        changes = {**self.unfinished(), **figures, "status": AnswerStatus.COMPLETED}
        return self.answer.model_copy(update=changes)


async def change_answer(uow: UnitOfWork, job: Job, changes: dict[str, object]) -> None:
    """Changes the answer of a job unless it ended or is gone."""
    for answer in await uow.answers.get_many([job.subject_id]):
        if not answer.is_terminal:
            await uow.answers.save(answer.model_copy(update=changes))


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
