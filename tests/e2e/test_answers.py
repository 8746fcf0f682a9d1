"""A question is answered from the documents, word by word, with citations that open at their quote."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.client import Api, Json, Refused
from tests.e2e.conftest import Pause
from tests.e2e.library import Library, eventually, external_id_of, gather, succeed, take
from tests.e2e.test_ingestion import kinds
from tests.factories_files import simple_pdf

QUESTION = "How is a task cancelled?"
UNRELATED = "Who won the chess championship of 1972?"


def joined(events: list[Json]) -> str:
    """The text that the deltas of a stream make up; each must continue where the one before ended."""
    text = ""
    for event in events:
        if event["__typename"] == "AnswerDelta":
            assert event["offset"] == len(text)
            text += event["text"]
    return text


def assert_sequence(events: list[Json]) -> None:
    """No gap but those of deltas that were merged, which say how many they are."""
    place = 0
    for event in events:
        place += event.get("parts", 1)
        assert event["sequence"] == place


async def follow(api: Api, answer_id: str, transport: str) -> list[Json]:
    if transport == "events":
        return await gather(api.events("follow-answer", answerId=answer_id))
    async with api.socket() as socket:
        return await gather(socket.events("follow-answer", answerId=answer_id))


async def show(api: Api, answer_id: str) -> Json:
    return dict(await api.run("show-answer", id=answer_id))


async def quoted(api: Api, citation: Json) -> str:
    """What stands in the cited version of the document where the citation points."""
    place = citation["documentRange"]
    query = """query Quoted($id: ID!, $start: Int!, $end: Int!) {
      node(id: $id) { ... on DocumentVersion { text(start: $start, end: $end) } }
    }"""
    variables = {"id": citation["documentVersion"]["id"], **place}
    response = await api.http.post(api.url, json={"query": query, "variables": variables})
    return str(response.json()["data"]["node"]["text"])


@pytest.mark.parametrize("transport", ["events", "socket"])
async def test_an_answer_is_streamed_and_its_citations_open_at_their_quote(
    transport: str, on_shelf: Library
) -> None:
    asked = await on_shelf.ask(QUESTION)
    assert asked["answer"]["status"] == "QUEUED"
    assert asked["message"]["text"] == asked["conversation"]["title"] == QUESTION
    events = await follow(on_shelf.api, asked["answer"]["id"], transport)
    assert_sequence(events)
    assert kinds(events)[:2] == ["AnswerStarted", "AnswerRetrieved"]
    whole = events[-1]["answer"]
    assert (events[-1]["finishReason"], whole["status"]) == ("STOP", "COMPLETED")
    assert joined(events) == whole["text"]
    assert "cancel" in whole["text"]
    streamed = [event["citation"] for event in events if event["__typename"] == "AnswerCitation"]
    assert streamed == whole["citations"] != []
    for citation in streamed:
        assert external_id_of(citation) == "tasks.md"
        assert f"[{citation['index']}]" in whole["text"]
        assert await quoted(on_shelf.api, citation) == citation["quote"] != ""


async def test_a_finished_answer_tells_all_that_is_known_of_it(on_shelf: Library) -> None:
    asked = await on_shelf.ask(QUESTION)
    events = await follow(on_shelf.api, asked["answer"]["id"], "events")
    answer = await show(on_shelf.api, asked["answer"]["id"])
    assert answer["text"] == events[-1]["answer"]["text"]
    assert answer["model"] == "lorebase-extractive"
    assert answer["prompt"] == "answer_with_citations.v1"
    assert answer["support"] > 0.5
    for sentence in answer["sentences"]:
        assert answer["text"][sentence["range"]["start"] : sentence["range"]["end"]].strip()
    assert (
        answer["timings"]["retrievalMs"] <= answer["timings"]["firstTokenMs"] <= answer["timings"]["totalMs"]
    )
    assert answer["usage"]["promptTokens"] > answer["usage"]["completionTokens"] > 0
    given = {hit["chunk"]["id"] for hit in answer["retrieved"]}
    assert {citation["chunk"]["id"] for citation in answer["citations"]} <= given


@pytest.mark.parametrize("transport", ["events", "socket"])
@pytest.mark.parametrize("last", ["AnswerStarted", "AnswerRetrieved", "AnswerDelta", "AnswerCitation"])
async def test_an_answer_cut_in_the_middle_is_resumed_without_loss_or_repeat(
    last: str, transport: str, on_shelf: Library
) -> None:
    answer_id = (await on_shelf.ask(QUESTION))["answer"]["id"]
    api = on_shelf.api
    if transport == "events":
        stream = api.events("follow-answer", answerId=answer_id)
        seen = await take(stream, lambda event: event["__typename"] == last)
        rest = await gather(api.events("follow-answer", answerId=answer_id, after=seen[-1]["cursor"]))
    else:
        async with api.socket() as socket:
            stream = socket.events("follow-answer", answerId=answer_id)
            seen = await take(stream, lambda event: event["__typename"] == last)
        async with api.socket() as socket:
            rest = await gather(socket.events("follow-answer", answerId=answer_id, after=seen[-1]["cursor"]))
    sequences = [event["sequence"] for event in seen + rest]
    assert sequences == sorted(set(sequences))
    assert joined(seen + rest) == rest[-1]["answer"]["text"] != ""
    citations = [event["citation"]["index"] for event in seen + rest if "citation" in event]
    assert citations == [citation["index"] for citation in rest[-1]["answer"]["citations"]]


async def test_many_may_follow_one_answer(on_shelf: Library) -> None:
    answer_id = (await on_shelf.ask(QUESTION))["answer"]["id"]
    stories = await asyncio.gather(
        *(follow(on_shelf.api, answer_id, transport) for transport in ("events", "socket") * 3)
    )
    assert len({joined(events) for events in stories}) == 1


async def test_a_question_that_no_document_answers_gets_no_answer_made_up(on_shelf: Library) -> None:
    asked = await on_shelf.ask(UNRELATED)
    events = await follow(on_shelf.api, asked["answer"]["id"], "events")
    assert events[-1]["finishReason"] == "NO_EVIDENCE"
    assert "AnswerCitation" not in kinds(events)
    assert joined(events) == events[-1]["answer"]["text"] != ""
    assert events[-1]["answer"]["citations"] == []


async def test_an_empty_knowledge_base_answers_nothing(library: Library) -> None:
    asked = await library.ask(QUESTION)
    events = await follow(library.api, asked["answer"]["id"], "events")
    assert events[-1]["finishReason"] == "NO_EVIDENCE"


async def test_a_conversation_holds_the_questions_and_answers_in_order(on_shelf: Library) -> None:
    first = await on_shelf.ask("What feeds the starter of sourdough bread?")
    await follow(on_shelf.api, first["answer"]["id"], "events")
    conversation_id = first["conversation"]["id"]
    follow_up = "How long is the loaf baked in the oven?"
    second = await on_shelf.api.mutate("ask-question", conversationId=conversation_id, question=follow_up)
    events = await follow(on_shelf.api, second["answer"]["id"], "events")
    assert "forty minutes" in joined(events)
    shown = await on_shelf.api.run("show-conversation", id=conversation_id)
    assert shown["knowledgeBases"] == [{"id": on_shelf.id, "name": "Shelf"}]
    messages = shown["messages"]["nodes"]
    assert [message["role"] for message in messages] == ["USER", "ASSISTANT", "USER", "ASSISTANT"]
    assert messages[2]["text"] == follow_up
    assert messages[3]["text"] == joined(events)
    assert messages[3]["answer"]["id"] == second["answer"]["id"]


async def test_an_answer_uses_only_what_the_filter_lets_through(on_shelf: Library) -> None:
    condition = {"document": {"tags": {"hasNone": ["python"]}}}
    asked = await on_shelf.api.mutate(
        "ask-question",
        workspaceId=on_shelf.workspace_id,
        question=QUESTION,
        retrieval={"knowledgeBaseIds": [on_shelf.id], "query": "", "filter": condition},
    )
    await follow(on_shelf.api, asked["answer"]["id"], "events")
    answer = await show(on_shelf.api, asked["answer"]["id"])
    assert all("task" not in hit["chunk"]["text"] for hit in answer["retrieved"])
    assert all(external_id_of(citation) != "tasks.md" for citation in answer["citations"])


async def test_a_citation_still_opens_after_a_newer_version(library: Library) -> None:
    await library.shelve("lamp.md", "The lighthouse lamp turns once every twelve seconds.")
    asked = await library.ask("How often does the lighthouse lamp turn?")
    await follow(library.api, asked["answer"]["id"], "events")
    await library.shelve("lamp.md", "The lamp was replaced by a steady beacon.")
    (citation,) = (await show(library.api, asked["answer"]["id"]))["citations"]
    assert citation["documentVersion"]["number"] == 1
    assert await quoted(library.api, citation) == citation["quote"]
    assert "twelve seconds" in citation["quote"]


async def test_a_citation_names_the_page_its_passage_begins_on(library: Library) -> None:
    """Slides have little text, so that several of them share a passage; its page is that of the first."""
    slides = [
        "The harvest of apples was large this year.",
        "The town hall was painted white in spring.",
        "The mayor of Brightwater is called Ada Finch.",
    ]
    payload = await library.upload("slides.pdf", simple_pdf(*slides), "application/pdf")
    await succeed(library.api, payload["job"]["id"])
    asked = await library.ask("What is the mayor of Brightwater called?")
    await follow(library.api, asked["answer"]["id"], "events")
    (citation,) = (await show(library.api, asked["answer"]["id"]))["citations"]
    assert "Ada Finch" in citation["quote"]
    assert citation["chunk"]["page"] == 1


async def test_an_answer_that_waits_for_the_model_can_be_stopped(on_shelf: Library, pause: Pause) -> None:
    with pause("models"):
        asked = await on_shelf.ask(QUESTION)
        stream = on_shelf.api.events("follow-answer", answerId=asked["answer"]["id"])
        await take(stream, lambda event: event["__typename"] == "AnswerStarted")
        stopped = await on_shelf.api.mutate("cancel-answer", id=asked["answer"]["id"])
        assert stopped["answer"]["id"] == asked["answer"]["id"]
        events = await follow(on_shelf.api, asked["answer"]["id"], "socket")
    assert events[-1]["finishReason"] == "CANCELLED"
    assert (await show(on_shelf.api, asked["answer"]["id"]))["status"] == "CANCELLED"


async def test_a_model_that_comes_back_finishes_the_answer(on_shelf: Library, pause: Pause) -> None:
    with pause("models"):
        asked = await on_shelf.ask(QUESTION)

        async def retrieving() -> bool:
            return bool((await show(on_shelf.api, asked["answer"]["id"]))["status"] == "RETRIEVING")

        await eventually(retrieving, "a worker taking the question")
    events = await follow(on_shelf.api, asked["answer"]["id"], "events")
    assert events[-1]["finishReason"] == "STOP"


@pytest.mark.parametrize(
    ("question", "code"), [("", "INVALID"), ("  ", "INVALID"), ("x" * 4001, "INVALID"), ("\0", "INVALID")]
)
async def test_what_is_no_question_is_refused(question: str, code: str, on_shelf: Library) -> None:
    given = {"knowledgeBaseIds": [on_shelf.id], "query": ""}
    refused = await on_shelf.api.refusal(
        "ask-question", workspaceId=on_shelf.workspace_id, question=question, retrieval=given
    )
    assert refused == code


async def test_a_stream_of_no_answer_is_refused(on_shelf: Library) -> None:
    with pytest.raises(Refused) as refused:
        await gather(on_shelf.api.events("follow-answer", answerId=on_shelf.id))
    assert refused.value.codes == ["NOT_FOUND"]
