"""What the commands of `lorebase eval` ask of the API: sets, runs, and how two runs compare."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

from lorebase.cli.connection.responses import Json, payload_of
from lorebase.cli.connection.session import PAGE, Session
from lorebase.cli.errors import CommandFailed


async def list_sets(session: Session, knowledge_base_id: str) -> list[Json]:
    """All sets of a knowledge base, newest first."""
    return [each async for each in _all(session, "list-evaluation-sets", "evaluationSets", knowledge_base_id)]


async def list_runs(session: Session, knowledge_base_id: str) -> list[Json]:
    """All runs of a knowledge base, newest first."""
    return [each async for each in _all(session, "list-evaluation-runs", "evaluationRuns", knowledge_base_id)]


async def _all(session: Session, operation: str, field: str, knowledge_base_id: str) -> AsyncIterator[Json]:
    variables: dict[str, object] = {"knowledgeBaseId": knowledge_base_id, "first": PAGE}
    while True:
        page = (await session.client.run(operation, variables))["node"][field]
        for each in page["nodes"]:
            yield each
        if not page["pageInfo"]["hasNextPage"]:
            return
        variables["after"] = page["pageInfo"]["endCursor"]


async def find_set(session: Session, knowledge_base_id: str, wanted: str) -> Json:
    """A set by name or id; CommandFailed when there is none."""
    found = await list_sets(session, knowledge_base_id)
    for each in found:
        if wanted in (each["id"], each["name"]):
            return each
    names = ", ".join(each["name"] for each in found) or "none yet: see `lorebase eval import`"
    raise CommandFailed(f"There is no evaluation set {wanted!r}; there are: {names}.")


async def latest_complete(session: Session, knowledge_base_id: str, set_id: str) -> str | None:
    """The id of the newest complete run of a set."""
    for run in await list_runs(session, knowledge_base_id):
        if run["set"]["id"] == set_id and run["metrics"]:
            return str(run["id"])
    return None


async def measure(session: Session, evaluation_set: Json, asked: Mapping[str, str | None]) -> Json:
    """Makes a run of what is asked, None apart, and waits for its end; CommandFailed when its job fails."""
    given = {name: value for name, value in asked.items() if value is not None}
    given["evaluationSetId"] = evaluation_set["id"]
    data = await session.client.run("run-evaluation", {"input": given})
    run: Json = payload_of(data, "runEvaluation")["run"]
    async with aclosing(session.client.subscribe("follow-job", {"jobId": run["job"]["id"]})) as events:
        async for _ in events:
            continue
    return await complete_run(session, run["id"])


async def complete_run(session: Session, run_id: str) -> Json:
    """A run with its figures; CommandFailed when it is unknown or has none."""
    shown: Json | None = (await session.client.run("show-evaluation-run", {"id": run_id}))["node"]
    if not shown:
        raise CommandFailed(f"There is no evaluation run {run_id!r}: see `lorebase eval list`.")
    if shown["metrics"] is None:
        job = shown["job"]
        reason = f": {job['error']['message']}" if job["error"] else ""
        raise CommandFailed(f"The run has no figures; its job {job['id']} is {job['status']}{reason}")
    return shown


async def compare(session: Session, run_id: str, baseline_id: str) -> Json:
    """The comparison of two runs; CommandFailed when one is unknown or not complete."""
    variables = {"runId": run_id, "baselineId": baseline_id}
    shown: Json | None = (await session.client.run("compare-evaluation-runs", variables))["node"]
    if not shown:
        raise CommandFailed(f"There is no evaluation run {run_id!r}: see `lorebase eval list`.")
    if shown["comparison"] is None:
        raise CommandFailed("One of the two runs is not complete.")
    return {**shown["comparison"], "run": shown}


async def changes(session: Session, run_id: str, baseline_id: str) -> list[float]:
    """The change of nDCG@10 of each question that both runs measured."""
    before = {each["position"]: each["ndcgAt10"] for each in await _results(session, baseline_id)}
    now = await _results(session, run_id)
    return [r["ndcgAt10"] - before[r["position"]] for r in now if r["position"] in before]


async def _results(session: Session, run_id: str) -> list[Json]:
    found: list[Json] = []
    variables: dict[str, object] = {"runId": run_id, "first": PAGE}
    while True:
        page = (await session.client.run("list-evaluation-results", variables))["node"]["results"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        variables["after"] = page["pageInfo"]["endCursor"]
