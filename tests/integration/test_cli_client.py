"""The client of the API over a real connection: queries, uploads, and streams that break."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response, StreamingResponse

from lorebase.cli.connection.client import ApiClient
from lorebase.cli.connection.credentials import Target
from lorebase.cli.errors import ApiRefused, ApiUnreachable, UsageFailed
from tests.fakes.api_server import FakeApiServer
from tests.fakes.api_world import Json, answer_stream, refusal

COMPLETE = b"event: complete\ndata:\n\n"
ANSWER = ("follow-answer", {"answerId": "ans_1"})
PROBLEM = {"code": "X", "message": "No.", "retryable": False}
FAILED = ("AnswerFailed", {"error": PROBLEM, "answer": {"id": "ans_1", "text": "012"}})


def deltas(count: int) -> list[tuple[str, Json]]:
    return [("AnswerDelta", {"offset": n, "text": str(n), "parts": 1}) for n in range(count)]


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as server:
        server.world.answers["ans_1"] = answer_stream(*deltas(3), FAILED)
        yield server


@pytest.fixture
async def client(server: FakeApiServer) -> AsyncIterator[ApiClient]:
    async with ApiClient(Target(server.url, "lb_fake", "the test"), 10.0, resume_seconds=0.5) as client:
        yield client


def streamed(*chunks: bytes) -> Response:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return StreamingResponse(body(), media_type="text/event-stream")


def frame(data: object) -> bytes:
    return b"event: next\ndata: " + json.dumps(data).encode() + b"\n\n"


async def kinds(client: ApiClient, interrupted: Callable[[], None] = lambda: None) -> list[str]:
    name, variables = ANSWER
    async with asyncio.timeout(30), aclosing(client.subscribe(name, variables, interrupted)) as events:
        return [event["__typename"] async for event in events]


WHOLE = ["AnswerDelta"] * 3 + ["AnswerFailed"]


async def test_the_events_of_a_subscription_come_until_it_is_complete(client: ApiClient) -> None:
    assert await kinds(client) == WHOLE


BROKEN = {
    "nothing at all": streamed(),
    "half of an event": streamed(b'event: next\ndata: {"data"'),
    "an event that is no JSON": streamed(b"event: next\ndata: {{{\n\n", COMPLETE),
    "an overloaded API": JSONResponse({"errors": [refusal("OVERLOADED", retryable=True)]}, 503),
    "a gateway's page": Response("Bad Gateway", 502),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_a_stream_is_resumed_after(server: FakeApiServer, client: ApiClient, answer: Response) -> None:
    server.answers.append(answer)
    drops: list[str] = []
    assert await kinds(client, lambda: drops.append("dropped")) == WHOLE
    assert drops == ["dropped"]


REVOKED = {"errors": [refusal("UNAUTHENTICATED")], "data": None}
FINAL = {
    "a key that was revoked": JSONResponse(REVOKED, 401),
    "a key that was revoked meanwhile": streamed(
        frame({"errors": [refusal("UNAUTHENTICATED")], "data": None})
    ),
    "an API that does not stream": JSONResponse({"data": {"answerEvents": None}}),
    "a page of something else": Response("<html>", media_type="text/html"),
    "an event without a result": streamed(frame(["strange"])),
}


@pytest.mark.parametrize("answer", FINAL.values(), ids=FINAL.keys())
async def test_a_stream_is_not_resumed_after(
    server: FakeApiServer, client: ApiClient, answer: Response
) -> None:
    server.answers.append(answer)
    with pytest.raises(ApiRefused):
        await kinds(client)
    assert server.calls == []


async def test_a_stream_that_never_gets_anywhere_is_given_up(
    server: FakeApiServer, client: ApiClient
) -> None:
    server.cuts.extend([0] * 100)
    with pytest.raises(ApiUnreachable, match="keeps breaking off"):
        await kinds(client)
    assert 2 <= len(server.called("FollowAnswer")) < 100


async def test_every_event_renews_the_patience(server: FakeApiServer, client: ApiClient) -> None:
    server.world.answers["ans_1"] = answer_stream(*deltas(6), FAILED)
    server.cuts.extend([1] * 6)
    assert await kinds(client) == ["AnswerDelta"] * 6 + ["AnswerFailed"]


async def test_a_reader_that_stops_early_leaves_nothing_running(
    server: FakeApiServer, client: ApiClient
) -> None:
    server.world.answers["ans_1"] = answer_stream(*deltas(3))
    name, variables = ANSWER
    async with aclosing(client.subscribe(name, variables)) as events:
        async for event in events:
            assert event["cursor"] == "1"
            break
    running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert running == []


async def test_a_file_is_sent_as_it_was_when_its_upload_began(
    server: FakeApiServer, client: ApiClient, tmp_path: Path
) -> None:
    path = tmp_path / "grows.txt"
    path.write_bytes(b"x" * 300_000)
    variables = {"knowledgeBaseId": "kb_1", "externalId": "grows.txt"}
    with path.open("ab") as log:

        async def write_on() -> None:
            while True:
                log.write(b"more")
                log.flush()
                await asyncio.sleep(0)

        writing = asyncio.create_task(write_on())
        for _ in range(5):
            await client.upload("upload-document", variables, path, "grows.txt")
        writing.cancel()
    sizes = [len(found["file"].content) for found in server.called("UploadDocument")]
    assert len(sizes) == 5
    assert all(size >= 300_000 for size in sizes)


async def test_a_large_file_comes_through_whole(
    server: FakeApiServer, client: ApiClient, tmp_path: Path
) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "large.txt").write_bytes(content)
    variables = {"knowledgeBaseId": "kb_1", "externalId": "large.txt"}
    data = await client.upload("upload-document", variables, tmp_path / "large.txt", "large.txt")
    assert data["upsertDocument"]["job"]["id"]
    assert server.world.documents["large.txt"].content == content


async def test_a_file_that_is_gone_is_an_error_of_its_own(client: ApiClient, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await client.upload("upload-document", {}, tmp_path / "gone.txt", "gone.txt")


async def test_what_json_cannot_hold_is_refused_before_it_is_sent(
    server: FakeApiServer, client: ApiClient
) -> None:
    with pytest.raises(UsageFailed):
        await client.run("show-job", {"id": "\udcff"})
    assert server.calls == []


async def test_nobody_who_answers_is_named_with_what_to_do(server: FakeApiServer, client: ApiClient) -> None:
    server.stop()
    with pytest.raises(ApiUnreachable) as gone:
        await client.run("viewer")
    assert server.url in gone.value.message
    assert "lorebase up" in gone.value.message


async def test_the_key_is_in_no_message(server: FakeApiServer, client: ApiClient) -> None:
    server.stop()
    for work in (client.run("viewer"), kinds(client)):
        with pytest.raises(ApiUnreachable) as gone:
            await work
        assert "lb_fake" not in str(gone.value)
