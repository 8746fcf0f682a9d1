"""Every read of the contract, through HTTP, on fake services."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from lorebase.core.errors import ErrorCode
from lorebase.core.ids import NO_WORKSPACE, GlobalId, new_id
from lorebase.core.resources import read_operation, resource_directory
from lorebase.schemas.jobs import JobError, JobStatus
from tests.unit.api.edge import Edge
from tests.unit.api.fake_world import TEXT, World, add_document, make_job

OPERATIONS = sorted((resource_directory("schema") / "operations").glob("*.graphql"))
Json = Mapping[str, object]


def dig(value: object, *path: str | int) -> object:
    for step in path:
        value = value[step]  # type: ignore[index]
    return value


def ids_of(world: World) -> dict[str, str]:
    """Ids by the names that the prepared variables of operations use."""
    key = next(iter(world.keys.values()))
    return {
        "workspaceId": world.global_id("Workspace", world.workspace),
        "knowledgeBaseId": world.global_id("KnowledgeBase", world.knowledge_base),
        "documentId": world.global_id("Document", world.document),
        "jobId": world.global_id("Job", world.job),
        "answerId": world.global_id("Answer", world.answer),
        "conversationId": world.global_id("Conversation", world.conversation),
        "apiKeyId": world.global_id("ApiKey", key),
        "indexId": world.global_id("EmbeddingIndex", next(iter(world.indexes.values()))),
        "embeddingModelId": world.global_id("EmbeddingModel", next(iter(world.models.values()))),
        "evaluationSetId": world.global_id("EvaluationSet", next(iter(world.evaluation_sets.values()))),
        "evaluationRunId": world.global_id("EvaluationRun", next(iter(world.evaluation_runs.values()))),
    }


def variables_of(path: Path, world: World) -> dict[str, object]:
    """The prepared variables of an operation, with the ids of this world filled in."""
    prepared = path.with_suffix(".variables.json")
    text = prepared.read_text() if prepared.exists() else "{}"
    for name, value in ids_of(world).items():
        text = text.replace(f"${{{name}}}", value)
    known: dict[str, object] = json.loads(text)
    shown = path.stem.removeprefix("show-")
    subjects = {"deletion": "DeletionReceipt", "job": "Job", "passage": "Chunk", "answer": "Answer"}
    subjects |= {
        "conversation": "Conversation",
        "evaluation-run": "EvaluationRun",
        "reindex-gate": "EmbeddingIndex",
    }
    stores = {
        "DeletionReceipt": world.receipts,
        "Job": world.jobs,
        "Chunk": world.chunks,
        "Answer": world.answers,
        "Conversation": world.conversations,
        "EvaluationRun": world.evaluation_runs,
        "EmbeddingIndex": world.indexes,
    }
    if shown == "quote":
        known["documentVersionId"] = world.global_id("DocumentVersion", next(iter(world.versions.values())))
    elif path.stem.startswith("show-") and "id" not in known:
        type_name = subjects[shown]
        known["id"] = world.global_id(type_name, next(iter(stores[type_name].values())))
    return known


@pytest.mark.parametrize(
    "path", [path for path in OPERATIONS if "query " in path.read_text()], ids=lambda path: path.stem
)
async def test_every_prepared_query_is_answered_in_full(edge: Edge, path: Path) -> None:
    data = await edge.data(read_operation(path.stem), variables_of(path, edge.world))
    assert None not in data.values()


async def test_the_viewer_sees_its_key_scopes_and_workspace(edge: Edge) -> None:
    data = await edge.data(
        "{ viewer { scopes user { name } apiKey { name prefix scopes lastUsedAt }"
        " workspaces { totalCount nodes { slug viewerRole } pageInfo { hasNextPage } } } }"
    )
    assert data["viewer"] == {
        "scopes": ["ADMIN", "ASK", "READ", "WRITE"],
        "user": None,
        "apiKey": {
            "name": "first",
            "prefix": "lb_abcdefgh",
            "scopes": ["ADMIN", "ASK", "READ", "WRITE"],
            "lastUsedAt": "2026-01-01T12:00:00.000Z",
        },
        "workspaces": {
            "totalCount": 1,
            "nodes": [{"slug": "acme", "viewerRole": "ADMIN"}],
            "pageInfo": {"hasNextPage": False},
        },
    }


async def test_a_workspace_is_found_by_its_slug_and_no_other(edge: Edge) -> None:
    data = await edge.data('{ a: workspace(slug: "acme") { name } b: workspace(slug: "other") { name } }')
    assert data == {"a": {"name": "Acme"}, "b": None}


async def test_a_document_shows_everything_it_holds(edge: Edge) -> None:
    variables = {"id": edge.world.global_id("Document", edge.world.document)}
    data = await edge.data(
        "query($id: ID!) { node(id: $id) { __typename id ... on Timestamped { createdAt updatedAt }"
        " ... on Document { externalId language metadata searchable status tags title version"
        " knowledgeBase { slug workspace { slug } } latestJob { status attempt nextAttemptAt error { code }"
        " progress { stage completed total } subject { __typename ... on Document { title } } }"
        " currentVersion { number byteSize contentHash mediaType text(start: 0, end: 5) document { title }"
        " chunks(first: 1) { nodes { ordinal text documentVersion { number } neighbors { ordinal } } } } }"
        " } }",
        variables,
    )
    assert data["node"] == {
        "__typename": "Document",
        "id": variables["id"],
        "createdAt": "2026-01-01T12:00:00.000Z",
        "updatedAt": "2026-01-01T12:00:00.000Z",
        "externalId": "ext-Asyncio",
        "language": "en",
        "metadata": {"author": {"team": "core"}},
        "searchable": True,
        "status": "READY",
        "tags": ["python"],
        "title": "Asyncio",
        "version": 3,
        "knowledgeBase": {"slug": "handbook", "workspace": {"slug": "acme"}},
        "latestJob": {
            "status": "RETRYING",
            "attempt": 2,
            "nextAttemptAt": "2026-01-01T12:00:00.000Z",
            "error": {"code": "MODEL_UNAVAILABLE"},
            "progress": {"stage": "EMBED", "completed": 3, "total": 7},
            "subject": {"__typename": "Document", "title": "Asyncio"},
        },
        "currentVersion": {
            "number": 1,
            "byteSize": len(TEXT),
            "contentHash": "0" * 64,
            "mediaType": "text/plain",
            "text": "Tasks",
            "document": {"title": "Asyncio"},
            "chunks": {
                "nodes": [
                    {
                        "ordinal": 0,
                        "text": TEXT[:34],
                        "documentVersion": {"number": 1},
                        "neighbors": [{"ordinal": 1}],
                    }
                ]
            },
        },
    }


async def test_a_list_of_documents_asks_each_service_once(edge: Edge) -> None:
    for number in range(30):
        add_document(edge.world, f"Document {number}")
    edge.calls.made.clear()
    data = await edge.data(
        "query($id: ID!) { node(id: $id) { ... on KnowledgeBase { documents(first: 31) { nodes {"
        " title knowledgeBase { name } latestJob { id } currentVersion { number text(end: 3) } } } } } }",
        {"id": edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)},
    )
    assert len(dig(data, "node", "documents", "nodes")) == 31  # type: ignore[arg-type]
    called = [name for name, _ in edge.calls.made]
    assert sorted(called) == [
        "access.authenticate",
        "contents.texts",
        "contents.versions",
        "documents.page",
        "jobs.latest_for",
        "knowledge_bases.get_many",
    ]


async def test_passages_of_different_radius_are_asked_for_by_radius(edge: Edge) -> None:
    ids = [edge.world.global_id("Chunk", chunk) for chunk in edge.world.chunks.values()]
    data = await edge.data(
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Chunk { one: neighbors { ordinal }"
        " five: neighbors(radius: 5) { ordinal } } } }",
        {"ids": ids},
    )
    assert data["nodes"] == [
        {"one": [{"ordinal": 1}], "five": [{"ordinal": 1}]},
        {"one": [{"ordinal": 0}], "five": [{"ordinal": 0}]},
    ]
    assert sorted(radius for _, radius in edge.calls.named("contents.neighbours")) == [1, 5]  # type: ignore[type-var]


async def test_totals_are_counted_only_when_selected(edge: Edge) -> None:
    query = "query($id: ID!) { node(id: $id) { ... on KnowledgeBase { documents { %s } } } }"
    variables = {"id": edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)}
    await edge.data(query % "nodes { id }", variables)
    assert edge.calls.named("documents.count") == []
    data = await edge.data(query % "totalCount", variables)
    assert dig(data, "node", "documents", "totalCount") == 1
    assert len(edge.calls.named("documents.count")) == 1


async def test_statistics_facets_and_large_numbers(edge: Edge) -> None:
    data = await edge.data(
        "query($id: ID!) { node(id: $id) { ... on KnowledgeBase {"
        " stats { storageBytes documentCount chunkCount }"
        ' facets(path: "tags", first: 5, filter: {title: {contains: "x"}}) { value count }'
        " activeIndex { job { id } model { name deprecatedAt } } indexes { totalCount } } } }",
        {"id": edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)},
    )
    assert dig(data, "node", "stats", "storageBytes") == str(2**60)
    assert dig(data, "node", "facets") == [{"value": "python", "count": 1}]
    assert dig(data, "node", "activeIndex") == {
        "job": None,
        "model": {"name": "all-MiniLM-L6-v2", "deprecatedAt": None},
    }
    assert dig(data, "node", "indexes", "totalCount") == 1


async def test_nodes_come_in_the_given_order_with_null_for_what_is_not_there(edge: Edge) -> None:
    world = edge.world
    there = [world.global_id("Document", world.document), world.global_id("Job", world.job)]
    absent = [
        str(GlobalId("Document", world.workspace.id, new_id())),
        str(GlobalId("Document", new_id(), world.document.id)),
        str(GlobalId("Document", NO_WORKSPACE, world.document.id)),
        str(GlobalId("User", world.workspace.id, new_id())),
        str(GlobalId("Feedback", world.workspace.id, new_id())),
        "doc_x",
        "",
        "x" * 5000,
    ]
    data = await edge.data(
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }", {"ids": [there[0], *absent, there[1]]}
    )
    assert data["nodes"] == [{"__typename": "Document"}, *[None] * len(absent), {"__typename": "Job"}]


async def test_at_most_a_hundred_nodes_are_looked_up_at_once(edge: Edge) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert len(dig(await edge.data(query, {"ids": ["x"] * 100}), "nodes")) == 100  # type: ignore[arg-type]
    error = await edge.error(query, {"ids": ["x"] * 101})
    assert dig(error, "extensions", "code") == "BAD_USER_INPUT"


async def test_a_foreign_object_looks_like_none_and_is_never_asked_for(edge: Edge) -> None:
    world = edge.world
    foreign = str(GlobalId("Document", new_id(), world.document.id))
    random = str(GlobalId("Document", world.workspace.id, new_id()))
    query = "query($id: ID!) { node(id: $id) { id } }"
    assert await edge.data(query, {"id": foreign}) == await edge.data(query, {"id": random}) == {"node": None}
    asked = [ids for (ids,) in edge.calls.named("documents.get_many")]
    assert all(world.document.id not in ids for ids in asked)  # type: ignore[operator]


async def test_the_error_of_a_job_is_shown_only_while_it_counts(edge: Edge) -> None:
    world = edge.world
    error = JobError(code=ErrorCode.CORRUPT, message="The file is broken.", retryable=False)
    failed = make_job(world, world.document.id, status=JobStatus.FAILED, error=error)
    done = make_job(world, world.document.id, status=JobStatus.SUCCEEDED)
    world.jobs |= {failed.id: failed, done.id: done}
    data = await edge.data(
        "query($ids: [ID!]!) { nodes(ids: $ids)"
        " { ... on Job { status nextAttemptAt error { code retryable } } } }",
        {"ids": [world.global_id("Job", failed), world.global_id("Job", done)]},
    )
    assert data["nodes"] == [
        {"status": "FAILED", "nextAttemptAt": None, "error": {"code": "CORRUPT", "retryable": False}},
        {"status": "SUCCEEDED", "nextAttemptAt": None, "error": None},
    ]


async def test_a_job_whose_subject_was_deleted_has_none(edge: Edge) -> None:
    orphan = make_job(edge.world, new_id())
    edge.world.jobs[orphan.id] = orphan
    data = await edge.data(
        "query($id: ID!) { node(id: $id) { ... on Job { subject { __typename } } } }",
        {"id": edge.world.global_id("Job", orphan)},
    )
    assert dig(data, "node", "subject") is None


async def test_an_answer_shows_its_evidence(edge: Edge) -> None:
    variables = {"id": edge.world.global_id("Answer", edge.world.answer)}
    data = await edge.data(read_operation("show-answer"), variables)
    citation = dig(data, "node", "citations", 0)
    assert dig(citation, "quote") == TEXT[0:33]
    assert dig(citation, "documentRange") == {"start": 0, "end": 33}
    assert dig(citation, "documentVersion", "document", "title") == "Asyncio"
    assert dig(data, "node", "retrieved", 0, "chunk", "text") == TEXT[:34]
    assert dig(data, "node", "sentences", 0, "citationIndexes") == [1]


async def test_evidence_that_was_deleted_since_is_null_and_the_answer_stays(edge: Edge) -> None:
    edge.world.chunks.clear()
    edge.world.versions.clear()
    variables = {"id": edge.world.global_id("Answer", edge.world.answer)}
    data = await edge.data(read_operation("show-answer"), variables)
    assert dig(data, "node", "citations", 0, "chunk") is None
    assert dig(data, "node", "citations", 0, "documentVersion") is None
    assert dig(data, "node", "citations", 0, "quote") == TEXT[0:33]
    assert dig(data, "node", "retrieved") == []


@pytest.mark.parametrize("reading", ["chunks", "versions"])
async def test_evidence_whose_document_is_deleted_while_it_is_shown_does_not_fail_the_answer(
    edge: Edge, reading: str
) -> None:
    read = getattr(edge.services.contents, reading)

    async def read_then_delete(*arguments: object) -> object:
        found = await read(*arguments)
        edge.world.documents.clear()
        return found

    setattr(edge.services.contents, reading, read_then_delete)
    asked = """
        query($id: ID!) { node(id: $id) { ... on Answer { citations {
            quote
            chunk { text documentVersion { document { title } } }
            documentVersion { number document { title } }
        } } } }
    """
    data = await edge.data(asked, {"id": edge.world.global_id("Answer", edge.world.answer)})
    gone = {"quote": TEXT[0:33], "chunk": None, "documentVersion": None}
    assert dig(data, "node", "citations") == [gone]


async def test_text_is_cut_into_slices_of_bounded_length(edge: Edge) -> None:
    query = (
        "query($id: ID!, $start: Int!, $end: Int) { node(id: $id) { ... on DocumentVersion"
        " { text(start: $start, end: $end) } } }"
    )
    version = {"id": edge.world.global_id("DocumentVersion", edge.world.version)}
    await edge.data(query, {**version, "start": 10})
    assert edge.calls.named("contents.texts") == [(((edge.world.version.id, 10, 20_010),),)]
    for start, end in ((-1, 5), (5, 4), (0, 20_001)):
        error = await edge.error(query, {**version, "start": start, "end": end})
        assert dig(error, "extensions", "code") == "BAD_USER_INPUT"


@pytest.mark.parametrize("radius", [0, 6, -1])
async def test_neighbours_are_asked_for_within_bounds(edge: Edge, radius: int) -> None:
    chunk = next(iter(edge.world.chunks.values()))
    error = await edge.error(
        "query($id: ID!, $r: Int!) { node(id: $id) { ... on Chunk { neighbors(radius: $r) { id } } } }",
        {"id": edge.world.global_id("Chunk", chunk), "r": radius},
    )
    assert dig(error, "extensions", "field") == ["radius"]


async def test_addresses_of_members_are_for_administrators(edge: Edge) -> None:
    variables = {"workspaceId": edge.world.global_id("Workspace", edge.world.workspace)}
    query = read_operation("list-members")
    emails = ("node", "members", "nodes", 0, "user", "email")
    assert dig(await edge.data(query, variables), *emails) == "ada@example.org"
    scopes = frozenset(scope for scope in edge.world.principal.scopes if scope != "ADMIN")
    edge.world.principal = edge.world.principal.model_copy(update={"scopes": scopes})
    assert dig(await edge.data(query, variables), *emails) is None
