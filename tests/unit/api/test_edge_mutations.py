"""Every mutation of the contract: what it asks of the services and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from lorebase.core.errors import (
    BadInput,
    Conflict,
    ErrorCode,
    LimitExceeded,
    LorebaseError,
    NotFound,
    Unavailable,
)
from lorebase.core.ids import GlobalId, new_id
from lorebase.core.resources import read_operation
from lorebase.schemas.answers import Ask
from lorebase.schemas.documents import UpdateDocument, UpsertDocument
from lorebase.schemas.knowledge_bases import (
    CreateKnowledgeBase,
    MetadataField,
    MetadataFieldType,
    UpdateKnowledgeBase,
)
from lorebase.schemas.search import SearchMode
from lorebase.schemas.workspaces import ApiScope
from tests.unit.api.edge import Edge
from tests.unit.api.test_edge_queries import OPERATIONS, variables_of

UPSERT = (
    "mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { clientMutationId created"
    " document { title } job { status } userErrors { __typename code field message } } }"
)
DELETE = (
    "mutation($input: DeleteDocumentInput!) { deleteDocument(input: $input) { clientMutationId deletedId"
    " userErrors { __typename code field message ... on ConflictUserError { existing { id } }"
    " ... on QuotaUserError { limit retryAt } } } }"
)
MUTATIONS = [
    path.stem for path in OPERATIONS if "mutation " in path.read_text() and "upload" not in path.stem
]


def command(edge: Edge, name: str) -> object:
    (arguments,) = edge.calls.named(name)
    return arguments[0]


def base_of(edge: Edge) -> str:
    return edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)


@pytest.mark.parametrize("name", MUTATIONS)
async def test_every_prepared_mutation_succeeds(edge: Edge, name: str) -> None:
    path = next(path for path in OPERATIONS if path.stem == name)
    (payload,) = (await edge.data(read_operation(name), variables_of(path, edge.world))).values()
    assert isinstance(payload, dict)
    assert payload["userErrors"] == []
    assert any(value for field, value in payload.items() if field != "userErrors")


async def test_a_text_is_stored_before_the_document_is_accepted(edge: Edge) -> None:
    given = {
        "knowledgeBaseId": base_of(edge),
        "source": {"text": {"body": "Hello"}},
        "clientMutationId": "c1",
        "idempotencyKey": "k1",
    }
    data = await edge.data(UPSERT, {"input": given})
    assert data["upsertDocument"] == {
        "clientMutationId": "c1",
        "created": True,
        "document": {"title": "Asyncio"},
        "job": {"status": "RETRYING"},
        "userErrors": [],
    }
    assert edge.calls.named("documents.store_text") == [("Hello", "text/plain")]
    asked = command(edge, "documents.upsert")
    assert isinstance(asked, UpsertDocument)
    assert asked.idempotency_key == "k1"
    assert asked.knowledge_base_id == edge.world.knowledge_base.id
    assert asked.model_fields_set == {"knowledge_base_id", "upload", "idempotency_key"}


async def test_fields_that_are_null_are_cleared_and_absent_ones_are_left_alone(edge: Edge) -> None:
    given = {
        "knowledgeBaseId": base_of(edge),
        "source": {"text": {"body": "x", "mediaType": "text/markdown"}},
        "externalId": "e",
        "title": None,
        "tags": None,
        "metadata": {"a": {"b": [1, None]}},
    }
    await edge.data(UPSERT, {"input": given})
    asked = command(edge, "documents.upsert")
    assert isinstance(asked, UpsertDocument)
    assert asked.model_fields_set >= {"external_id", "title", "tags", "metadata"}
    assert "language" not in asked.model_fields_set
    assert (asked.title, asked.tags, asked.metadata) == (None, (), {"a": {"b": [1, None]}})


@pytest.mark.parametrize("metadata", [[], "text", 1, True])
async def test_metadata_must_be_an_object(edge: Edge, metadata: object) -> None:
    given = {"knowledgeBaseId": base_of(edge), "source": {"text": {"body": "x"}}, "metadata": metadata}
    payload = (await edge.data(UPSERT, {"input": given}))["upsertDocument"]
    assert payload["userErrors"][0]["field"] == ["input", "metadata"]  # type: ignore[index]
    assert edge.calls.named("documents.upsert") == []


@pytest.mark.parametrize(
    "source", [{}, {"file": None}, {"text": None}, {"text": {"body": "a"}, "file": None}, {"url": "http://a"}]
)
async def test_a_document_has_exactly_one_source(edge: Edge, source: dict[str, object]) -> None:
    given = {"knowledgeBaseId": base_of(edge), "source": source}
    content = (await edge.post(UPSERT, {"input": given})).json()
    assert content["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert edge.calls.named("documents.upsert") == []


async def test_a_document_is_updated_with_the_given_fields_only(edge: Edge) -> None:
    document = edge.world.document
    given = {"id": edge.world.global_id("Document", document), "tags": ["a"], "expectedVersion": 3}
    await edge.data(
        "mutation($input: UpdateDocumentInput!)"
        " { updateDocument(input: $input) { document { id } userErrors { code } } }",
        {"input": given},
    )
    asked = command(edge, "documents.update")
    assert asked == UpdateDocument(id=document.id, tags=("a",), expected_version=3, idempotency_key=None)
    assert isinstance(asked, UpdateDocument)
    assert {"title", "metadata"}.isdisjoint(asked.model_fields_set)


async def test_a_deletion_is_followed_by_its_receipt(edge: Edge) -> None:
    document = edge.world.document
    given = {"id": edge.world.global_id("Document", document), "expectedVersion": 3, "idempotencyKey": "k"}
    data = await edge.data(read_operation("delete-document"), {"input": given})
    payload = data["deleteDocument"]
    assert payload["deletedId"] == given["id"]  # type: ignore[index]
    assert payload["receipt"]["vectorsRemaining"] == 2  # type: ignore[index]
    assert edge.calls.named("documents.delete") == [(document.id, 3, "k")]


async def test_a_knowledge_base_is_deleted_with_everything_in_it(edge: Edge) -> None:
    given = {"id": base_of(edge), "expectedVersion": 3, "idempotencyKey": "k"}
    data = await edge.data(read_operation("delete-knowledge-base"), {"input": given})
    payload = data["deleteKnowledgeBase"]
    assert payload["deletedId"] == given["id"]  # type: ignore[index]
    assert payload["receipt"]["documentsRemaining"] == 1  # type: ignore[index]
    assert edge.calls.named("knowledge_bases.delete") == [(edge.world.knowledge_base.id, 3, "k")]


async def test_a_conversation_is_deleted(edge: Edge) -> None:
    conversation = edge.world.conversation
    given = {"id": edge.world.global_id("Conversation", conversation), "idempotencyKey": "k"}
    data = await edge.data(read_operation("delete-conversation"), {"input": given})
    assert data["deleteConversation"] == {"deletedId": given["id"], "userErrors": []}
    assert edge.calls.named("answers.delete_conversation") == [(conversation.id, "k")]


async def test_a_knowledge_base_is_created_with_its_rules_and_fields(edge: Edge) -> None:
    model = next(iter(edge.world.models.values()))
    given = {
        "workspaceId": edge.world.global_id("Workspace", edge.world.workspace),
        "name": "New",
        "embeddingModelId": edge.world.global_id("EmbeddingModel", model),
        "chunking": {"maxTokens": 128, "overlapTokens": 16},
        "metadataFields": [{"path": "year", "type": "NUMBER", "required": True, "description": "d"}],
    }
    await edge.data(read_operation("create-knowledge-base"), {"input": given})
    assert command(edge, "knowledge_bases.create") == CreateKnowledgeBase(
        name="New",
        embedding_model_id=model.id,
        chunk_max_tokens=128,
        chunk_overlap_tokens=16,
        metadata_fields=(
            MetadataField(path="year", type=MetadataFieldType.NUMBER, required=True, description="d"),
        ),
    )


async def test_null_clears_a_description_but_never_a_name(edge: Edge) -> None:
    update = read_operation("update-knowledge-base")
    await edge.data(update, {"input": {"id": base_of(edge), "description": None}})
    asked = command(edge, "knowledge_bases.update")
    assert isinstance(asked, UpdateKnowledgeBase)
    assert asked.description is None
    assert "description" in asked.model_fields_set
    assert {"name", "metadata_fields"}.isdisjoint(asked.model_fields_set)
    refused = (await edge.data(update, {"input": {"id": base_of(edge), "name": None}}))["updateKnowledgeBase"]
    assert refused["userErrors"][0]["field"] == ["input", "name"]  # type: ignore[index]


async def test_a_question_reaches_the_service_with_its_retrieval(edge: Edge) -> None:
    given = {
        "conversationId": edge.world.global_id("Conversation", edge.world.conversation),
        "question": "And then?",
        "maxTokens": 200,
        "idempotencyKey": "k",
        "retrieval": {"query": "", "knowledgeBaseIds": [base_of(edge)], "mode": "KEYWORD"},
    }
    await edge.data(read_operation("ask-question"), {"input": given})
    asked = command(edge, "answers.ask")
    assert isinstance(asked, Ask)
    assert (asked.question, asked.max_tokens, asked.idempotency_key) == ("And then?", 200, "k")
    assert asked.conversation_id == edge.world.conversation.id
    assert asked.retrieval is not None
    assert (asked.retrieval.mode, asked.retrieval.query) == (SearchMode.KEYWORD, "")


async def test_a_question_needs_a_conversation_or_a_workspace(edge: Edge) -> None:
    data = await edge.data(read_operation("ask-question"), {"input": {"question": "Why?"}})
    assert data["ask"]["userErrors"][0]["field"] == ["input", "workspaceId"]  # type: ignore[index]
    assert edge.calls.named("answers.ask") == []


async def test_a_key_is_created_with_its_scopes_and_its_secret_is_shown(edge: Edge) -> None:
    given = {
        "workspaceId": edge.world.global_id("Workspace", edge.world.workspace),
        "name": "ci",
        "scopes": ["READ", "ASK"],
        "expiresAt": "2030-01-01T00:00:00Z",
    }
    data = await edge.data(read_operation("create-api-key"), {"input": given})
    assert data["createApiKey"]["secret"] == "lb_secret"  # type: ignore[index]
    assert data["createApiKey"]["apiKey"]["scopes"] == ["ASK", "READ"]  # type: ignore[index]
    ((name, scopes, expires_at, idempotency_key),) = edge.calls.named("workspaces.create_key")
    assert (name, scopes, idempotency_key) == ("ci", frozenset({ApiScope.READ, ApiScope.ASK}), None)
    assert expires_at.isoformat() == "2030-01-01T00:00:00+00:00"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            Conflict("It changed.", field=["expectedVersion"]),
            {"__typename": "ConflictUserError", "code": "CONFLICT", "existing": None},
        ),
        (
            LimitExceeded("Too many.", details={"limit": 7}),
            {"__typename": "QuotaUserError", "code": "LIMIT_EXCEEDED", "limit": 7, "retryAt": None},
        ),
        (NotFound("There is no such object."), {"__typename": "GenericUserError", "code": "NOT_FOUND"}),
        (
            Conflict("Used before.", code=ErrorCode.IDEMPOTENCY_MISMATCH),
            {"__typename": "GenericUserError", "code": "IDEMPOTENCY_MISMATCH"},
        ),
        (BadInput("No.", code=ErrorCode.INVALID_TEXT), {"__typename": "GenericUserError", "code": "INVALID"}),
    ],
)
async def test_expected_failures_are_user_errors_beside_the_echoed_id(
    edge: Edge, error: LorebaseError, expected: Mapping[str, object]
) -> None:
    edge.calls.failures["documents.delete"] = error
    given = {"id": edge.world.global_id("Document", edge.world.document), "clientMutationId": "m"}
    payload = (await edge.data(DELETE, {"input": given}))["deleteDocument"]
    (shown,) = payload.pop("userErrors")  # type: ignore[attr-defined]
    assert payload == {"clientMutationId": "m", "deletedId": None}
    assert {name: shown[name] for name in expected} == expected
    assert shown["message"] == error.message


async def test_an_outage_is_an_error_that_may_be_tried_again(edge: Edge) -> None:
    edge.calls.failures["documents.delete"] = Unavailable("Down.", code=ErrorCode.DATABASE_UNAVAILABLE)
    given = {"id": edge.world.global_id("Document", edge.world.document)}
    error = await edge.error(DELETE, {"input": given})
    assert error["path"] == ["deleteDocument"]
    extensions = error["extensions"]
    assert isinstance(extensions, dict)
    assert (extensions["code"], extensions["retryable"]) == ("DATABASE_UNAVAILABLE", True)


@pytest.mark.parametrize("kind", ["foreign", "random", "other type", "malformed"])
async def test_what_the_caller_cannot_see_is_not_found_all_the_same(edge: Edge, kind: str) -> None:
    world = edge.world
    ids = {
        "foreign": str(GlobalId("Document", new_id(), world.document.id)),
        "random": str(GlobalId("Document", new_id(), new_id())),
        "other type": world.global_id("Job", world.job),
        "malformed": "doc_nonsense",
    }
    payload = (await edge.data(DELETE, {"input": {"id": ids[kind]}}))["deleteDocument"]
    (shown,) = payload["userErrors"]  # type: ignore[index]
    assert json.dumps(shown) == json.dumps(
        {
            "__typename": "GenericUserError",
            "code": "NOT_FOUND",
            "field": None,
            "message": "There is no such object.",
        }
    )
    assert edge.calls.named("documents.delete") == []


async def test_nothing_is_stored_for_a_knowledge_base_that_is_not_there(edge: Edge) -> None:
    given = {
        "knowledgeBaseId": str(GlobalId("KnowledgeBase", new_id(), new_id())),
        "source": {"text": {"body": "x"}},
    }
    payload = (await edge.data(UPSERT, {"input": given}))["upsertDocument"]
    assert payload["userErrors"][0]["code"] == "NOT_FOUND"  # type: ignore[index]
    assert edge.calls.named("documents.store_text") == []
