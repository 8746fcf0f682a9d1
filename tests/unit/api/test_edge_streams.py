"""Server-Sent Events: every subscription, its frames, its cursors and its end."""

from __future__ import annotations

import asyncio
import json

import pytest

from lorebase.core.errors import ErrorCode, NotFound, Unauthenticated, Unavailable
from lorebase.core.ids import GlobalId, new_id
from lorebase.core.resources import read_operation
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.events import AnswerDeltaEvent, JobQueuedEvent, StreamPosition, StreamResetEvent
from lorebase.schemas.filters import JobFilter
from lorebase.schemas.jobs import JobKind
from tests.unit.api.edge import AUTHORIZATION, Edge, open_edge
from tests.unit.api.script import answer_story, job_story, stored

STREAM = {"Accept": "text/event-stream"}
Event = dict[str, object]


def frames(text: str) -> list[dict[str, str]]:
    """The frames of a stream, field by field; comments are left out."""
    assert "\r" not in text
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            found.append({name: value.lstrip() for name, _, value in (line.partition(":") for line in lines)})
    return found


async def follow(edge: Edge, query: str, variables: Event, **headers: str) -> list[dict[str, str]]:
    response = await edge.post(query, variables, **STREAM, **headers)
    assert response.status_code == 200, response.text
    return frames(response.text)


async def events(edge: Edge, query: str, variables: Event) -> list[Event]:
    """The events of a subscription that must not fail."""
    *nexts, last = await follow(edge, query, variables)
    assert last == {"event": "complete", "data": ""}
    payloads = [json.loads(frame["data"]) for frame in nexts]
    assert all("errors" not in payload for payload in payloads), payloads
    return [next(iter(payload["data"].values())) for payload in payloads]


async def test_every_event_of_a_job_is_shown(edge: Edge) -> None:
    edge.services.streams.script = job_story(edge.world)
    job_id = edge.world.global_id("Job", edge.world.job)
    shown = await events(edge, read_operation("follow-job"), {"jobId": job_id})
    assert [event["__typename"] for event in shown] == [
        "JobQueued",
        "JobStarted",
        "JobProgressed",
        "JobRetried",
        "StreamReset",
        "JobSucceeded",
        "JobFailed",
    ]
    assert [event["sequence"] for event in shown] == list(range(1, 8))
    assert shown[0]["occurredAt"] == "2026-01-01T12:00:01.000Z"
    assert shown[2]["progress"] == {"stage": "EMBED", "completed": 3, "total": 7}
    assert shown[3]["error"] == {"code": "MODEL_UNAVAILABLE", "message": "The model is busy."}
    assert shown[4]["snapshot"]["id"] == job_id  # type: ignore[index]
    assert shown[6]["failure"] is None


async def test_every_event_of_an_answer_is_shown(edge: Edge) -> None:
    edge.services.streams.script = answer_story(edge.world)
    answer_id = edge.world.global_id("Answer", edge.world.answer)
    shown = await events(edge, read_operation("follow-answer"), {"answerId": answer_id})
    assert [event["__typename"] for event in shown] == [
        "AnswerStarted",
        "AnswerRetrieved",
        "AnswerDelta",
        "AnswerDelta",
        "AnswerCitation",
        "StreamReset",
        "AnswerFailed",
        "AnswerCompleted",
    ]
    assert shown[0]["answer"]["id"] == answer_id  # type: ignore[index]
    assert shown[1]["hits"][0]["chunk"]["section"] == ["Tasks"]  # type: ignore[index]
    assert (shown[3]["text"], shown[3]["offset"], shown[3]["parts"]) == ("cancel().", 5, 3)
    assert shown[4]["citation"]["documentVersion"]["document"]["title"] == "Asyncio"  # type: ignore[index]
    assert shown[5]["snapshot"]["status"] == "COMPLETED"  # type: ignore[index]
    assert shown[6]["error"]["code"] == "MODEL_REFUSED"  # type: ignore[index]
    assert shown[7]["finishReason"] == "STOP"


async def test_the_jobs_of_a_workspace_are_filtered_and_reset_to_the_workspace(edge: Edge) -> None:
    events_of_job = [JobQueuedEvent(job=edge.world.job), StreamResetEvent(subject_id=edge.world.workspace.id)]
    edge.services.streams.script = stored(*events_of_job)
    workspace_id = edge.world.global_id("Workspace", edge.world.workspace)
    query = (
        "subscription($id: ID!, $f: JobFilter) { workspaceJobEvents(workspaceId: $id, filter: $f)"
        " { __typename ... on StreamReset { snapshot { id } } } }"
    )
    shown = await events(edge, query, {"id": workspace_id, "f": {"kind": "INGEST"}})
    assert shown[1] == {"__typename": "StreamReset", "snapshot": {"id": workspace_id}}
    assert edge.calls.named("streams.workspace_job_events") == [(None, JobFilter(kind=JobKind.INGEST))]


async def test_frames_carry_the_cursor_as_id_and_a_browser_resumes_with_it(edge: Edge) -> None:
    edge.services.streams.script = answer_story(edge.world)[2:4]
    query, answer_id = read_operation("follow-answer"), edge.world.global_id("Answer", edge.world.answer)
    first = await follow(edge, query, {"answerId": answer_id})
    data = json.loads(first[0]["data"])["data"]["answerEvents"]
    assert first[0]["id"] == data["cursor"]
    assert first[0]["event"] == "next"
    resumed = await follow(edge, query, {"answerId": answer_id}, **{"Last-Event-ID": first[0]["id"]})
    (rest, _complete) = resumed
    assert json.loads(rest["data"])["data"]["answerEvents"]["text"] == "cancel()."
    assert edge.calls.named("streams.answer_events")[-1][1] == StreamPosition(epoch="e1", sequence=3)


async def test_a_cursor_given_as_after_resumes_behind_it(edge: Edge) -> None:
    edge.services.streams.script = job_story(edge.world)
    query, job_id = read_operation("follow-job"), edge.world.global_id("Job", edge.world.job)
    cursor = (await events(edge, query, {"jobId": job_id}))[4]["cursor"]
    shown = await events(edge, query, {"jobId": job_id, "after": cursor})
    assert [event["sequence"] for event in shown] == [6, 7]


async def first_error(edge: Edge, query: str, variables: Event) -> Event:
    *_, failed, last = await follow(edge, query, variables)
    assert last["event"] == "complete"
    return dict(json.loads(failed["data"])["errors"][0]["extensions"])


async def test_a_cursor_of_another_stream_is_refused(edge: Edge) -> None:
    edge.services.streams.script = job_story(edge.world)
    query = read_operation("follow-job")
    cursor = (await events(edge, query, {"jobId": edge.world.global_id("Job", edge.world.job)}))[0]["cursor"]
    other = str(GlobalId("Job", edge.world.workspace.id, new_id()))
    for variables in ({"jobId": other, "after": cursor}, {"jobId": other, "after": "broken"}):
        extensions = await first_error(edge, query, variables)
        assert (extensions["code"], extensions["field"]) == ("BAD_USER_INPUT", ["after"])


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (NotFound("There is no such object."), "NOT_FOUND"),
        (Unauthenticated("The API key is no longer valid."), "UNAUTHENTICATED"),
        (Unavailable("Down.", code=ErrorCode.DATABASE_UNAVAILABLE), "DATABASE_UNAVAILABLE"),
        (RuntimeError("a secret"), "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_a_stream_that_breaks_says_why_and_ends(edge: Edge, failure: Exception, code: str) -> None:
    edge.services.streams.script = stored(JobQueuedEvent(job=edge.world.job))
    edge.services.streams.failure = failure
    variables = {"jobId": edge.world.global_id("Job", edge.world.job)}
    received = await follow(edge, read_operation("follow-job"), variables)
    assert [frame["event"] for frame in received] == ["next", "next", "complete"]
    error = json.loads(received[1]["data"])["errors"][0]
    assert error["extensions"]["code"] == code
    assert "secret" not in error["message"]
    assert edge.services.streams.open == 0


async def test_a_foreign_job_cannot_be_followed(edge: Edge) -> None:
    foreign = str(GlobalId("Job", new_id(), edge.world.job.id))
    extensions = await first_error(edge, read_operation("follow-job"), {"jobId": foreign})
    assert extensions["code"] == "NOT_FOUND"
    assert edge.calls.named("streams.job_events") == []


async def test_nobody_and_those_without_the_scope_cannot_follow(edge: Edge) -> None:
    query, variables = read_operation("follow-job"), {"jobId": edge.world.global_id("Job", edge.world.job)}
    content = {"query": query, "variables": variables}
    response = await edge.http.post("/graphql", json=content, headers=STREAM)
    assert (
        json.loads(frames(response.text)[0]["data"])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    )
    edge.world.principal = edge.world.principal.model_copy(update={"scopes": frozenset()})
    assert (await first_error(edge, query, variables))["code"] == "FORBIDDEN"


async def test_a_variable_that_does_not_fit_ends_the_stream_with_an_error(edge: Edge) -> None:
    extensions = await first_error(edge, read_operation("follow-job"), {"jobId": None})
    assert extensions["code"] == "BAD_USER_INPUT"


async def test_each_event_sees_the_newest_state(edge: Edge) -> None:
    """A document that changes between two events is shown as it is at each."""
    world, job_id = edge.world, edge.world.global_id("Job", edge.world.job)
    edge.services.streams.script = stored(JobQueuedEvent(job=world.job), JobQueuedEvent(job=world.job))
    get_many = edge.services.documents.get_many

    async def change_after(*arguments: object) -> object:
        found = await get_many(*arguments)  # type: ignore[arg-type]
        ready = world.document.model_copy(update={"status": DocumentStatus.FAILED})
        world.documents[ready.id] = ready
        return found

    edge.services.documents.get_many = change_after  # type: ignore[assignment,method-assign]
    shown = await events(
        edge,
        "subscription($id: ID!) { jobEvents(jobId: $id) { ... on JobQueued"
        " { job { subject { ... on Document { status } } } } } }",
        {"id": job_id},
    )
    assert [event["job"]["subject"]["status"] for event in shown] == ["READY", "FAILED"]  # type: ignore[index]


async def test_a_stream_may_be_opened_by_get(edge: Edge) -> None:
    edge.services.streams.script = job_story(edge.world)
    parameters = {
        "query": read_operation("follow-job"),
        "variables": json.dumps({"jobId": edge.world.global_id("Job", edge.world.job)}),
    }
    response = await edge.http.get("/graphql", params=parameters, headers={**AUTHORIZATION, **STREAM})
    assert len(frames(response.text)) == 8
    assert response.headers["x-accel-buffering"] == "no"


class Client:
    """A raw ASGI client that reads a stream as it comes, and may leave."""

    def __init__(self, edge: Edge, query: str, variables: Event, **more: str) -> None:
        body = json.dumps({"query": query, "variables": variables}).encode()
        self._incoming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "http.request", "body": body})
        self._outgoing: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        given = {**AUTHORIZATION, **STREAM, "Content-Type": "application/json", **more}
        headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "headers": headers,
        }
        app = edge.app(scope, self._incoming.get, self._outgoing.put)  # type: ignore[arg-type]
        self.task = asyncio.ensure_future(app)

    async def read(self) -> bytes:
        message = await asyncio.wait_for(self._outgoing.get(), 5)
        return message.get("body", b"")  # type: ignore[return-value]

    async def leave(self) -> None:
        await self._incoming.put({"type": "http.disconnect"})
        await asyncio.wait_for(self.task, 5)


async def test_an_idle_stream_is_kept_alive_by_comments_and_ends_when_the_client_leaves(edge: Edge) -> None:
    async with open_edge(edge.services, subscription_keep_alive_seconds=0.01) as quick:
        quick.services.streams.endless = True
        quick.services.streams.script = stored(AnswerDeltaEvent(text="a", offset=0))
        answer_id = quick.world.global_id("Answer", quick.world.answer)
        client = Client(quick, read_operation("follow-answer"), {"answerId": answer_id})
        assert await client.read() == b""
        assert (await client.read()).startswith(b"event: next\nid: ")
        assert [await client.read(), await client.read()] == [b":\n\n", b":\n\n"]
        assert quick.services.streams.open == 1
        await client.leave()
        assert quick.services.streams.open == 0
