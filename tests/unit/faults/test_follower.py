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


def reset(sequence: int, text: str | None = None) -> Json:
    return event("StreamReset", sequence, snapshot={"id": "s"} if text is None else {"id": "s", "text": text})


def pieces(*words: str, start: int = 1, offset: int = 0) -> Script:
    script: Script = []
    for number, word in enumerate(words, start):
        script.append(event("AnswerDelta", number, text=word, offset=offset))
        offset += len(word)
    return script


def completed(text: str, **facts: object) -> Json:
    return event("AnswerCompleted", 99, answer={"text": text, "citations": [], **facts})


async def test_after_a_reset_events_may_be_counted_anew() -> None:
    stream, _ = await followed([event("JobStarted", 5), reset(5), event("JobSucceeded", 1)])
    assert stream.faults == []


async def test_after_a_reset_events_may_not_be_repeated() -> None:
    again = [event("JobStarted", 5), reset(5), event("JobProgressed", 1), event("JobProgressed", 1)]
    stream, _ = await followed([*again, event("JobSucceeded", 2)])
    assert stream.faults == ["JobProgressed 1 after 1"]


async def test_the_pieces_of_an_answer_make_its_text() -> None:
    stream, _ = await followed([*pieces("It ", "is so."), completed("It is so.")])
    assert (stream.faults, stream.text) == ([], "It is so.")


@pytest.mark.parametrize("kept", ["It is so. And more.", "It is", ""])
async def test_an_answer_that_is_not_what_was_streamed_is_a_fault(kept: str) -> None:
    stream, _ = await followed([*pieces("It ", "is so."), completed(kept)])
    assert stream.faults == [f"the pieces of the answer (9) are not its text ({len(kept)})"]


async def test_a_failed_answer_keeps_what_was_streamed_too() -> None:
    failed = event("AnswerFailed", 9, answer={"id": "a", "text": "It "})
    stream, _ = await followed([*pieces("It "), failed])
    assert stream.faults == []
    stream, _ = await followed([*pieces("It ", "is"), failed])
    assert stream.faults == ["the pieces of the answer (5) are not its text (3)"]


async def test_a_piece_that_comes_again_changes_nothing() -> None:
    stream, _ = await followed(
        [*pieces("It ", "is"), *pieces("is so.", start=3, offset=3), completed("It is so.")]
    )
    assert (stream.faults, stream.text) == ([], "It is so.")


async def test_a_piece_that_is_missing_is_a_fault() -> None:
    stream, _ = await followed([*pieces("It "), *pieces("so.", start=2, offset=6), completed("It is so.")])
    assert stream.faults[0] == "a piece is missing between 3 and 6"


async def test_after_a_reset_the_snapshot_and_what_follows_make_the_text() -> None:
    stream, _ = await followed(
        [*pieces("Once "), reset(50), *pieces("It ", "is so."), completed("It is so.")]
    )
    assert stream.faults == []
    known = [*pieces("It "), reset(50, "It is "), *pieces("so.", offset=6), completed("It is so.")]
    stream, _ = await followed(known)
    assert stream.faults == []
    stream, _ = await followed([*pieces("It "), reset(50, "It "), completed("It is so.")])
    assert stream.faults == ["the pieces of the answer (3) are not its text (9)"]


async def test_a_citation_that_is_wrong_is_a_fault_of_the_stream() -> None:
    citation = {
        "index": 1,
        "quote": "x",
        "range": {"start": 0, "end": 2},
        "documentRange": {"start": 0, "end": 1},
    }
    stream, _ = await followed([*pieces("It."), completed("It.", citations=[citation])])
    assert stream.faults == ["citation 1 quotes 0 versions"]
