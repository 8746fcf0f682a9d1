"""What is done once for all who follow the same stream: to show an event, and to run an operation on it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Hashable
from contextlib import aclosing
from hashlib import sha256
from inspect import isawaitable
from typing import Generic, TypeVar, cast

import orjson
from graphql import ExecutionResult, execute_subscription_event

from lorebase.api.graphql.execution import AttributeExecutor

Made = TypeVar("Made")

KEPT = 256


class MadeOnce(Generic[Made]):
    """What was made of an object, for the newest few. The objects are told apart by identity.

    An object is kept as long as what was made of it, so that no other one can take its identity.
    """

    def __init__(self, maximum: int = KEPT) -> None:
        self._maximum = maximum
        self._kept: dict[tuple[int, Hashable], tuple[object, Made]] = {}

    def find(self, source: object, purpose: Hashable) -> Made | None:
        """What was made of it for this purpose, None when that is not kept."""
        kept = self._kept.get((id(source), purpose))
        return kept[1] if kept else None

    def keep(self, source: object, purpose: Hashable, made: Made) -> None:
        """Keeps it, and lets go of the oldest when there are too many."""
        self._kept[id(source), purpose] = (source, made)
        if len(self._kept) > self._maximum:
            del self._kept[next(iter(self._kept))]


class SharedResult(ExecutionResult):
    """A result without errors that many receive; `json` is its payload, written once."""

    __slots__ = ("json",)

    def __init__(self, data: dict[str, object] | None) -> None:
        super().__init__(data)
        self.json = orjson.dumps({"data": data}).decode()


# Takes a result while its operation waits for one, and says whether it did.
Sink = Callable[[SharedResult], bool]


class EventResults:
    """The results of subscriptions, event by event.

    Followers receive one result when the operation, its variables and the event are the same, and nothing
    but attributes of the event was read: then the result cannot depend on who asks or when. Whatever calls a
    resolver (a snapshot, the hits, a field that needs a scope) is run for each follower by itself. Who may
    follow the stream at all was decided before there was an event.
    """

    def __init__(self) -> None:
        self._shared: MadeOnce[SharedResult] = MadeOnce()

    def deliverer(self, operation: bytes | None, sink: Sink) -> Callable[[object], bool]:
        """Hands on the result that was made of a source for another follower; whether there was one."""
        find = self._shared.find

        def deliver(source: object) -> bool:
            result = find(source, operation)
            return result is not None and sink(result)

        return deliver

    async def each(
        self, executor: AttributeExecutor, events: AsyncIterable[object], operation: bytes | None
    ) -> AsyncGenerator[ExecutionResult]:
        """A result for each event; closing it closes the events. `operation` as `fingerprint` gives it."""
        async with aclosing(cast("AsyncGenerator[object]", aiter(events))) as arriving:
            async for event in arriving:
                result = self._shared.find(_source(event), operation)
                yield result or await self._run(executor, event, operation)

    async def _run(
        self, executor: AttributeExecutor, event: object, operation: bytes | None
    ) -> ExecutionResult:
        running = executor.for_event(event)
        result = execute_subscription_event(running)
        if isawaitable(result):
            return await result
        if running.resolved or result.errors or operation is None:
            return result
        shared = SharedResult(result.data)
        self._shared.keep(_source(event), operation, shared)
        return shared


def _source(event: object) -> object:
    # What it was made of, for those who have not made it of that yet; an operation makes it in one way only.
    return getattr(event, "source", event)


def fingerprint(text: str, name: str | None, variables: dict[str, object]) -> bytes | None:
    """The same for the same operation and variables; None where variables hold what is no JSON."""
    try:
        return sha256(orjson.dumps([text, name, variables], option=orjson.OPT_SORT_KEYS)).digest()
    except orjson.JSONEncodeError:
        return None
