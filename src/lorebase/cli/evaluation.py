"""`lorebase eval`: measure how well a knowledge base is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lorebase.cli.connection.responses import Json
from lorebase.cli.connection.session import open_session, run
from lorebase.cli.errors import CommandFailed, ExitCode, UsageFailed
from lorebase.cli.evaluating.beir import RetrievalSet, read_sets
from lorebase.cli.evaluating.evaluation_import import create_set, import_documents
from lorebase.cli.evaluating.evaluation_plot import plot_changes, plot_history
from lorebase.cli.evaluating.evaluation_runs import (
    changes,
    compare,
    complete_run,
    find_set,
    latest_complete,
    list_runs,
    list_sets,
    measure,
)
from lorebase.cli.evaluating.evaluation_view import show_comparison, show_run, show_runs, show_sets
from lorebase.cli.output import console, one_line
from lorebase.cli.search import MODE, PROFILE, Mode

evaluation_commands = typer.Typer(
    help="Measure how well a knowledge base is searched, with questions whose documents are known.",
    no_args_is_help=True,
)

KnowledgeBase = Annotated[
    str | None, typer.Option("--knowledge-base", help="Slug or id of the knowledge base.")
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a plot to this file, as SVG.")]
LATEST = "latest"


@evaluation_commands.command("import")
def import_set(  # noqa: PLR0917 (each parameter is an option of the command)
    folder: Annotated[Path, typer.Argument(help="Holds corpus.jsonl, queries.jsonl and qrels.tsv.")],
    knowledge_base: KnowledgeBase = None,
    part: Annotated[
        str | None,
        typer.Option("--set", help="Which set, when the folder holds several, such as 'xquad-de'."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the new set; the folder's when absent.")
    ] = None,
    questions_only: Annotated[
        bool, typer.Option("--questions-only", help="The documents are there already, under their ids.")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=32, help="Uploads at a time.")] = 4,
) -> None:
    """Take in a retrieval set in the format of BEIR: its documents, and its questions as a set."""
    given = _choose(folder, part)
    run(_import(given, knowledge_base, name or given.name, questions_only, concurrency))


@evaluation_commands.command("run")
def run_set(  # noqa: PLR0917 (each parameter is an option of the command)
    evaluation_set: Annotated[str, typer.Argument(metavar="SET", help="Name or id of the set.")],
    knowledge_base: KnowledgeBase = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", help="Run to compare with: its id, or 'latest' for the newest."),
    ] = None,
    mode: Annotated[Mode | None, typer.Option(case_sensitive=False, help=MODE)] = None,
    index: Annotated[
        str | None, typer.Option("--index", help="Id of the index to measure; the active one when absent.")
    ] = None,
    profile: Annotated[str | None, typer.Option("--profile", help=PROFILE)] = None,
) -> None:
    """Measure a set. Ends with 1 when it is worse than the baseline beyond doubt."""
    run(_run(evaluation_set, knowledge_base, baseline, mode, index, profile))


@evaluation_commands.command("list")
def list_all(knowledge_base: KnowledgeBase = None, plot: Plot = None) -> None:
    """List the sets of a knowledge base and the history of their runs, newest first."""
    run(_list(knowledge_base, plot))


@evaluation_commands.command("show")
def show(run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]) -> None:
    """Show a run: its figures with their intervals, and the questions that got worse."""
    run(_show(run_id))


@evaluation_commands.command("compare")
def compare_two(
    baseline: Annotated[str, typer.Argument(help="Id of the earlier run.")],
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the later run.")],
    plot: Plot = None,
) -> None:
    """Compare two runs of one set. Ends with 1 when the later one is worse beyond doubt."""
    run(_compare(run_id, baseline, plot))


def _choose(folder: Path, part: str | None) -> RetrievalSet:
    found = {each.name: each for each in read_sets(folder)}
    if part is None and len(found) == 1:
        return next(iter(found.values()))
    if part not in found:
        raise UsageFailed(f"Name one of the sets of {folder} with --set: {', '.join(found)}.")
    return found[part]


async def _import(
    given: RetrievalSet, knowledge_base: str | None, name: str, questions_only: bool, concurrency: int
) -> None:
    screen = console()
    async with open_session() as session:
        base = await session.knowledge_base(knowledge_base)
        if not questions_only:
            outcome = await import_documents(session, base["id"], given, concurrency)
            outcome.show(screen)
            if outcome.failed:
                raise CommandFailed("Some documents could not be taken in: no set was made.")
        made = await create_set(session, base["id"], name, given)
    typer.echo(f"{one_line(made['name'])}\t{made['caseCount']} questions\t{made['id']}")


async def _run(  # noqa: PLR0917 (each parameter is an option of the command)
    wanted: str,
    knowledge_base: str | None,
    baseline: str | None,
    mode: Mode | None,
    index: str | None,
    profile: str | None,
) -> None:
    async with open_session() as session:
        base = await session.knowledge_base(knowledge_base)
        measured = await find_set(session, base["id"], wanted)
        if baseline == LATEST:
            baseline = await latest_complete(session, base["id"], measured["id"])
        chosen = mode.value if mode else None
        given = {"mode": chosen, "compareWithRunId": baseline, "indexId": index, "profile": profile}
        made = await measure(session, measured, given)
        found = await compare(session, made["id"], baseline) if baseline else None
    # What got worse is part of the comparison.
    show_run(console(), {**made, "worsened": []})
    if found:
        _judge(found)


async def _list(knowledge_base: str | None, plot: Path | None) -> None:
    async with open_session() as session:
        base = await session.knowledge_base(knowledge_base)
        runs = await list_runs(session, base["id"])
        show_sets(console(), await list_sets(session, base["id"]))
    show_runs(console(), runs)
    if plot is not None:
        _write(plot, plot_history(runs[::-1], f"nDCG@10 of {one_line(base['name'])}"))


async def _show(run_id: str) -> None:
    async with open_session() as session:
        show_run(console(), await complete_run(session, run_id))


async def _compare(run_id: str, baseline: str, plot: Path | None) -> None:
    async with open_session() as session:
        found = await compare(session, run_id, baseline)
        each = await changes(session, run_id, baseline) if plot else []
    if plot is not None:
        _write(plot, plot_changes(each, "Change of nDCG@10 by question"))
    _judge(found)


def _write(plot: Path, drawn: str) -> None:
    plot.write_text(drawn, encoding="utf-8")


def _judge(comparison: Json) -> None:
    show_comparison(console(), comparison)
    if comparison["isWorse"]:
        raise typer.Exit(ExitCode.FAILED)
