"""Retrieval measured on the real stack: through the API, and again after the documents changed."""

from __future__ import annotations

from tests.e2e.client import Api, Json
from tests.e2e.library import Library, succeed, unread

FACTS = {
    "tides": "The tides follow the moon, which draws the water of the oceans towards it.",
    "bees": "A bee tells the others by a dance in which direction the flowers stand.",
    "glass": "Glass is made of sand that was molten and cooled without crystals.",
}
QUESTIONS = {
    "tides": "What do tides follow?",
    "bees": "How does a bee tell where the flowers are?",
    "glass": "What is glass made of?",
}


async def measure(api: Api, set_id: str, **given: object) -> Json:
    """A run, complete."""
    run = (await api.mutate("run-evaluation", evaluationSetId=set_id, **given))["run"]
    events = await succeed(api, run["job"]["id"])
    assert events[-1]["__typename"] == "JobSucceeded"
    return dict(await api.run("show-evaluation-run", id=run["id"]))


async def test_retrieval_is_measured_and_a_loss_is_seen(api: Api, library: Library) -> None:
    for name, text in FACTS.items():
        await library.shelve(name, unread(text))
    cases = [{"query": query, "relevant": [{"externalId": name}]} for name, query in QUESTIONS.items()]
    made = await api.mutate("create-evaluation-set", knowledgeBaseId=library.id, name="Facts", cases=cases)
    set_id = made["evaluationSet"]["id"]
    assert made["evaluationSet"]["caseCount"] == 3

    before = await measure(api, set_id)
    assert before["metrics"]["recallAt100"] == 1.0
    assert before["metrics"]["ndcgAt10"] == before["metrics"]["ndcgAt10Interval"]["upper"] == 1.0
    assert (before["job"]["status"], before["worsened"]) == ("SUCCEEDED", [])

    for name in FACTS:
        await library.shelve(name, unread(f"This page is about {name} no more."), title="Moved")
    after = await measure(api, set_id, mode="VECTOR", compareWithRunId=before["id"])
    shown = await api.run("compare-evaluation-runs", runId=after["id"], baselineId=before["id"])
    found = shown["comparison"]
    assert found["change"] == after["metrics"]["ndcgAt10"] - 1.0
    assert found["worsenedCount"] == len(found["worsened"]) == len(after["worsened"])

    results = (await api.run("list-evaluation-results", runId=before["id"]))["results"]
    assert [each["query"] for each in results["nodes"]] == list(QUESTIONS.values())
    listed = (await api.run("list-evaluation-runs", knowledgeBaseId=library.id))["evaluationRuns"]
    assert [run["id"] for run in listed["nodes"]] == [after["id"], before["id"]]
    assert await api.refusal("add-evaluation-cases", evaluationSetId=set_id, cases=cases) == "WRONG_STATE"
