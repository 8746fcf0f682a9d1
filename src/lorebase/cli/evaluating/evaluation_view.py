"""How evaluations are shown: figures with their intervals, histories, questions that got worse."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from lorebase.cli.connection.responses import Json
from lorebase.cli.output import one_line
from lorebase.cli.tables import show_rows

QUERY_CHARACTERS = 100
METRICS = (("nDCG@10", "ndcgAt10"), ("Recall@100", "recallAt100"), ("MRR@10", "mrrAt10"))


def show_sets(screen: Console, sets: Sequence[Json]) -> None:
    """A row for each set."""
    rows = [(one_line(each["name"]), str(each["caseCount"]), each["id"]) for each in sets]
    show_rows(screen, ("set", "questions", "id"), rows)


def show_runs(screen: Console, runs: Sequence[Json]) -> None:
    """A row for each run; one that is not complete shows the state of its job."""
    headings = ("made", "set", "mode", "profile", *(label for label, _ in METRICS), "job", "run")
    rows = [
        (
            *(run["createdAt"], one_line(run["set"]["name"]), run["mode"].lower(), run["profile"]),
            *(*_figures(run), run["job"]["status"], run["id"]),
        )
        for run in runs
    ]
    show_rows(screen, headings, rows)


def _figures(run: Json) -> list[str]:
    metrics = run["metrics"]
    return [f"{metrics[name]:.3f}" if metrics else "" for _, name in METRICS]


def show_run(screen: Console, run: Json) -> None:
    """The figures of a complete run, then what got worse."""
    metrics, measured, model = run["metrics"], run["set"], run["index"]["model"]
    title = (
        f"{one_line(measured['name'])}: {measured['caseCount']} questions, {run['mode'].lower()}, "
        f"{run['profile']}, {model['name']} {model['version']}"
    )
    rows = [(label, f"{metrics[name]:.3f}", _interval(metrics[f"{name}Interval"])) for label, name in METRICS]
    show_rows(screen, ("metric", "mean", "95%"), [*rows, ("run", run["id"], "")], title=title)
    _show_worsened(screen, run["worsened"])


def show_comparison(screen: Console, found: Json) -> None:
    """The change, what it means, and what got worse."""
    verdict = "worse" if found["isWorse"] else "better" if found["isBetter"] else "no sure difference"
    before, after = found["baseline"]["metrics"]["ndcgAt10"], found["run"]["metrics"]["ndcgAt10"]
    rows = [
        ("nDCG@10 before", f"{before:.3f}", ""),
        ("nDCG@10 now", f"{after:.3f}", ""),
        ("change", f"{found['change']:+.3f}", _interval(found["interval"])),
        ("questions", f"{found['improvedCount']} better", f"{found['worsenedCount']} worse"),
        ("verdict", verdict, ""),
    ]
    show_rows(screen, ("", "", "95%"), rows, title="Compared")
    _show_worsened(screen, found["worsened"])


def _interval(interval: Json) -> str:
    return f"{interval['lower']:.3f} to {interval['upper']:.3f}"


def _show_worsened(screen: Console, worsened: Sequence[Json]) -> None:
    if not worsened:
        return
    rows = [
        (f"{each['before']:.2f}", f"{each['after']:.2f}", one_line(each["query"], QUERY_CHARACTERS))
        for each in worsened
    ]
    show_rows(
        screen, ("before", "after", "question that got worse"), rows, wide={"question that got worse": 1}
    )
