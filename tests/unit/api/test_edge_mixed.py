"""Subscriptions as multipart/mixed: parts that a client can read one by one, signs of life, and an end."""

from __future__ import annotations

import json

import pytest

from lorebase.core.errors import NotFound
from lorebase.core.resources import read_operation
from lorebase.schemas.events import JobQueuedEvent
from tests.unit.api.edge import Edge, open_edge
from tests.unit.api.script import job_story, stored
from tests.unit.api.test_edge_streams import Client

MIXED = {"Accept": 'multipart/mixed;boundary="-";subscriptionSpec=1.0,application/json;q=0.9'}
HEAD = "Content-Type: application/json\r\n\r\n"
DEFERRED = "multipart/mixed;deferSpec=20220824,application/json"
FOLLOW = read_operation("follow-job")


def parts(text: str) -> list[dict[str, object]]:
    """The parts of a body whose boundary is `-`; each must be whole."""
    begin, *found, end = text.split("\r\n---")
    assert (begin, end) == ("", "--\r\n")
    return [json.loads(part.removeprefix("\r\n" + HEAD)) for part in found]


def job(edge: Edge) -> dict[str, object]:
    return {"jobId": edge.world.global_id("Job", edge.world.job)}


async def test_every_event_is_a_part_with_a_payload(edge: Edge) -> None:
    edge.services.streams.script = job_story(edge.world)
    response = await edge.post(FOLLOW, job(edge), **MIXED)
    assert response.headers["content-type"] == 'multipart/mixed;boundary="-";subscriptionSpec=1.0'
    found = parts(response.text)
    assert [list(part) for part in found] == [["payload"]] * 7
    events = [part["payload"]["data"]["jobEvents"]["__typename"] for part in found]  # type: ignore[index]
    assert (events[0], events[-1]) == ("JobQueued", "JobFailed")


@pytest.mark.parametrize(
    ("failure", "code"),
    [(NotFound("There is no such object."), "NOT_FOUND"), (RuntimeError("secret"), "INTERNAL_SERVER_ERROR")],
)
async def test_a_stream_that_breaks_says_why_in_its_last_part(
    edge: Edge, failure: Exception, code: str
) -> None:
    edge.services.streams.script = stored(JobQueuedEvent(job=edge.world.job))
    edge.services.streams.failure = failure
    response = await edge.post(FOLLOW, job(edge), **MIXED)
    assert "secret" not in response.text
    last = parts(response.text)[-1]["payload"]
    assert last["errors"][0]["extensions"]["code"] == code  # type: ignore[index]


async def test_a_query_is_answered_as_json_to_a_client_that_reads_both(edge: Edge) -> None:
    response = await edge.post("{ viewer { scopes } }", None, **MIXED)
    assert response.headers["content-type"].startswith("application/json")


async def test_a_query_for_a_client_that_reads_parts_only_is_one_part(edge: Edge) -> None:
    response = await edge.post("{ __typename }", None, Accept="multipart/mixed;subscriptionSpec=1.0")
    (part,) = parts(response.text)
    assert part["payload"]["data"] == {"__typename": "Query"}  # type: ignore[index]


async def test_a_client_that_expects_deferred_parts_gets_no_subscription(edge: Edge) -> None:
    response = await edge.post(FOLLOW, job(edge), Accept=DEFERRED)
    assert response.status_code == 406


async def test_an_idle_stream_sends_empty_parts_and_ends_when_the_client_leaves(edge: Edge) -> None:
    async with open_edge(edge.services, subscription_keep_alive_seconds=0.01) as quick:
        quick.services.streams.endless = True
        quick.services.streams.script = stored(JobQueuedEvent(job=quick.world.job))
        client = Client(quick, FOLLOW, job(quick), **MIXED)
        begin = f"\r\n---\r\n{HEAD}".encode()
        assert await client.read() == b""
        assert (await client.read()).startswith(begin + b'{"payload":{"data":')
        beat = begin + b"{}"
        assert [await client.read(), await client.read()] == [beat, beat]
        await client.leave()
        assert quick.services.streams.open == 0
