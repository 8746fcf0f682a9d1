"""The prompt of an answer: its passages, and the template that carries them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from lorebase.ports.prompts import PromptTemplates
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.chat import ChatPrompt
from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import SearchHit
from lorebase.services.answers.answer_markers import NO_EVIDENCE, neutralised
from lorebase.services.answers.question_rewriting import Turn

TEMPLATE = "answer_with_citations.v1"


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that is given to the model, and the title of its document."""

    chunk: Chunk
    title: str


async def load_passages(uow: UnitOfWork, hits: Sequence[SearchHit]) -> list[Passage]:
    """The passages of the hits in their order; what was deleted meanwhile is left out."""
    chunks = {chunk.id: chunk for chunk in await uow.chunks.get_many([hit.chunk_id for hit in hits])}
    documents = await uow.documents.get_many(list({hit.document_id for hit in hits}))
    titles = {document.id: document.title for document in documents}
    return [
        Passage(chunks[hit.chunk_id], titles[hit.document_id])
        for hit in hits
        if hit.chunk_id in chunks and hit.document_id in titles
    ]


def render_prompt(
    templates: PromptTemplates, question: str, passages: Sequence[Passage], history: Sequence[Turn]
) -> ChatPrompt:
    """The prompt. Its random token marks what is data: a document that imitates the marks cannot know it.

    Nothing in the data looks like a citation or like the word for "no evidence", so that a model may copy it.
    """
    return templates.render(
        TEMPLATE,
        {
            "token": secrets.token_hex(8),
            "no_evidence": NO_EVIDENCE,
            "question": neutralised(question),
            "history": [{"role": turn.role, "text": neutralised(turn.text)} for turn in history],
            "passages": [
                {
                    "title": _one_line(passage.title),
                    "section": _one_line(" > ".join(passage.chunk.section)),
                    "text": neutralised(passage.chunk.text),
                }
                for passage in passages
            ],
        },
    )


def _one_line(text: str) -> str:
    return " ".join(neutralised(text).split())
