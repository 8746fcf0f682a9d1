"""What the fake API knows of evaluations: sets that were made, and runs with figures of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

MADE_AT = "2026-01-31T12:00:00.000Z"


@dataclass
class ApiEvaluations:
    """`scores` are those of each question in the runs to come, a list a run; without any the job fails."""

    sets: list[Json] = field(default_factory=list)
    cases: dict[str, list[Json]] = field(default_factory=dict)
    runs: list[Json] = field(default_factory=list)
    scores: list[list[float]] = field(default_factory=list)
    interval: tuple[float, float] = (-0.05, 0.05)

    def create(self, info: object, input: Json) -> Json:  # noqa: A002
        """createEvaluationSet."""
        made = {"id": f"evs_{len(self.sets) + 1}", "name": input["name"], "createdAt": MADE_AT}
        self.sets.insert(0, made)
        self.cases[made["id"]] = list(input["cases"])
        return {"evaluationSet": self._shown(made), "userErrors": []}

    def add(self, info: object, input: Json) -> Json:  # noqa: A002
        """addEvaluationCases."""
        (held,) = [each for each in self.sets if each["id"] == input["evaluationSetId"]]
        self.cases[held["id"]] += input["cases"]
        return {"evaluationSet": self._shown(held), "userErrors": []}

    def run(self, info: object, input: Json) -> Json:  # noqa: A002
        """runEvaluation."""
        (held,) = [each for each in self.sets if each["id"] == input["evaluationSetId"]]
        scores = self.scores.pop(0)
        error = None if scores else {"code": "NOT_FOUND", "message": "It is gone.", "retryable": False}
        number = len(self.runs) + 1
        run = {
            "__typename": "EvaluationRun",
            "id": f"evr_{number}",
            "mode": input.get("mode") or "HYBRID",
            "profile": input.get("profile") or "default@1",
            "createdAt": MADE_AT,
            "set": self._shown(held),
            "index": {"id": "idx_1", "model": {"name": "a-model", "version": "1"}},
            "job": {
                "id": f"job_{number}",
                "status": "SUCCEEDED" if scores else "FAILED",
                "progress": {"completed": 1, "total": 1},
                "error": error,
            },
            "metrics": metrics(scores) if scores else None,
            "worsened": [],
            "results": page([result(place, score) for place, score in enumerate(scores, 1)]),
        }
        run["comparison"] = lambda info, withRunId=None: self._compare(run, withRunId)
        self.runs.insert(0, run)
        return {"run": run, "userErrors": []}

    async def events(self, info: object, jobId: str, after: str | None = None) -> AsyncIterator[Json]:
        """jobEvents: the job has ended."""
        kind = "JobSucceeded"
        job = next(run["job"] for run in self.runs if run["job"]["id"] == jobId)
        shown = {**job, "__typename": "Job", "kind": "EVALUATE", "attempt": 1}
        place = {"cursor": "1", "sequence": 1, "occurredAt": MADE_AT}
        yield {"jobEvents": {"__typename": kind, **place, "job": shown, "error": None}}

    def lists(self) -> Json:
        """The fields of a knowledge base."""
        return {
            "evaluationSets": page([self._shown(each) for each in self.sets]),
            "evaluationRuns": page(self.runs),
        }

    def find(self, run_id: str) -> Json | None:
        """The run of this id."""
        return next((run for run in self.runs if run["id"] == run_id), None)

    def _shown(self, held: Json) -> Json:
        base = {"id": "kb_1", "name": "Documents"}
        return {**held, "caseCount": len(self.cases[held["id"]]), "knowledgeBase": base}

    def _compare(self, run: Json, other: str | None) -> Json | None:
        baseline = self.find(other or "")
        if baseline is None or not (run["metrics"] and baseline["metrics"]):
            return None
        lower, upper = self.interval
        change = run["metrics"]["ndcgAt10"] - baseline["metrics"]["ndcgAt10"]
        return {
            "baseline": baseline,
            "change": change,
            "interval": {"lower": lower, "upper": upper},
            "isWorse": upper < 0,
            "isBetter": lower > 0,
            "improvedCount": 0,
            "worsenedCount": 1,
            "worsened": [{"query": "Why does it fly?", "before": 1.0, "after": 0.5}],
        }


def metrics(scores: Sequence[float]) -> Json:
    """Means, all the same, with an interval around them."""
    mean = sum(scores) / len(scores)
    names = ("ndcgAt10", "recallAt100", "mrrAt10")
    interval = {"lower": mean - 0.1, "upper": mean + 0.1}
    return dict.fromkeys(names, mean) | {f"{name}Interval": interval for name in names}


def result(position: int, score: float) -> Json:
    """What one question scored."""
    return {
        "position": position,
        "query": f"Question {position}?",
        "ndcgAt10": score,
        "recallAt100": score,
        "reciprocalRankAt10": score,
    }


def page(nodes: list[Json]) -> Any:
    """A connection whose cursors are numbers."""

    def connection(info: object, first: int = 20, after: str | None = None) -> Json:
        start = int(after or 0)
        end = min(start + first, len(nodes))
        more = {"hasNextPage": end < len(nodes), "endCursor": str(end)}
        return {"totalCount": len(nodes), "nodes": nodes[start:end], "pageInfo": more}

    return connection
