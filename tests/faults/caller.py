"""A caller of the API that insists until it knows what came of a change, and writes everything down."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import httpx

from tests.e2e.client import Api, Json
from tests.faults.history import History, Operation, Outcome, Sighting
from tests.faults.texts import marks_in

_REQUEST_SECONDS = 20.0
_PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.4
# What reading an answer may raise while parts die: no connection, half a body, a page instead of JSON.
BROKEN = (httpx.HTTPError, json.JSONDecodeError, KeyError)


class Caller:
    """One user's connection to the stack."""

    def __init__(self, api: Api, history: History) -> None:
        self.api = api
        self.history = history
        api.http.timeout = httpx.Timeout(_REQUEST_SECONDS)

    async def change(
        self, operation: str, record: Operation, given: Json, *, insist: bool = True
    ) -> tuple[Operation, Json]:
        """Sends a mutation, again and again unless `insist` is False, until its outcome is known.

        Whoever insists gives an idempotency key: then the change is made once. Returns the record with its
        outcome, which is not yet in the history, and the payload of an acknowledged change.
        """
        while True:
            outcome, note, payload = await self._send(operation, {"input": given})
            now = self.history.now()
            if outcome is not Outcome.UNKNOWN or not insist or now - record.began > _PATIENCE_SECONDS:
                return replace(record, outcome=outcome, ended=now, note=note), payload
            await asyncio.sleep(_PAUSE_SECONDS)

    async def read(self, operation: str, record: Operation, variables: Json) -> tuple[Operation, Json]:
        """Asks once. The outcome is UNKNOWN when the answer was an error; then it pauses."""
        outcome, note, payload = await self._send(operation, variables)
        asked = replace(record, outcome=outcome, ended=self.history.now(), note=note)
        if outcome is Outcome.UNKNOWN:
            await asyncio.sleep(_PAUSE_SECONDS)
        return asked, payload

    async def _send(self, operation: str, variables: Json) -> tuple[Outcome, str, Json]:
        try:
            body = await self.api.result(operation, **variables)
            if body.get("errors"):
                codes = sorted({error["extensions"]["code"] for error in body["errors"]})
                return Outcome.UNKNOWN, " ".join(codes), {}
            (payload,) = body["data"].values()
        except BROKEN as error:
            return Outcome.UNKNOWN, type(error).__name__, {}
        payload = payload or {}
        if payload.get("userErrors"):
            return Outcome.REFUSED, " ".join(error["code"] for error in payload["userErrors"]), {}
        return Outcome.ACKNOWLEDGED, "", payload


def sightings_of_hits(page: Json) -> tuple[Sighting, ...]:
    """The documents of a page of search hits."""
    return tuple(
        _sighting(hit["chunk"]["documentVersion"], hit["chunk"]["text"], hit["chunk"]["id"])
        for hit in page["nodes"]
    )


def sightings_of_citations(answer: Json) -> tuple[Sighting, ...]:
    """The documents that an answer cites and that still can be opened."""
    return tuple(
        _sighting(citation["documentVersion"], citation["quote"])
        for citation in answer["citations"]
        if citation["documentVersion"]
    )


def _sighting(version: Json, text: str, chunk_id: str = "") -> Sighting:
    document = version["document"]
    return Sighting(document["externalId"], document["id"], marks_in(text), chunk_id)
