"""`lorebase ask`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import Annotated

import typer

from lorebase.cli.answer_text import AnswerText
from lorebase.cli.connection.responses import Json, payload_of
from lorebase.cli.connection.session import Session, open_session, run
from lorebase.cli.errors import ApiRefused, ApiUnreachable, CommandFailed, UsageFailed
from lorebase.cli.output import one_line
from lorebase.cli.search import PROFILE

QUOTE_CHARACTERS = 400
HEADING_CHARACTERS = 60
_CANCEL_SECONDS = 2.0


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    knowledge_base: Annotated[
        str | None, typer.Option("--knowledge-base", help="Slug or id of the knowledge base to search.")
    ] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", help="Id of a conversation to go on with.")
    ] = None,
    profile: Annotated[str | None, typer.Option("--profile", help=PROFILE)] = None,
) -> None:
    """Ask a question; the answer streams in, its evidence follows. Ctrl-C cancels the answer."""
    if conversation is not None and knowledge_base is not None:
        raise UsageFailed("A conversation has its knowledge base already: leave out --knowledge-base.")
    run(_ask(question, knowledge_base, conversation, profile))


async def _ask(
    question: str, knowledge_base: str | None, conversation: str | None, profile: str | None
) -> None:
    async with open_session() as session:
        asked = await _send(session, question, await _target(session, knowledge_base, conversation, profile))
        try:
            answer = await _follow(session, asked["answer"]["id"])
        except asyncio.CancelledError:
            await _cancel(session, asked["answer"]["id"])
            raise
        _print_evidence(answer)
        sys.stdout.write(f'\nGo on with: lorebase ask --conversation {asked["conversation"]["id"]} "…"\n')


async def _target(
    session: Session, knowledge_base: str | None, conversation: str | None, profile: str | None
) -> Json:
    """Where to ask, and what to search: in a conversation what it searches, unless a profile is named."""
    if conversation is None:
        bases = [(await session.knowledge_base(knowledge_base))["id"]]
        target: Json = {"workspaceId": session.workspace_id}
    else:
        bases = await _searched(session, conversation) if profile else []
        target = {"conversationId": conversation}
    if bases:
        named = {"profile": profile} if profile else {}
        target["retrieval"] = {"knowledgeBaseIds": bases, "query": "", **named}
    return target


async def _searched(session: Session, conversation: str) -> list[str]:
    shown = (await session.client.run("show-conversation", {"id": conversation, "first": 1}))["node"]
    if not shown:
        raise UsageFailed("There is no such conversation.")
    return [base["id"] for base in shown["knowledgeBases"]]


async def _send(session: Session, question: str, target: Json) -> Json:
    given = {"question": question, **target}
    return payload_of(await session.client.run("ask-question", {"input": given}), "ask")


async def _follow(session: Session, answer_id: str) -> Json:
    text = AnswerText(sys.stdout)
    try:
        async with aclosing(session.client.subscribe("follow-answer", {"answerId": answer_id})) as events:
            async for event in events:
                answer = _take(event, text)
                if answer is not None:
                    return answer
    except (CommandFailed, asyncio.CancelledError):
        text.break_off()
        raise
    raise CommandFailed("The stream ended before the answer did: ask again.")


def _take(event: Json, text: AnswerText) -> Json | None:
    kind = event["__typename"]
    if kind == "AnswerDelta":
        text.grow(event["offset"], event["text"])
    elif kind == "StreamReset":
        text.grow(0, event["snapshot"].get("text") or "")
    elif kind == "AnswerFailed":
        raise _failure(event["error"])
    elif kind == "AnswerCompleted":
        answer: Json = event["answer"]
        text.finish(answer["text"])
        return answer
    return None


def _failure(problem: Json) -> CommandFailed:
    again = " Asking again may help." if problem.get("retryable") else ""
    return CommandFailed(f"The answer failed: {problem['message']} ({problem['code']}){again}")


async def _cancel(session: Session, answer_id: str) -> None:
    try:
        async with asyncio.timeout(_CANCEL_SECONDS):
            await session.client.run("cancel-answer", {"input": {"id": answer_id}})
    except (ApiRefused, ApiUnreachable, TimeoutError):
        # It ends by itself as well, later.
        sys.stderr.write("The answer could not be cancelled.\n")


def _print_evidence(answer: Json) -> None:
    if answer["finishReason"] == "NO_EVIDENCE":
        sys.stdout.write("(No evidence: nothing was generated without a source.)\n")
    elif answer["finishReason"] == "CANCELLED":
        sys.stdout.write("(Cancelled.)\n")
    for citation in answer["citations"]:
        quote = one_line(citation["quote"], QUOTE_CHARACTERS)
        sys.stdout.write(f"\n[{citation['index']}] {_source(citation)}\n    “{quote}”\n")


def _source(citation: Json) -> str:
    version, chunk = citation["documentVersion"], citation["chunk"]
    if version is None:
        return "a document that was deleted since"
    document = version["document"]
    parts = [one_line(document["externalId"] or document["title"])]
    if chunk and chunk["page"]:
        parts.append(f"page {chunk['page']}")
    if chunk and chunk["section"]:
        parts.append(" › ".join(one_line(title, HEADING_CHARACTERS) for title in chunk["section"]))
    where = citation["documentRange"]
    parts.append(f"characters {where['start']}–{where['end']}")
    return ", ".join(parts)
