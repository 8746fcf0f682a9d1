"""What the fake API knows: one workspace, its documents and jobs, and answers that a test wrote down."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

from tests.fakes.api_evaluations import ApiEvaluations

Json = dict[str, Any]

STARTED_AT = "2026-01-31T12:00:00.000Z"


@dataclass
class FakeJob:
    """One job; `error` is None or code and message."""

    id: str
    external_id: str
    status: str = "QUEUED"
    error: Json | None = None

    def as_json(self) -> Json:
        progress = {"stage": None, "completed": 0, "total": None}
        facts = {"kind": "INGEST", "attempt": 1, "createdAt": STARTED_AT, "progress": progress}
        return {"__typename": "Job", **vars(self), **facts}


@dataclass
class FakeDocument:
    """One document and the content it was last given."""

    id: str
    external_id: str
    content: bytes
    job: FakeJob
    tags: list[str] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)

    def as_json(self) -> Json:
        status = {"SUCCEEDED": "READY", "FAILED": "FAILED", "RUNNING": "PROCESSING"}
        return {
            "__typename": "Document",
            "id": self.id,
            "externalId": self.external_id,
            "title": self.external_id,
            "status": status.get(self.job.status, "PENDING"),
            "searchable": self.job.status == "SUCCEEDED",
            "tags": self.tags,
            "version": 1,
            "updatedAt": STARTED_AT,
            "latestJob": self.job.as_json(),
        }


@dataclass
class ApiWorld:
    """State and wishes. A job ends at once unless its key is in `held`, silently if `silent`.

    `failing` maps keys to the code their jobs fail with; `refusals` maps names of operations, such as
    `UploadDocument`, to the errors that their next requests get; `user_refusals` maps keys to user errors.
    """

    api_key: str = "lb_fake"
    workspace: Json = field(default_factory=lambda: {"id": "ws_1", "name": "Default", "slug": "default"})
    knowledge_bases: list[Json] = field(default_factory=lambda: [knowledge_base("kb_1", "documents")])
    documents: dict[str, FakeDocument] = field(default_factory=dict)
    keys: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    answers: dict[str, list[Json]] = field(default_factory=dict)
    hits: list[Json] = field(default_factory=list)
    profiles: list[Json] = field(default_factory=list)
    conversations: dict[str, list[str]] = field(default_factory=dict)
    ask_refusal: Json | None = None
    evaluations: ApiEvaluations = field(default_factory=ApiEvaluations)
    held: set[str] = field(default_factory=set)
    failing: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    refusals: dict[str, deque[Json]] = field(default_factory=lambda: defaultdict(deque))
    user_refusals: dict[str, deque[Json]] = field(default_factory=lambda: defaultdict(deque))

    def root(self) -> Json:
        """The root value: fields of Query, Mutation and Subscription alike."""
        return {
            "viewer": self._viewer,
            "node": self._node,
            "search": self._search,
            "retrievalProfiles": lambda info: self.profiles,
            "upsertDocument": self._upsert,
            "createKnowledgeBase": self._create_knowledge_base,
            "deleteKnowledgeBase": self._delete_knowledge_base,
            "createApiKey": self._create_key,
            "revokeApiKey": self._revoke_key,
            "ask": self._ask,
            "cancelAnswer": self._cancel_answer,
            "createEvaluationSet": self.evaluations.create,
            "addEvaluationCases": self.evaluations.add,
            "runEvaluation": self.evaluations.run,
            "jobEvents": self.evaluations.events,
            "workspaceJobEvents": lambda info, workspaceId, after=None, **_: self._follow(self.events, after),
            "answerEvents": lambda info, answerId, after=None: self._follow(self.answers[answerId], after),
        }

    def finish(self, external_id: str) -> None:
        """Ends the job of a held document."""
        self.held.discard(external_id)
        self._end(self.documents[external_id].job)

    def emit(self, typename: str, **fields: object) -> None:
        """Appends an event to the workspace's stream."""
        self.events.append(event(len(self.events) + 1, typename, **fields))

    async def _follow(self, events: list[Json], after: str | None) -> AsyncIterator[Json]:
        place = int(after) if after else 0 if events is not self.events else len(events)
        while True:
            for found in events[place:]:
                place += 1
                yield {"workspaceJobEvents": found, "answerEvents": found}
                if found["__typename"] in ("AnswerCompleted", "AnswerFailed"):
                    return
            await asyncio.sleep(0.005)

    def _viewer(self, info: object) -> Json:
        workspaces = {"nodes": [{**self.workspace, "viewerRole": "ADMIN"}]}
        return {"scopes": ["ADMIN", "ASK", "READ", "WRITE"], "apiKey": None, "workspaces": workspaces}

    def _node(self, info: object, id: str) -> Json | None:  # noqa: A002
        if id == self.workspace["id"]:
            return {
                "__typename": "Workspace",
                **self.workspace,
                "knowledgeBases": pages(lambda: self.knowledge_bases),
                "apiKeys": pages(lambda: self.keys),
            }
        for base in self.knowledge_bases:
            if base["id"] == id:
                lists = {"documents": self._documents, **self.evaluations.lists()}
                return {"__typename": "KnowledgeBase", **lists, **base}
        if id in self.conversations:
            named = [base for base in self.knowledge_bases if base["id"] in self.conversations[id]]
            title = {"id": id, "title": "Asked before"}
            return {"__typename": "Conversation", **title, "knowledgeBases": named, "messages": page([])}
        if id.startswith("evr_"):
            return self.evaluations.find(id)
        jobs = {document.job.id: document.job for document in self.documents.values()}
        return jobs[id].as_json() if id in jobs else None

    def _documents(self, info: object, filter: Json | None = None, **_: object) -> Json:  # noqa: A002
        wanted = ((filter or {}).get("id") or {}).get("eq")
        found = [d.as_json() for d in self.documents.values() if wanted in (None, d.id)]
        return page(found)

    def _search(self, info: object, input: Json, **_: object) -> Json:  # noqa: A002
        return {"tookMs": 7, "degraded": [], "profile": "default@1", "queries": [], **page(self.hits)}

    def _upsert(self, info: Any, input: Json) -> Json:  # noqa: A002
        key, content = input["externalId"], input["source"]["file"].content
        if self.user_refusals[key]:
            return {
                "created": None,
                "document": None,
                "job": None,
                "userErrors": [self.user_refusals[key].popleft()],
            }
        known = self.documents.get(key)
        if known and known.content == content and known.job.status != "FAILED":
            return {"document": known.as_json(), "job": None, "userErrors": []}
        number = sum(1 for _ in self.documents) + 1
        document_id = known.id if known else f"doc_{number}"
        version = len(self.events)
        job = FakeJob(f"job_{document_id}_{version}", key)
        given = {name: input.get(name) or default for name, default in (("tags", []), ("metadata", {}))}
        self.documents[key] = document = FakeDocument(document_id, key, content, job, **given)
        self._announce("JobQueued", job)
        answer = {
            "created": known is None,
            "document": document.as_json(),
            "job": job.as_json(),
            "userErrors": [],
        }
        self._work(job)
        return answer

    def _work(self, job: FakeJob) -> None:
        job.status = "RUNNING"
        self._announce("JobStarted", job)
        for stage in ("PARSE", "EMBED"):
            self._announce("JobProgressed", job, progress={"stage": stage, "completed": 1, "total": 2})
        if job.external_id not in self.held:
            self._end(job)

    def _end(self, job: FakeJob) -> None:
        code = self.failing.get(job.external_id)
        job.status = "FAILED" if code else "SUCCEEDED"
        job.error = {"code": code, "message": "It is broken.", "retryable": False} if code else None
        self._announce("JobFailed" if code else "JobSucceeded", job, error=job.error)

    def _announce(self, typename: str, job: FakeJob, **fields: object) -> None:
        if not self.silent:
            self.emit(typename, job=job.as_json(), **fields)

    def _create_knowledge_base(self, info: object, input: Json) -> Json:  # noqa: A002
        made = knowledge_base(
            f"kb_{len(self.knowledge_bases) + 1}", input.get("slug") or "made", input["name"]
        )
        self.knowledge_bases.append(made)
        return {"knowledgeBase": made, "userErrors": []}

    def _delete_knowledge_base(self, info: object, input: Json) -> Json:  # noqa: A002
        self.knowledge_bases = [kb for kb in self.knowledge_bases if kb["id"] != input["id"]]
        receipt = {
            "id": "del_1",
            "requestedAt": STARTED_AT,
            "documentsRemaining": 3,
            "vectorsRemaining": 14,
            "completedAt": None,
        }
        job = {"id": "job_9", "status": "QUEUED"}
        return {"deletedId": input["id"], "job": job, "receipt": receipt, "userErrors": []}

    def _create_key(self, info: object, input: Json) -> Json:  # noqa: A002
        key = {
            "id": f"key_{len(self.keys) + 1}",
            "name": input["name"],
            "prefix": "lb_new",
            "scopes": input["scopes"],
            "lastUsedAt": None,
            "expiresAt": input.get("expiresAt"),
            "revokedAt": None,
        }
        self.keys.append(key)
        return {"secret": "lb_new_secret", "apiKey": key, "userErrors": []}

    def _revoke_key(self, info: object, input: Json) -> Json:  # noqa: A002
        for key in self.keys:
            if key["id"] == input["id"]:
                key["revokedAt"] = STARTED_AT
                return {"apiKey": key, "userErrors": []}
        return {"apiKey": None, "userErrors": [user_error("NOT_FOUND", "There is no such object.")]}

    def _ask(self, info: object, input: Json) -> Json:  # noqa: A002
        if self.ask_refusal:
            return self.ask_refusal
        answer = {"id": "ans_1", "status": "QUEUED"}
        conversation = {"id": input.get("conversationId") or "cnv_1", "title": "A talk"}
        message = {"id": "msg_1", "text": input["question"]}
        return {"answer": answer, "conversation": conversation, "message": message, "userErrors": []}

    def _cancel_answer(self, info: object, input: Json) -> Json:  # noqa: A002
        return {"answer": {"id": input["id"], "status": "CANCELLED", "text": ""}, "userErrors": []}


def refusal(code: str, message: str = "Not now.", **extensions: object) -> Json:
    """An entry of `errors`."""
    return {"message": message, "extensions": {"code": code, "retryable": False, **extensions}}


def raised(error: Json) -> GraphQLError:
    """The same as an exception of a resolver."""
    return GraphQLError(error["message"], extensions=error["extensions"])


def user_error(code: str, message: str, field: list[str] | None = None) -> Json:
    """A member of `userErrors`."""
    return {"__typename": "GenericUserError", "code": code, "message": message, "field": field}


def event(sequence: int, typename: str, **fields: object) -> Json:
    """A member of a stream, with its cursor."""
    place = {"cursor": str(sequence), "sequence": sequence, "occurredAt": STARTED_AT}
    return {"__typename": typename, **place, **fields}


def answer_stream(*parts: tuple[str, Json]) -> list[Json]:
    """The events of an answer, numbered."""
    return [event(number, typename, **fields) for number, (typename, fields) in enumerate(parts, 1)]


def knowledge_base(id: str, slug: str, name: str | None = None) -> Json:  # noqa: A002
    """A knowledge base with declared metadata of every type."""
    kinds = ("STRING", "NUMBER", "BOOLEAN", "DATE_TIME", "STRING_LIST")
    fields = [{"path": k.lower(), "type": k, "required": False, "description": None} for k in kinds]
    return {
        "id": id,
        "slug": slug,
        "name": name or slug.title(),
        "description": None,
        "version": 1,
        "chunking": {"maxTokens": 256, "overlapTokens": 32},
        "metadataFields": fields,
        "activeIndex": {
            "id": "idx_1",
            "progress": 1.0,
            "chunkCount": 14,
            "model": {"name": "a-model", "version": "1", "dimensions": 384},
        },
        "facets": [],
        "stats": {"documentCount": 3, "chunkCount": 14, "storageBytes": 2 * 1024 * 1024},
    }


def document_version(title: str, external_id: str | None) -> Json:
    """The version that a passage or citation belongs to."""
    return {
        "id": "ver_1",
        "number": 1,
        "document": {"id": "doc_1", "title": title, "externalId": external_id},
    }


def hit(title: str, text: str, highlights: list[Json], **chunk: object) -> Json:
    """A found passage."""
    place = {"id": "chk_1", "section": [], "page": None, "startOffset": 0, "endOffset": len(text), **chunk}
    return {
        "score": 0.875,
        "scores": {"vector": 0.5, "keyword": 0.75, "rerank": None},
        "explanation": {"fusedRank": 1, "vectorRank": 1, "keywordRank": None, "rerankRank": None},
        "highlights": highlights,
        "chunk": {**place, "text": text, "documentVersion": document_version(title, "folder/file.md")},
    }


def citation(index: int, quote: str, *, title: str = "A title", **fields: object) -> Json:
    """A citation of an answer."""
    return {
        "index": index,
        "quote": quote,
        "range": {"start": 0, "end": 4},
        "documentRange": {"start": 10, "end": 10 + len(quote)},
        "chunk": {"id": "chk_1", "section": ["One", "Two"], "page": 3},
        "documentVersion": document_version(title, "folder/file.md"),
        **fields,
    }


def page(nodes: list[Json]) -> Json:
    """A connection with everything on one page."""
    return {
        "totalCount": len(nodes),
        "nodes": nodes,
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }


def pages(nodes: Callable[[], list[Json]]) -> Callable[..., Json]:
    """A connection that honours `first` and `after`; cursors are numbers."""

    def connection(info: object, first: int = 20, after: str | None = None, **_: object) -> Json:
        start = int(after or 0)
        found = nodes()
        end = min(start + first, len(found))
        more = {"hasNextPage": end < len(found), "endCursor": str(end)}
        return {"totalCount": len(found), "nodes": found[start:end], "pageInfo": more}

    return connection
