"""Waits until everything has settled, then reads what is left through the API."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg

from tests.e2e.client import Api, Json
from tests.faults.caller import BROKEN
from tests.faults.final_state import FinalDocument, FinalState
from tests.faults.history import History, Kind, Operation, Outcome
from tests.faults.stores import Stores
from tests.faults.texts import body_of, marks_in

_PAGE = 100
_AT_A_TIME = 6
_POLL_SECONDS = 0.5


class Inspector:
    """Looks at one stack with the owner's eyes. Call it when no fault is going on."""

    def __init__(self, stores: Stores, api: Api, knowledge_base_id: str, history: History) -> None:
        self.stores = stores
        self._api = api
        self._knowledge_base_id = knowledge_base_id
        self._history = history
        self._retried: set[str] = set()

    async def settle(self, seconds: float) -> bool:
        """Waits until no job is open; has failed and cancelled jobs tried again, as a user would.

        False when there still are open jobs after `seconds`.
        """
        deadline = self._history.now() + seconds
        while self._history.now() < deadline:
            try:
                if not await self.stores.open_jobs() and not await self._retry_failed():
                    return True
            except (*BROKEN, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                # PostgreSQL or the API still starts.
                await asyncio.sleep(_POLL_SECONDS)
            await asyncio.sleep(_POLL_SECONDS)
        return False

    async def _retry_failed(self) -> bool:
        """Whether a document that is not searchable was given another chance; each job gets one."""
        given = False
        uploads = {one.document_id: one.job_id for one in self._history.operations if one.kind is Kind.UPLOAD}
        for document in await self._list({"status": {"in": ["FAILED", "QUARANTINED"]}}):
            newest = (document["latestJob"] or {}).get("id", "")
            for job_id in {uploads.get(document["id"], ""), newest} - self._retried - {""}:
                self._retried.add(job_id)
                given = await self._retry(document["externalId"], job_id) or given
        return given

    async def _retry(self, name: str, job_id: str) -> bool:
        began = self._history.now()
        body = await self._api.result("retry-job", input={"id": job_id})
        refusals = body.get("errors") or body["data"]["retryJob"]["userErrors"]
        outcome = Outcome.REFUSED if refusals else Outcome.ACKNOWLEDGED
        note = "settling " + " ".join(error["message"] for error in refusals)
        self._history.add(
            Operation(Kind.RETRY, outcome, began, self._history.now(), name=name, job_id=job_id, note=note)
        )
        return not refusals

    async def read(self) -> FinalState:
        """Everything that the checker wants to know."""
        turns = asyncio.Semaphore(_AT_A_TIME)
        documents = await asyncio.gather(*(self._document(each, turns) for each in await self._list(None)))
        return replace(await self.stores.read(), documents=tuple(documents))

    async def _list(self, condition: Json | None) -> list[Json]:
        found: list[Json] = []
        after: str | None = None
        while True:
            body = await self._api.result(
                "list-documents",
                knowledgeBaseId=self._knowledge_base_id,
                filter=condition,
                first=_PAGE,
                after=after,
                orderBy={"field": "CREATED_AT"},
            )
            page = body["data"]["node"]["documents"]
            found += page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return found

    async def _document(self, listed: Json, turns: asyncio.Semaphore) -> FinalDocument:
        async with turns:
            shown = await self._api.run("show-document", id=listed["id"])
            text = (shown["currentVersion"] or {}).get("text") or ""
            mark = " ".join(marks_in(text))
            found_by = await self._found_by(listed, mark)
        return FinalDocument(
            name=listed["externalId"],
            document_id=listed["id"],
            status=listed["status"],
            mark=mark,
            text_is_whole=text.strip() == body_of(mark).strip(),
            tags=tuple(listed["tags"]),
            found_by=found_by,
        )

    async def _found_by(self, listed: Json, mark: str) -> frozenset[str]:
        """The ways in which a search finds the document; one without tags is not asked for by them."""
        found = set()
        tag: Json = {"filter": {"document": {"tags": {"hasAny": listed["tags"]}}}} if listed["tags"] else {}
        for name, mode, more in (
            ("VECTOR", "VECTOR", {}),
            ("KEYWORD", "KEYWORD", {}),
            ("TAG", "VECTOR", tag),
        ):
            asked = {"knowledgeBaseIds": [self._knowledge_base_id], "query": mark or "nothing", "mode": mode}
            page = await self._api.run("search", input={**asked, **more}, first=20)
            hits = [hit["chunk"]["documentVersion"]["document"]["id"] for hit in page["nodes"]]
            found |= {name} if listed["id"] in hits else set()
        return frozenset(found)
