"""A client with documents of its own: it uploads, changes, deletes, cancels, retries, searches and asks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from tests.e2e.client import Json
from tests.faults.caller import Caller, sightings_of_citations, sightings_of_hits
from tests.faults.follower import Stream, follow
from tests.faults.history import Kind, Operation, Outcome, Sighting
from tests.faults.texts import body_of, marks_in, new_mark

_DOCUMENTS = 60
_OPEN_JOBS = 6
_MODES = ("HYBRID", "VECTOR", "KEYWORD")
_WRITES = {
    "upload_new": 24,
    "upload_version": 14,
    "upload_unchanged": 5,
    "update_tags": 10,
    "delete": 9,
    "cancel": 6,
    "retry": 5,
    "ask": 10,
}
_READS = {"search": 3, "show": 1}


@dataclass
class OwnDocument:
    """What the client knows of one of its documents.

    `doubtful` documents are left alone, since the outcome of a change to them was never known. `changes` is
    odd while one is under way.
    """

    name: str
    document_id: str = ""
    mark: str = ""
    job_id: str = ""
    exists: bool = False
    is_live: bool = False
    doubtful: bool = False
    changes: int = 0
    failed_stream: Stream | None = None


@dataclass(frozen=True)
class Place:
    """Where a client works."""

    workspace_id: str
    knowledge_base_id: str


class Client:
    """Changes its own documents, one operation after the other, and reads meanwhile, as `chance` draws.

    `pauses` are the shortest and the longest between two operations, in seconds.
    """

    def __init__(
        self,
        number: int,
        caller: Caller,
        place: Place,
        chance: random.Random,
        pauses: tuple[float, float] = (0.05, 0.4),
    ) -> None:
        self.number = number
        self._pauses = pauses
        self.documents: list[OwnDocument] = []
        self.following: set[asyncio.Task[None]] = set()
        self._caller = caller
        self._history = caller.history
        self._place = place
        self._chance = chance
        # Of their own, so that what is changed does not hang on how many reads there is time for.
        self._reading = random.Random(chance.random())
        self._changes = 0

    async def work(self, stop: asyncio.Event) -> None:
        """Works until told to stop; its followers go on."""
        await asyncio.gather(self._draw(_WRITES, self._chance, stop), self._draw(_READS, self._reading, stop))

    async def _draw(self, weights: Mapping[str, int], chance: random.Random, stop: asyncio.Event) -> None:
        actions: dict[str, Callable[[], Awaitable[None]]] = {
            name: getattr(self, f"_{name}") for name in weights
        }
        while not stop.is_set():
            (chosen,) = chance.choices(list(actions), list(weights.values()))
            await actions[chosen]()
            await asyncio.sleep(chance.uniform(*self._pauses))

    def _record(self, kind: Kind, document: OwnDocument | None = None, **facts: object) -> Operation:
        now = self._history.now()
        own = {"name": document.name, "document_id": document.document_id} if document else {}
        return Operation(kind, Outcome.UNKNOWN, now, now, client=self.number, **{**own, **facts})  # type: ignore[arg-type]

    def _any(self, *, exists: bool = True, chance: random.Random | None = None) -> OwnDocument | None:
        fitting = [own for own in self.documents if own.exists is exists and not own.doubtful]
        return (chance or self._chance).choice(fitting) if fitting else None

    def _key(self) -> Json:
        self._changes += 1
        return {"idempotencyKey": f"client {self.number} change {self._changes}"}

    async def _upload_new(self) -> None:
        document = self._any(exists=False) if self._chance.random() < 0.3 else None
        if document is None:
            if len(self.documents) >= _DOCUMENTS:
                return
            document = OwnDocument(f"client-{self.number}-{len(self.documents)}.md")
            self.documents.append(document)
        await self._upload(document, new_mark(self._chance))

    async def _upload_version(self) -> None:
        if document := self._any():
            await self._upload(document, new_mark(self._chance))

    async def _upload_unchanged(self) -> None:
        if document := self._any():
            await self._upload(document, document.mark)

    async def _upload(self, document: OwnDocument, mark: str) -> None:
        if len(self.following) >= _OPEN_JOBS:
            return
        keyed = self._chance.random() < 0.8
        given: Json = {
            "knowledgeBaseId": self._place.knowledge_base_id,
            "externalId": document.name,
            "title": document.name,
            "source": {"text": {"mediaType": "text/markdown", "body": body_of(mark)}},
            **(self._key() if keyed else {}),
        }
        record = self._record(Kind.UPLOAD, document, mark=mark)
        document.changes += 1
        record, payload = await self._caller.change("add-text-document", record, given, insist=keyed)
        if record.outcome is Outcome.ACKNOWLEDGED:
            document.is_live = document.is_live and mark == document.mark
            document.exists, document.mark = True, mark
            document.document_id = payload["document"]["id"]
            if payload["job"]:
                document.job_id = payload["job"]["id"]
                self._follow_job(document)
        self._conclude(record, document)

    def _conclude(self, record: Operation, document: OwnDocument) -> None:
        document.changes += 1
        document.doubtful = document.doubtful or record.outcome is Outcome.UNKNOWN
        known = replace(record, document_id=document.document_id, job_id=document.job_id)
        self._history.add(known)

    async def _update_tags(self) -> None:
        if document := self._any():
            tags = (new_mark(self._chance),)
            given = {"id": document.document_id, "tags": list(tags), **self._key()}
            record = self._record(Kind.UPDATE, document, tags=tags)
            document.changes += 1
            record, _ = await self._caller.change("update-document", record, given)
            self._conclude(record, document)

    async def _delete(self) -> None:
        if document := self._any():
            given = {"id": document.document_id, **self._key()}
            record = self._record(Kind.DELETE, document)
            document.changes += 1
            record, _ = await self._caller.change("delete-document", record, given)
            if record.outcome is Outcome.ACKNOWLEDGED:
                document.exists = document.is_live = False
            self._conclude(record, document)

    async def _cancel(self) -> None:
        document = self._any()
        if document and not document.is_live:
            given = {"id": document.job_id, **self._key()}
            record = self._record(Kind.CANCEL, document, job_id=document.job_id)
            record, _ = await self._caller.change("cancel-job", record, given)
            self._history.add(record)

    async def _retry(self) -> None:
        failed = [own for own in self.documents if own.exists and own.failed_stream and not own.doubtful]
        if not failed:
            return
        document = self._chance.choice(failed)
        record = self._record(Kind.RETRY, document, job_id=document.job_id)
        given = {"id": document.job_id, **self._key()}
        record, _ = await self._caller.change("retry-job", record, given)
        if record.outcome is Outcome.ACKNOWLEDGED:
            self._follow_job(document, after=document.failed_stream)
        document.failed_stream = None
        self._history.add(record)

    async def _search(self) -> None:
        document = self._any(exists=self._reading.random() < 0.7, chance=self._reading)
        if document is None or not document.mark:
            return
        settled = document.exists and document.is_live and document.changes % 2 == 0
        changes = document.changes
        record = self._record(Kind.SEARCH, document, mark=document.mark)
        mode = self._reading.choice(_MODES)
        asked = {"knowledgeBaseIds": [self._place.knowledge_base_id], "query": document.mark, "mode": mode}
        record, page = await self._caller.read("search", record, {"input": asked, "first": 20})
        seen = sightings_of_hits(page) if page else ()
        wanted = settled and document.changes == changes
        note = f"{mode} {record.note}".strip()
        self._history.add(replace(record, seen=seen, wanted=wanted, note=note))

    async def _show(self) -> None:
        document = self._any(exists=self._reading.random() < 0.6, chance=self._reading)
        if document is None or not document.document_id:
            return
        record, shown = await self._caller.read(
            "show-document", self._record(Kind.SHOW, document), {"id": document.document_id}
        )
        seen: tuple[Sighting, ...] = ()
        if shown:
            version = shown["currentVersion"] or {}
            seen = (Sighting(document.name, shown["id"], marks_in(version.get("text") or "")),)
        self._history.add(replace(record, seen=seen))

    async def _ask(self) -> None:
        document = self._any()
        if document is None or len(self.following) >= _OPEN_JOBS:
            return
        record = self._record(Kind.ASK, document, mark=document.mark)
        given = {
            "workspaceId": self._place.workspace_id,
            "question": f"What does {document.mark} keep?",
            "retrieval": {"knowledgeBaseIds": [self._place.knowledge_base_id], "query": ""},
            **self._key(),
        }
        record, payload = await self._caller.change("ask-question", record, given)
        if record.outcome is Outcome.ACKNOWLEDGED:
            self._keep(self._follow_answer(record, payload["answer"]["id"]))
        else:
            self._history.add(record)

    def _keep(self, following: Awaitable[None]) -> None:
        task = asyncio.ensure_future(following)
        self.following.add(task)
        task.add_done_callback(self.following.discard)

    def _follow_job(self, document: OwnDocument, after: Stream | None = None) -> None:
        stream = Stream(after.cursor, after.sequence) if after else Stream()
        document.failed_stream = None
        self._keep(self._note_job(document, document.job_id, document.mark, stream))

    async def _note_job(self, document: OwnDocument, job_id: str, mark: str, stream: Stream) -> None:
        record = self._record(Kind.FOLLOW, document, job_id=job_id, mark=mark)
        await self._follow_and_note(record, "follow-job", stream, jobId=job_id)
        newest = document.job_id == job_id and document.exists
        if stream.last and stream.last["__typename"] == "JobSucceeded":
            self._note_end(record, Kind.LIVE, Outcome.ACKNOWLEDGED)
            document.is_live = document.is_live or newest
        elif stream.last and newest:
            document.failed_stream = stream

    async def _follow_answer(self, asked: Operation, answer_id: str) -> None:
        stream = Stream()
        await self._follow_and_note(self._record(Kind.FOLLOW), "follow-answer", stream, answerId=answer_id)
        completed = stream.last and stream.last["__typename"] == "AnswerCompleted"
        seen = sightings_of_citations(stream.last["answer"]) if stream.last and completed else ()
        self._history.add(replace(asked, seen=seen, ended=self._history.now()))

    async def _follow_and_note(
        self, record: Operation, operation: str, stream: Stream, **subject: str
    ) -> None:
        try:
            await follow(self._caller.api, operation, stream, **subject)
        finally:
            outcome = Outcome.ACKNOWLEDGED if stream.last else Outcome.UNKNOWN
            self._note_end(record, Kind.FOLLOW, outcome, "; ".join(stream.faults))

    def _note_end(self, record: Operation, kind: Kind, outcome: Outcome, note: str = "") -> None:
        self._history.add(replace(record, kind=kind, outcome=outcome, ended=self._history.now(), note=note))
