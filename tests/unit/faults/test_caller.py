"""A caller insists until the outcome of a change is known, and tells refusals from silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.client import Api, Json
from tests.faults.caller import Caller, sightings_of_citations, sightings_of_hits
from tests.faults.history import History, Kind, Operation, Outcome, Sighting

GIVEN = {"id": "d", "idempotencyKey": "k"}
DONE: Json = {"data": {"deleteDocument": {"deletedId": "d", "userErrors": []}}}
REFUSED: Json = {"data": {"deleteDocument": {"deletedId": None, "userErrors": [{"code": "NOT_FOUND"}]}}}
AWAY: Json = {"errors": [{"extensions": {"code": "DATABASE_UNAVAILABLE"}}], "data": None}


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "history.jsonl")
    yield made
    made.close()


def caller(history: History, *answers: Json | Exception | str) -> tuple[Caller, list[Json]]:
    """A caller of an API that answers so, and what it was sent."""
    sent: list[Json] = []
    script = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content)["variables"])
        now = script.pop(0)
        if isinstance(now, Exception):
            raise now
        return httpx.Response(200, text=now) if isinstance(now, str) else httpx.Response(200, json=now)

    api = Api("http://test/graphql", None)
    api.http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return Caller(api, history), sent


def deletion() -> Operation:
    return Operation(Kind.DELETE, Outcome.UNKNOWN, 0.0, 0.0, name="a.md")


async def test_an_acknowledged_change_comes_with_its_payload(history: History) -> None:
    made, _ = caller(history, DONE)
    record, payload = await made.change("delete-document", deletion(), GIVEN)
    assert (record.outcome, record.note, record.name) == (Outcome.ACKNOWLEDGED, "", "a.md")
    assert payload["deletedId"] == "d"


async def test_a_refusal_is_final(history: History) -> None:
    made, sent = caller(history, REFUSED)
    record, payload = await made.change("delete-document", deletion(), GIVEN)
    assert (record.outcome, record.note, payload) == (Outcome.REFUSED, "NOT_FOUND", {})
    assert len(sent) == 1


@pytest.mark.parametrize("trouble", [AWAY, httpx.ReadError("gone"), httpx.ReadTimeout("late"), "<html>"])
async def test_it_sends_the_same_change_again_until_it_knows(
    history: History, trouble: Json | Exception | str
) -> None:
    made, sent = caller(history, trouble, trouble, DONE)
    record, _ = await made.change("delete-document", deletion(), GIVEN)
    assert record.outcome is Outcome.ACKNOWLEDGED
    assert sent == [{"input": GIVEN}] * 3


async def test_without_insisting_the_outcome_stays_unknown(history: History) -> None:
    made, sent = caller(history, AWAY)
    record, _ = await made.change("delete-document", deletion(), GIVEN, insist=False)
    assert (record.outcome, record.note) == (Outcome.UNKNOWN, "DATABASE_UNAVAILABLE")
    assert len(sent) == 1


async def test_a_read_is_sent_once(history: History) -> None:
    made, sent = caller(history, httpx.ConnectError("no"))
    record, found = await made.read("show-document", deletion(), {"id": "d"})
    assert (record.outcome, record.note, found) == (Outcome.UNKNOWN, "ConnectError", {})
    assert len(sent) == 1


async def test_what_is_not_there_is_an_answer(history: History) -> None:
    made, _ = caller(history, {"data": {"node": None}})
    record, found = await made.read("show-document", deletion(), {"id": "d"})
    assert (record.outcome, found) == (Outcome.ACKNOWLEDGED, {})


VERSION = {"document": {"id": "document", "externalId": "a.md"}}


def test_a_hit_shows_its_document_and_the_marks_in_its_text() -> None:
    hit = {"chunk": {"id": "c", "text": "Line 1 of markxbcdfghjklmnq tells.", "documentVersion": VERSION}}
    assert sightings_of_hits({"nodes": [hit]}) == (Sighting("a.md", "document", ("xbcdfghjklmnq",), "c"),)


def test_a_citation_whose_document_was_deleted_shows_nothing() -> None:
    kept, gone = {"quote": "q", "documentVersion": VERSION}, {"quote": "q", "documentVersion": None}
    assert sightings_of_citations({"citations": [kept, gone]}) == (Sighting("a.md", "document"),)
