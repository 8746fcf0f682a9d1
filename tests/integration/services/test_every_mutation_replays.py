"""Every mutation under an idempotency key: it acts once, however often and at once it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import strawberry
from graphql import GraphQLObjectType, get_named_type

from lorebase.api.graphql.context import Context
from lorebase.api.graphql.nodes import global_id
from lorebase.api.graphql.schema import NODE_TYPES, build_schema, core_schema
from lorebase.core.ids import NO_WORKSPACE, new_id
from lorebase.schemas.answers import Ask, Asked
from lorebase.schemas.embeddings import EmbeddingModel, ReindexKnowledgeBase
from lorebase.schemas.evaluations import CreateEvaluationSet, NewCase, Relevance
from lorebase.schemas.jobs import Job
from lorebase.schemas.knowledge_bases import CreateKnowledgeBase
from lorebase.schemas.search import SearchRequest
from lorebase.services.answers.answers import AnswerService
from lorebase.services.evaluations.evaluations import EvaluationService
from lorebase.services.workspaces import WorkspaceService
from tests.factories import Tenant, make_model
from tests.fakes.clock import START
from tests.fakes.world import World
from tests.integration.database import DatabaseUrls
from tests.integration.sql.factories import register

BODY = "Lamps burn on the cliff."
AT_ONCE = 6


@dataclass
class Services:
    """What the resolvers of mutations call, over PostgreSQL."""

    world: World

    def __post_init__(self) -> None:
        world = self.world
        self.documents, self.jobs, self.knowledge_bases = world.documents, world.jobs, world.bases
        self.workspaces = WorkspaceService(units=world.units, clock=world.clock, settings=world.settings)
        parts = {
            "units": world.units,
            "queue": world.queue,
            "events": world.events,
            "settings": world.settings,
            "clock": world.clock,
        }
        self.indexes = world.indexes
        self.answers = AnswerService(**parts)  # type: ignore[arg-type]
        self.evaluations = EvaluationService(**parts)  # type: ignore[arg-type]


@dataclass
class Desk:
    """Makes what mutations work on, and sends them."""

    world: World
    tenant: Tenant
    schema: strawberry.Schema
    services: Services
    other_model: EmbeddingModel

    def id_of(self, type_name: str, value: Any) -> str:
        return str(global_id(type_name, self.tenant.workspace.id, value.id))

    async def document(self) -> str:
        return self.id_of("Document", (await self.world.upsert(self.tenant, f"{BODY} {new_id()}")).document)

    async def job(self) -> Job:
        job = (await self.world.upsert(self.tenant, f"{BODY} {new_id()}")).job
        assert job is not None
        return job

    async def cancelled_job(self) -> str:
        return self.id_of("Job", await self.world.jobs.cancel(self.tenant.principal, (await self.job()).id))

    async def base(self) -> str:
        made = await self.world.bases.create(self.tenant.principal, CreateKnowledgeBase(name="Made"))
        return self.id_of("KnowledgeBase", made)

    async def index_in_use(self) -> str:
        made = await self.world.bases.create(self.tenant.principal, CreateKnowledgeBase(name="Made"))
        return str(global_id("EmbeddingIndex", self.tenant.workspace.id, made.active_index_id))

    async def index_no_longer_used(self) -> str:
        """Another one was built and is in use since."""
        made = await self.world.bases.create(self.tenant.principal, CreateKnowledgeBase(name="Made"))
        command = ReindexKnowledgeBase(id=made.id, embedding_model_id=self.other_model.id)
        built = await self.world.indexes.reindex(self.tenant.principal, command)
        async with self.world.units.for_workspace(self.tenant.workspace.id) as uow:
            await uow.indexes.complete(built.index.id)
            await uow.indexes.activate(built.index.id)
            await uow.commit()
        return str(global_id("EmbeddingIndex", self.tenant.workspace.id, made.active_index_id))

    async def asked(self) -> Asked:
        search = SearchRequest(knowledge_base_ids=(self.tenant.knowledge_base.id,), query="")
        return await self.services.answers.ask(self.tenant.principal, Ask(question="How?", retrieval=search))

    async def evaluation_set(self) -> str:
        case = NewCase(query="How?", relevant=(Relevance(external_id="a"),))
        base_id = self.tenant.knowledge_base.id
        command = CreateEvaluationSet(knowledge_base_id=base_id, name=str(new_id()), cases=(case,))
        made = await self.services.evaluations.create_set(self.tenant.principal, command)
        return self.id_of("EvaluationSet", made)

    async def key(self) -> str:
        created, _ = await self.services.workspaces.create_key(
            self.tenant.principal, "Made", self.tenant.principal.scopes, None
        )
        return self.id_of("ApiKey", created)

    async def send(self, mutation: str, given: dict[str, Any]) -> dict[str, Any]:
        field = core_schema(self.schema).mutation_type.fields[mutation]
        query = (
            f"mutation($input: {field.args['input'].type}) "
            f"{{ {mutation}(input: $input) {{ {selection(get_named_type(field.type))} }} }}"
        )
        context = Context(
            self.tenant.principal,
            self.services,
            self.world.settings,
            NODE_TYPES,  # type: ignore[arg-type]
        )
        result = await self.schema.execute(query, {"input": given}, context_value=context)
        assert result.errors is None
        assert result.data is not None
        payload: dict[str, Any] = result.data[mutation]
        return payload


def selection(payload: Any) -> str:
    """The ids in a payload, and what went wrong."""
    assert isinstance(payload, GraphQLObjectType)
    objects = [
        name
        for name, field in payload.fields.items()
        if isinstance(kind := get_named_type(field.type), GraphQLObjectType) and "id" in kind.fields
    ]
    deleted = "deletedId" if "deletedId" in payload.fields else ""
    return " ".join([*(f"{name} {{ id }}" for name in objects), deleted, "userErrors { code }"])


Inputs = tuple[dict[str, Any], dict[str, Any]]
Prepare = Callable[[Desk], Awaitable[Inputs]]


def on(make: Callable[[Desk], Awaitable[str]], **fields: Any) -> Prepare:
    """The same asked of two objects."""

    async def prepare(desk: Desk) -> Inputs:
        return {"id": await make(desk), **fields}, {"id": await make(desk), **fields}

    return prepare


def on_a_set(**fields: Any) -> Prepare:
    """The same asked of two evaluation sets."""

    async def prepare(desk: Desk) -> Inputs:
        one, two = await desk.evaluation_set(), await desk.evaluation_set()
        return {"evaluationSetId": one, **fields}, {"evaluationSetId": two, **fields}

    return prepare


def fresh(make: Callable[[Desk, str], dict[str, Any]]) -> Prepare:
    """Two new objects that differ by a word."""

    async def prepare(desk: Desk) -> Inputs:
        return make(desk, "One"), make(desk, "Two")

    return prepare


def workspace(desk: Desk) -> str:
    return desk.id_of("Workspace", desk.tenant.workspace)


def base(desk: Desk) -> str:
    return desk.id_of("KnowledgeBase", desk.tenant.knowledge_base)


async def queued_job(desk: Desk) -> str:
    return desk.id_of("Job", await desk.job())


async def answer(desk: Desk) -> str:
    return desk.id_of("Answer", (await desk.asked()).answer)


async def conversation(desk: Desk) -> str:
    return desk.id_of("Conversation", (await desk.asked()).conversation)


async def reindex(desk: Desk) -> Inputs:
    model = str(global_id("EmbeddingModel", NO_WORKSPACE, desk.other_model.id))
    return await on(Desk.base, embeddingModelId=model)(desk)


QUESTION = {"query": "How?", "relevant": [{"externalId": "a"}]}
CASES: dict[str, Prepare] = {
    "activateIndex": on(Desk.index_in_use),
    "addEvaluationCases": on_a_set(cases=[QUESTION]),
    "ask": fresh(
        lambda desk, word: {
            "workspaceId": workspace(desk),
            "question": f"{word}?",
            "retrieval": {"knowledgeBaseIds": [base(desk)], "query": ""},
        }
    ),
    "cancelAnswer": on(answer),
    "cancelJob": on(queued_job),
    "createApiKey": fresh(
        lambda desk, word: {"workspaceId": workspace(desk), "name": word, "scopes": ["READ"]}
    ),
    "createEvaluationSet": fresh(
        lambda desk, word: {"knowledgeBaseId": base(desk), "name": word, "cases": [QUESTION]}
    ),
    "createKnowledgeBase": fresh(
        lambda desk, word: {
            "workspaceId": workspace(desk),
            "name": word,
            "chunking": {"overlapTokens": 0},
        }
    ),
    "deleteConversation": on(conversation),
    "deleteDocument": on(Desk.document),
    "deleteEmbeddingIndex": on(Desk.index_no_longer_used),
    "deleteEvaluationSet": on(Desk.evaluation_set),
    "deleteKnowledgeBase": on(Desk.base),
    "reindexKnowledgeBase": reindex,
    "retryJob": on(Desk.cancelled_job),
    "revokeApiKey": on(Desk.key),
    "runEvaluation": on_a_set(),
    "updateDocument": on(Desk.document, title="New"),
    "updateKnowledgeBase": on(Desk.base, name="New"),
    "upsertDocument": fresh(
        lambda desk, word: {"knowledgeBaseId": base(desk), "source": {"text": {"body": word}}}
    ),
}
SCHEMA = build_schema()
MUTATIONS = sorted(core_schema(SCHEMA).mutation_type.fields)  # type: ignore[union-attr]


@pytest.fixture
async def desk(world: World, tenant: Tenant, database: DatabaseUrls) -> Desk:
    older = {"created_at": START - timedelta(days=1), "collection": "chunks_other", "version": "0"}
    other = await register(database, make_model(max_input_tokens=8192, **older))
    return Desk(world, tenant, SCHEMA, Services(world), other)


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_the_same_request_acts_once_and_another_is_refused(desk: Desk, mutation: str) -> None:
    assert mutation in CASES, "say here how this mutation is asked"
    first, other = await CASES[mutation](desk)
    keyed = {"idempotencyKey": "key"}
    payloads = await asyncio.gather(*(desk.send(mutation, {**first, **keyed}) for _ in range(AT_ONCE)))
    payloads.append(await desk.send(mutation, {**first, **keyed}))
    assert payloads[0]["userErrors"] == []
    assert payloads == [payloads[0]] * (AT_ONCE + 1)
    assert any(value for name, value in payloads[0].items() if name != "userErrors")
    refused = await desk.send(mutation, {**other, **keyed})
    assert [error["code"] for error in refused.pop("userErrors")] == ["IDEMPOTENCY_MISMATCH"]
    assert not any(refused.values())
    # Without the key it is a request of its own, and the refused one has changed nothing.
    assert (await desk.send(mutation, other))["userErrors"] == []
