"""`lorebase ask`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from lorebase.cli.client import payload_of
from lorebase.cli.errors import CommandFailed
from lorebase.cli.output import clean, one_line
from lorebase.cli.session import Session, open_session, run


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    knowledge_base: Annotated[str | None, typer.Option("--knowledge-base", help="Slug or id.")] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", help="Id of a conversation to go on with.")
    ] = None,
) -> None:
    """Ask a question; the answer streams in, its evidence follows."""
    run(_ask(question, knowledge_base, conversation))


async def _ask(question: str, knowledge_base: str | None, conversation: str | None) -> None:
    async with open_session() as session:
        asked = await _send(session, question, knowledge_base, conversation)
        answer = await _follow(session, asked["answer"]["id"])
        _print_evidence(answer)
        sys.stdout.write(f'\nGo on with: lorebase ask --conversation {asked["conversation"]["id"]} "…"\n')


async def _send(
    session: Session, question: str, knowledge_base: str | None, conversation: str | None
) -> dict[str, Any]:
    given: dict[str, object] = {"question": question}
    if conversation is None:
        chosen = await session.knowledge_base(knowledge_base)
        given["workspaceId"] = session.workspace_id
        given["retrieval"] = {"knowledgeBaseIds": [chosen["id"]], "query": ""}
    else:
        given["conversationId"] = conversation
    return payload_of(await session.client.run("ask-question", {"input": given}), "ask")


async def _follow(session: Session, answer_id: str) -> dict[str, Any]:
    shown = ""
    answer: dict[str, Any] | None = None
    async for event in session.client.subscribe("follow-answer", {"answerId": answer_id}):
        kind = event["__typename"]
        if kind == "AnswerDelta":
            # Offsets let a resumed stream repeat itself without repeating words here.
            shown = _show(shown, event["offset"], event["text"])
        elif kind == "StreamReset":
            shown = _show(shown, 0, event["snapshot"].get("text") or "")
        elif kind == "AnswerFailed":
            problem = event["error"]
            raise CommandFailed(f"The answer failed: {problem['code']}: {problem['message']}")
        elif kind == "AnswerCompleted":
            answer = event["answer"]
    if answer is None:
        raise CommandFailed("The stream ended before the answer did: ask again.")
    _show(shown, 0, answer["text"])
    sys.stdout.write("\n")
    return answer


def _show(shown: str, offset: int, text: str) -> str:
    whole = shown[:offset] + text
    if not whole.startswith(shown) and not shown.startswith(whole):
        # A new attempt says something else: begin again on a line of its own.
        sys.stdout.write("\n")
        shown = ""
    sys.stdout.write(clean(whole[len(shown) :]))
    sys.stdout.flush()
    return whole if len(whole) > len(shown) else shown


def _print_evidence(answer: dict[str, Any]) -> None:
    if answer["finishReason"] == "NO_EVIDENCE":
        sys.stdout.write("(No evidence: nothing was generated without a source.)\n")
    for citation in answer["citations"]:
        sys.stdout.write(
            f"\n[{citation['index']}] {_source(citation)}\n    “{one_line(citation['quote'], 400)}”\n"
        )


def _source(citation: dict[str, Any]) -> str:
    version, chunk = citation["documentVersion"], citation["chunk"]
    if version is None:
        return "a document that was deleted since"
    document = version["document"]
    parts = [clean(document["externalId"] or document["title"])]
    if chunk and chunk["page"]:
        parts.append(f"page {chunk['page']}")
    if chunk and chunk["section"]:
        parts.append(" › ".join(one_line(title, 60) for title in chunk["section"]))
    where = citation["documentRange"]
    parts.append(f"characters {where['start']}–{where['end']}")
    return ", ".join(parts)
