"""`lorebase ingest`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lorebase.cli.errors import CommandFailed
from lorebase.cli.ingest_files import Selection, select_files
from lorebase.cli.ingest_progress import IngestProgress
from lorebase.cli.ingest_run import Ingestion, IngestRequest, Outcome
from lorebase.cli.output import clean, console
from lorebase.cli.session import open_session, run
from lorebase.core.config import get_settings

LISTED = 20


def ingest(  # noqa: PLR0917 (each parameter is an option of the command)
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    knowledge_base: Annotated[str | None, typer.Option("--knowledge-base", help="Slug or id.")] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A tag for every file.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--metadata", help="key=value for every file.")
    ] = None,
    globs: Annotated[
        list[str] | None, typer.Option("--glob", help="Take only these, such as '*.md'.")
    ] = None,
    excludes: Annotated[list[str] | None, typer.Option("--exclude", help="Leave these out.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=32, help="Uploads at a time.")] = 4,
) -> None:
    """Put files into a knowledge base. Run it again at any time: what has not changed is left alone.

    Exits with 1 when a file failed.
    """
    selection = select_files(paths, globs or [], excludes or [], get_settings().max_upload_bytes)
    try:
        outcome = run(_ingest(selection, knowledge_base, tags, pairs(metadata or []), concurrency))
    except KeyboardInterrupt:
        typer.echo("\nStopped. What was uploaded goes on; run the same command again for the rest.", err=True)
        sys.exit(130)
    _summarise(outcome, selection)
    sys.exit(1 if outcome.failed else 0)


def pairs(given: list[str]) -> dict[str, object] | None:
    """`key=value` arguments as metadata; dots make levels, numbers and truth values are read as such."""
    metadata: dict[str, object] = {}
    for argument in given:
        key, separator, value = argument.partition("=")
        if not separator or not key:
            raise CommandFailed(f"--metadata needs key=value, not {argument!r}.")
        level = metadata
        *above, last = key.split(".")
        for name in above:
            child = level.setdefault(name, {})
            if not isinstance(child, dict):
                raise CommandFailed(f"--metadata {argument!r} contradicts another one.")
            level = child
        level[last] = _read_value(value)
    return metadata or None


def _read_value(value: str) -> object:
    if value in ("true", "false"):
        return value == "true"
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


async def _ingest(
    selection: Selection,
    knowledge_base: str | None,
    tags: list[str] | None,
    metadata: dict[str, object] | None,
    concurrency: int,
) -> Outcome:
    async with open_session() as session:
        chosen = await session.knowledge_base(knowledge_base)
        request = IngestRequest(session.workspace_id, chosen["id"], tags, metadata)
        screen = console()
        screen.print(f"{len(selection.files)} files into “{clean(chosen['name'])}”", markup=False)
        with IngestProgress(screen, len(selection.files)) as progress:
            return await Ingestion(session.client, request, progress).run(selection.files, concurrency)


def _summarise(outcome: Outcome, selection: Selection) -> None:
    screen = console()
    counts = f"{len(outcome.ready)} ready, {len(outcome.unchanged)} unchanged, {len(outcome.failed)} failed"
    screen.print(f"{counts}, {len(selection.skipped)} skipped", markup=False)
    for title, rows in (("failed", outcome.failed), ("skipped", selection.skipped)):
        for key, reason in rows[:LISTED]:
            screen.print(f"  {title}: {clean(key)}: {clean(reason)}", markup=False)
        if len(rows) > LISTED:
            screen.print(f"  … and {len(rows) - LISTED} more {title}", markup=False)
