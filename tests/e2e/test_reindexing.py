"""Another embedding model for a knowledge base, while people search and write and processes are killed."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from tests.e2e.client import Api
from tests.e2e.library import Library, eventually, follow_job, succeed
from tests.e2e.traffic import Traffic, indexes_of
from tests.stack import RunningStack

DOCUMENTS = 60
# Questions in other words than their documents have: two dimensions are too few to answer them.
FACTS = {
    "tides": "The ocean rises and falls because of the moon.",
    "bees": "Insects gather nectar and make honey.",
    "glass": "Molten sand that cools without crystals.",
    "bread": "Flour and yeast rise and are baked.",
    "rails": "Trains run on steel tracks.",
    "snow": "Water vapour freezes into flakes.",
    "silk": "Caterpillars spin threads for cocoons.",
    "ink": "Soot and gum were ground for scribes.",
}
QUESTIONS = {
    "tides": "What makes sea level change twice daily?",
    "bees": "Which animals pollinate flowers?",
    "bread": "How do you prepare a loaf?",
    "rails": "Where do locomotives travel?",
    "snow": "How does winter weather form?",
}
# A document was deleted between the search and the reading of its hit's fields, reindex or not.
DELETED_MEANWHILE = "NOT_FOUND"


@pytest.fixture(scope="session")
def shorter_model(stack: RunningStack) -> str:
    """The local model cut to 256 dimensions, as an operator adds it."""
    added = stack.command("embeddings", "add", "--dimensions", "256")
    assert added.returncode == 0, added.stderr
    return added.stdout.strip()


async def reindex(library: Library, model: str, **given: object) -> dict[str, str]:
    """Ids of the new index and its job."""
    payload = await library.api.mutate(
        "reindex-knowledge-base", id=library.id, embeddingModelId=model, **given
    )
    return {"index": payload["index"]["id"], "job": payload["job"]["id"]}


async def half_done(api: Api, job_id: str) -> bool:
    job = await api.run("show-job", id=job_id)
    progress = job["progress"]
    return bool(progress["total"]) and progress["completed"] >= progress["total"] / 4


async def test_operators_add_list_and_retire_models(
    stack: RunningStack, shorter_model: str, library: Library
) -> None:
    async def embeddings(*words: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(stack.command, "embeddings", *words)

    used = (await embeddings("add", "--dimensions", "64")).stdout.strip()
    made = {"workspaceId": library.workspace_id, "name": "Short", "embeddingModelId": used}
    await library.api.mutate("create-knowledge-base", **made)
    refused = await embeddings("retire", used)
    assert (refused.returncode, "WRONG_STATE" in refused.stderr) == (1, True)
    assert await library.api.refusal("create-knowledge-base", **made) == "INVALID"
    spare = (await embeddings("add", "--dimensions", "32")).stdout.strip()
    assert (await embeddings("retire", spare)).returncode == 0
    lines = (await embeddings("list")).stdout.splitlines()
    rows = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    states = {row["dimensions"]: row["state"] for row in rows}
    assert states.items() >= {"384": "default", "256": "", "64": "deprecated"}.items()
    assert "32" not in states
    assert shorter_model in {row["id"] for row in rows}


async def test_a_reindex_is_followed_switched_taken_back_and_its_old_index_given_up(
    library: Library, shorter_model: str
) -> None:
    await library.shelve("one.md", "Lighthouses stand on rocks and shine at night.")
    made = await reindex(library, shorter_model, activateOnSuccess=False)
    events = await succeed(library.api, made["job"])
    assert "JobProgressed" in {event["__typename"] for event in events}
    assert (await library.api.run("show-job", id=made["job"]))["kind"] == "REINDEX"
    indexes = await indexes_of(library)
    assert (indexes["384"]["active"], indexes["256"]["completedAt"] is not None) == (True, True)
    await library.api.mutate("activate-index", id=made["index"])
    await library.shelve("two.md", "Harbours are deep.")
    assert await library.found("lighthouses or harbours", "VECTOR") == {"one.md", "two.md"}
    await library.api.mutate("activate-index", id=indexes["384"]["id"])
    assert await library.found("lighthouses or harbours", "VECTOR") == {"one.md", "two.md"}
    refused = await library.api.refusal("delete-embedding-index", id=indexes["384"]["id"])
    assert refused == "WRONG_STATE"
    deleted = await library.api.mutate("delete-embedding-index", id=made["index"])
    assert list(await indexes_of(library)) == ["384"]
    # Searches that began before may use it until their time is up, which is longer than this test waits.
    assert deleted["job"]["status"] == "QUEUED"


async def test_an_index_that_finds_less_stays_beside_the_old_one_until_the_owner_decides(
    stack: RunningStack, library: Library
) -> None:
    added = await asyncio.to_thread(stack.command, "embeddings", "add", "--dimensions", "2")
    for name, text in FACTS.items():
        await library.shelve(name, text)
    cases = [{"query": asked, "relevant": [{"externalId": name}]} for name, asked in QUESTIONS.items()]
    given = {"knowledgeBaseId": library.id, "name": "Facts", "cases": cases}
    measured = (await library.api.mutate("create-evaluation-set", **given))["evaluationSet"]["id"]
    made = await reindex(library, added.stdout.strip(), gate={"evaluationSetId": measured})
    assert (await follow_job(library.api, made["job"]))[-1]["__typename"] == "JobFailed"
    shown = await library.api.run("show-reindex-gate", id=made["index"])
    assert (shown["job"]["error"]["code"], shown["gate"]["verdict"]) == ("GATE_REFUSED", "REFUSED")
    before, after = (shown["gate"][run]["metrics"]["ndcgAt10"] for run in ("baseline", "run"))
    assert before - after > shown["gate"]["maxNdcgDrop"] == 0.01
    assert shown["gate"]["run"]["comparison"]["change"] == pytest.approx(after - before)
    assert (shown["completedAt"] is not None, shown["activatedAt"]) == (True, None)
    assert (await indexes_of(library))["384"]["active"]
    await library.api.mutate("activate-index", id=made["index"])
    assert (await indexes_of(library))["2"]["active"]


async def test_a_cancelled_reindex_leaves_nothing_and_can_begin_again(
    library: Library, shorter_model: str
) -> None:
    traffic = Traffic(library)
    await traffic.fill(40)
    made = await reindex(library, shorter_model)
    await library.api.mutate("cancel-job", id=made["job"])
    events = await follow_job(library.api, made["job"])
    assert events[-1]["__typename"] in {"JobFailed", "JobSucceeded"}
    if events[-1]["__typename"] == "JobFailed":
        assert list(await indexes_of(library)) == ["384"]
        await traffic.settled()
        made = await reindex(library, shorter_model)
        await succeed(library.api, made["job"])
    assert (await indexes_of(library))["256"]["active"]
    assert not +await traffic.wrong()


async def test_worker_and_vector_store_are_killed_in_the_middle_of_a_reindex(
    library: Library, stack: RunningStack, shorter_model: str
) -> None:
    traffic = Traffic(library)
    await traffic.fill(DOCUMENTS)
    async with traffic.flowing(searchers=2, writers=1):
        made = await reindex(library, shorter_model)
        await eventually(lambda: half_done(library.api, made["job"]), "a quarter of the reindex")
        for part in ("worker", "milvus"):
            killed = stack.kill(part)
            await asyncio.to_thread(stack.wait_for_restart, part, killed)
        await succeed(library.api, made["job"])
    assert set(traffic.failures) <= {"VECTOR_STORE_UNAVAILABLE", DELETED_MEANWHILE}, traffic.failures
    await traffic.settled()
    indexes = await indexes_of(library)
    assert indexes["256"]["active"]
    assert indexes["256"]["chunkCount"] == indexes["384"]["chunkCount"]
    assert not +await traffic.wrong()
    await library.api.mutate("activate-index", id=indexes["384"]["id"])
    assert not +await traffic.wrong()
