"""A follower goes on where it stopped, until the end; what a stream must not do is noted."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx
import pytest

from tests.e2e.client import Json, Refused
from tests.faults.follower import Stream, follow

Script = list[Json | Exception]


def event(name: str, sequence: int, **facts: object) -> Json:
    return {"__typename": name, "sequence": sequence, "cursor": f"c{sequence}", **facts}


class ScriptedApi:
    """An API whose subscriptions say what the scripts say, one script a connection."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self.resumed_after: list[str | None] = []

    async def events(self, operation: str, *, after: str | None, **subject: str) -> AsyncGenerator[Json]:
        self.resumed_after.append(after)
        for entry in self._scripts.pop(0):
            if isinstance(entry, Exception):
                raise entry
            yield entry


async def followed(*scripts: Script) -> tuple[Stream, ScriptedApi]:
    api, stream = ScriptedApi(*scripts), Stream()
    await follow(api, "follow-job", stream, jobId="j")  # type: ignore[arg-type]
    return stream, api


async def test_it_ends_with_the_final_event() -> None:
    stream, api = await followed([event("JobStarted", 1), event("JobSucceeded", 2)])
    assert stream.last == event("JobSucceeded", 2)
    assert (stream.faults, api.resumed_after) == ([], [None])


@pytest.mark.parametrize(
    "broken", [httpx.ReadError("gone"), httpx.ConnectError("no"), httpx.ReadTimeout("late"), KeyError("type")]
)
async def test_a_broken_connection_is_resumed_with_the_last_cursor(broken: Exception) -> None:
    stream, api = await followed([event("JobStarted", 1), broken], [event("JobSucceeded", 2)])
    assert (stream.faults, api.resumed_after) == ([], [None, "c1"])


async def test_a_stream_that_is_out_for_a_while_is_resumed_too() -> None:
    away = Refused([{"extensions": {"code": "DATABASE_UNAVAILABLE"}}])
    stream, api = await followed([away], [event("JobFailed", 1)])
    assert stream.last == event("JobFailed", 1)
    assert (stream.faults, len(api.resumed_after)) == ([], 2)


async def test_a_stream_that_ends_without_its_final_event_is_asked_again() -> None:
    stream, api = await followed([event("JobStarted", 1)], [event("JobSucceeded", 2)])
    assert (stream.faults, api.resumed_after) == ([], [None, "c1"])


@pytest.mark.parametrize("code", ["NOT_FOUND", "BAD_USER_INPUT", "FORBIDDEN"])
async def test_a_stream_that_is_refused_for_good_is_lost(code: str) -> None:
    stream, _ = await followed([event("JobStarted", 1), Refused([{"extensions": {"code": code}}])])
    assert (stream.last, stream.faults) == (None, [f"refused: {code}"])


@pytest.mark.parametrize("sequence", [1, 2])
async def test_an_event_that_was_there_before_is_a_fault(sequence: int) -> None:
    again = [event("JobStarted", 2), event("JobProgressed", sequence), event("JobSucceeded", 3)]
    stream, _ = await followed(again)
    assert stream.faults == [f"JobProgressed {sequence} after 2"]


async def test_after_a_reset_events_may_be_counted_anew() -> None:
    stream, _ = await followed([event("JobStarted", 5), event("StreamReset", 5), event("JobSucceeded", 1)])
    assert (stream.was_reset, stream.faults) == (True, [])


def answer_events(*words: str, whole: str, reset: bool = False) -> Script:
    deltas = [event("AnswerDelta", at, text=word) for at, word in enumerate(words, 1)]
    lost = [event("StreamReset", 50)] if reset else []
    return [*deltas, *lost, event("AnswerCompleted", 99, answer={"text": whole})]


async def test_the_pieces_of_an_answer_make_its_text() -> None:
    stream, _ = await followed(answer_events("It ", "is so.", whole="It is so."))
    assert stream.faults == []


async def test_an_answer_whose_pieces_do_not_make_its_text_is_a_fault() -> None:
    stream, _ = await followed(answer_events("It ", "It ", "is so.", whole="It is so."))
    assert stream.faults == ["the pieces of the answer are not its text"]


async def test_after_a_reset_the_whole_answer_counts() -> None:
    stream, _ = await followed(answer_events("It ", whole="It is so.", reset=True))
    assert stream.faults == []
