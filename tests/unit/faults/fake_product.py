"""A product in memory that keeps every promise, or breaks the one that it is told to break."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

from tests.e2e.client import Json, Refused
from tests.faults.final_state import SEARCH_MODES, FinalDocument
from tests.faults.texts import marks_in

# Where callers look for the payload; elsewhere they take the only field there is.
_FIELDS = {"list-documents": "node", "show-document": "node", "retry-job": "retryJob"}


@dataclass
class Kept:
    """A document; `deleted` ones are only shown by a product that breaks its word."""

    id: str
    name: str
    body: str
    tags: tuple[str, ...] = ()
    deleted: bool = False
    status: str = "READY"

    @property
    def mark(self) -> str:
        return " ".join(marks_in(self.body))


@dataclass
class FakeProduct:
    """Answers operations as the API does, each job at once. `sins` name the promises that it breaks.

    loses: it forgets every third new document. shows deleted, shows twice, hides, older text: in search.
    unfinished: streams are refused. cut answer: it keeps half of what it streamed. fails: uploads end FAILED.
    """

    sins: frozenset[str] = frozenset()
    documents: list[Kept] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    page: int = 100
    http: SimpleNamespace = field(default_factory=SimpleNamespace)
    uploads: int = 0

    async def result(self, operation: str, **variables: object) -> Json:
        self.asked.append(operation)
        given: Json = variables.get("input", variables)  # type: ignore[assignment]
        answer: Callable[[Json], Json | None] = getattr(self, f"_{operation.replace('-', '_')}")
        payload = answer({**variables, **given})
        return {"data": {_FIELDS.get(operation, "field"): payload and {"userErrors": [], **payload}}}

    async def run(self, operation: str, **variables: object) -> Json:
        (found,) = (await self.result(operation, **variables))["data"].values()
        return dict(found)

    async def events(self, operation: str, *, after: str | None, **subject: str) -> AsyncGenerator[Json]:
        if "unfinished" in self.sins:
            raise Refused([{"extensions": {"code": "NOT_FOUND"}}])
        at = {"cursor": "c", "sequence": 1}
        if operation == "follow-job":
            name = "JobFailed" if "fails" in self.sins else "JobSucceeded"
            yield {"__typename": name, **at}
            return
        yield {"__typename": "AnswerDelta", "text": "It is so.", "offset": 0, **at}
        text = "It is" if "cut answer" in self.sins else "It is so."
        yield {
            "__typename": "AnswerCompleted",
            "answer": {"text": text, "citations": []},
            "cursor": "d",
            "sequence": 2,
        }

    def final(self) -> tuple[FinalDocument, ...]:
        """What is left, as an inspection would see it."""
        return tuple(
            FinalDocument(one.name, one.id, one.status, one.mark, True, one.tags, SEARCH_MODES)
            for one in self._shown()
        )

    def _shown(self) -> list[Kept]:
        return [one for one in self.documents if not one.deleted]

    def _add_text_document(self, given: Json) -> Json:
        name, body = given["externalId"], given["source"]["text"]["body"]
        found = next((one for one in self._shown() if one.name == name), None)
        if found is None:
            self.uploads += 1
            found = Kept(f"document {len(self.documents)} of {name}", name, body)
            if "loses" not in self.sins or self.uploads % 3:
                self.documents.append(found)
        elif "older text" not in self.sins:
            found.body = body
        return {"document": {"id": found.id}, "job": {"id": f"job {found.mark}"}}

    def _update_document(self, given: Json) -> Json:
        for one in self.documents:
            if one.id == given["id"]:
                one.tags = tuple(given["tags"])
        return {"document": {"id": given["id"]}}

    def _delete_document(self, given: Json) -> Json:
        for one in self.documents:
            one.deleted = one.deleted or one.id == given["id"]
        return {"deletedId": given["id"]}

    def _cancel_job(self, given: Json) -> Json:
        return {"job": {"id": given["id"]}}

    def _retry_job(self, given: Json) -> Json:
        self.retried.append(given["id"])
        for one in self.documents:
            one.status = "READY"
        return {"job": {"id": given["id"]}}

    def _ask_question(self, given: Json) -> Json:
        return {"answer": {"id": "answer"}}

    def _search(self, given: Json) -> Json:
        told = self.documents if "shows deleted" in self.sins else self._shown()
        tags = given.get("filter", {}).get("document", {}).get("tags", {}).get("hasAny")
        hits = [
            self._hit(one)
            for one in told
            if given["query"] in one.body and (tags is None or set(tags) & set(one.tags))
        ]
        hits = [] if "hides" in self.sins else hits
        return {"nodes": hits * 2 if "shows twice" in self.sins else hits}

    def _hit(self, one: Kept) -> Json:
        version = {"document": {"id": one.id, "externalId": one.name}}
        return {"chunk": {"id": f"passage {one.id}", "text": one.body, "documentVersion": version}}

    def _show_document(self, given: Json) -> Json | None:
        one = next((one for one in self._shown() if one.id == given["id"]), None)
        return {"id": one.id, "currentVersion": {"text": one.body}} if one else None

    def _list_documents(self, given: Json) -> Json:
        wanted = (given["filter"] or {}).get("status", {}).get("in")
        shown = [one for one in self._shown() if wanted is None or one.status in wanted]
        start = int(given["after"] or 0)
        nodes = [
            {
                "id": one.id,
                "externalId": one.name,
                "status": one.status,
                "tags": list(one.tags),
                "latestJob": {"id": f"job {one.mark}"},
            }
            for one in shown[start : start + self.page]
        ]
        more = start + self.page < len(shown)
        cursor = {"hasNextPage": more, "endCursor": str(start + self.page)}
        return {"documents": {"nodes": nodes, "pageInfo": cursor}}
