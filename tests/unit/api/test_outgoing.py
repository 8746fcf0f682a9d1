"""What a client is sent: in order, whoever sends it, and none that is slow keeps others waiting."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from lorebase.api.graphql.sharing import SharedResult
from lorebase.api.transports.closing import SEND_TIMEOUT, Closed
from lorebase.api.transports.outgoing import Outgoing, next_head
from tests.factories import make_settings

A = next_head("a")


class Client:
    """An ASGI server's side: what arrived; while `blocked` is clear, sending waits as on a full buffer."""

    def __init__(self, timeout: float = 30.0) -> None:
        self.arrived: list[object] = []
        self.lost: list[Closed | WebSocketDisconnect] = []
        self.failure: Exception | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        settings = make_settings(stream_send_timeout_seconds=timeout)
        self.outgoing = Outgoing(self._send, settings, self.lost.append)

    async def _send(self, message: Message) -> None:
        await self.writable.wait()
        if self.failure is not None:
            raise self.failure
        self.arrived.append(json.loads(message["text"]))


def result(number: int) -> SharedResult:
    return SharedResult({"number": number})


def next_message(number: int) -> dict[str, object]:
    return {"id": "a", "type": "next", "payload": {"data": {"number": number}}}


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def client() -> Client:
    return Client()


async def test_what_is_sent_at_once_has_arrived_before_anything_else_runs(client: Client) -> None:
    assert client.outgoing.next_at_once(A, result(1))
    assert client.arrived == [next_message(1)]


async def test_a_result_looks_the_same_however_it_is_sent(client: Client) -> None:
    client.outgoing.next_at_once(next_head('quo"ted'), result(1))
    await client.outgoing.next('quo"ted', result(1))
    assert client.arrived[0] == client.arrived[1]
    assert client.arrived[0] == {**next_message(1), "id": 'quo"ted'}


async def test_a_client_that_is_slow_holds_nobody_up_and_gets_everything_in_order(client: Client) -> None:
    client.writable.clear()
    assert client.outgoing.next_at_once(A, result(1))
    assert not client.outgoing.next_at_once(A, result(2))
    later = asyncio.ensure_future(client.outgoing.next("a", result(2)))
    await settle()
    assert client.arrived == []
    client.writable.set()
    await later
    assert client.outgoing.next_at_once(A, result(3))
    assert client.arrived == [next_message(1), next_message(2), next_message(3)]


async def test_nothing_overtakes_a_message_in_the_moment_in_which_it_may_go_on(client: Client) -> None:
    client.writable.clear()
    client.outgoing.next_at_once(A, result(1))
    await settle()
    # The buffer has room again, but the message that waits for it has not run yet.
    client.writable.set()
    await client.outgoing.next("a", result(2))
    assert client.arrived == [next_message(1), next_message(2)]


async def test_while_an_operation_sends_nothing_is_sent_at_once(client: Client) -> None:
    client.writable.clear()
    sending = asyncio.ensure_future(client.outgoing.next("a", result(1)))
    await settle()
    assert not client.outgoing.next_at_once(A, result(2))
    client.writable.set()
    await sending
    assert client.arrived == [next_message(1)]


@pytest.mark.parametrize("failure", [OSError("gone"), RuntimeError("closed")])
async def test_a_client_that_is_gone_is_lost_once_at_once_or_later(
    client: Client, failure: Exception
) -> None:
    client.failure = failure
    assert client.outgoing.next_at_once(A, result(1))
    assert len(client.lost) == 1
    assert isinstance(client.lost[0], WebSocketDisconnect)
    client.writable.clear()
    assert client.outgoing.next_at_once(A, result(2))
    assert len(client.lost) == 1
    client.writable.set()
    await settle()
    assert len(client.lost) == 2


async def test_a_client_that_never_reads_is_given_up() -> None:
    client = Client(timeout=0.01)
    client.writable.clear()
    client.outgoing.next_at_once(A, result(1))
    async with asyncio.timeout(10):
        while not client.lost:
            await asyncio.sleep(0.01)
    assert isinstance(client.lost[0], Closed)
    assert client.lost[0].code == SEND_TIMEOUT


async def test_after_the_end_nothing_is_sent_and_nothing_runs(client: Client) -> None:
    before = asyncio.all_tasks()
    client.writable.clear()
    client.outgoing.next_at_once(A, result(1))
    await settle()
    await client.outgoing.end()
    assert asyncio.all_tasks() == before
    client.writable.set()
    assert not client.outgoing.next_at_once(A, result(2))
    await client.outgoing.next("a", result(3))
    assert client.arrived == []
    assert client.lost == []
