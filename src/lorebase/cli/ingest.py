"""`lorebase ingest`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lorebase.cli.connection.session import open_session, run
from lorebase.cli.connection.settings import read_settings
from lorebase.cli.errors import ExitCode
from lorebase.cli.ingesting.ingest_files import Choice, SourceFile, select_files
from lorebase.cli.ingesting.ingest_metadata import read_metadata
from lorebase.cli.ingesting.ingest_outcome import Outcome
from lorebase.cli.ingesting.ingest_progress import IngestProgress
from lorebase.cli.ingesting.ingest_run import Ingestion
from lorebase.cli.ingesting.ingest_upload import IngestRequest
from lorebase.cli.output import console, one_line
from lorebase.embedded.home import locate_home


def ingest(  # noqa: PLR0917 (each parameter is an option of the command)
    paths: Annotated[list[Path], typer.Argument(help="Files, folders, and globs such as 'docs/**/*.md'.")],
    knowledge_base: Annotated[
        str | None, typer.Option("--knowledge-base", help="Slug or id of the knowledge base.")
    ] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A tag for every file.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--metadata", help="key=value for every file; dots make levels.")
    ] = None,
    globs: Annotated[
        list[str] | None, typer.Option("--glob", help="Take only these, such as '*.md'.")
    ] = None,
    excludes: Annotated[
        list[str] | None, typer.Option("--exclude", help="Leave out these files and folders.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=32, help="Uploads at a time.")] = 4,
) -> None:
    """Put files into a knowledge base. Run it again at any time: what has not changed is left alone.

    A file is known by the name of its folder and its path below it. Hidden files are left out, and links
    to folders are not followed.
    """
    wish = _Wish(knowledge_base, tags, read_metadata(metadata or []), concurrency)
    settings = read_settings()
    choice = Choice(tuple(globs or ()), tuple(excludes or ()), locate_home(settings.home).path)
    selection = select_files(paths, choice, settings.max_upload_bytes)
    outcome = Outcome(
        total=len(selection.files) + len(selection.failed),
        failed=list(selection.failed),
        skipped=selection.skipped,
    )
    if selection.files:
        _run(selection.files, outcome, wish)
    else:
        outcome.show(console())
    raise typer.Exit(ExitCode.FAILED if outcome.failed else ExitCode.OK)


@dataclass(frozen=True)
class _Wish:
    knowledge_base: str | None
    tags: list[str] | None
    metadata: dict[str, object] | None
    concurrency: int


def _run(files: list[SourceFile], outcome: Outcome, wish: _Wish) -> None:
    started = False

    async def work() -> None:
        nonlocal started
        async with open_session() as session:
            chosen = await session.knowledge_base(wish.knowledge_base)
            request = IngestRequest(session.workspace_id, chosen["id"], wish.tags, wish.metadata)
            screen = console()
            screen.print(f"{len(files)} files into “{one_line(chosen['name'])}”", markup=False)
            started = True
            with IngestProgress(screen, len(files)) as progress:
                await Ingestion(session.client, request, outcome, progress).run(files, wish.concurrency)

    try:
        run(work())
    finally:
        # However it ended: what was done is said.
        if started:
            outcome.show(console())
