"""`lorebase reconcile` and `lorebase rebuild`: do the stores agree, and make them agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from lorebase.cli.connection.running_stack import FOR_SERVICES, with_running_stack
from lorebase.cli.connection.settings import read_settings
from lorebase.cli.errors import ExitCode
from lorebase.cli.output import console, is_watched
from lorebase.cli.tables import show_rows
from lorebase.core.ids import GlobalId
from lorebase.schemas.reconciliation import Drift, DriftReport

HEADINGS = ("workspace", "what", "found", "repaired", "vectors", "for example")

Workspace = Annotated[str | None, typer.Option("--workspace", help="Slug of one workspace; all when absent.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def reconcile(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Compare PostgreSQL with the vector store and the blob store. Needs the databases.

    Ends with 4 when they disagree and this run did not mend it.
    """
    # The databases' libraries take seconds to load, which no other command should wait for.
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    settings = with_running_stack(read_settings(), FOR_SERVICES)
    finish(operator_tasks.reconcile_now(settings, workspace, repair=repair), as_json)


def rebuild(workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Fill an empty vector store again from PostgreSQL. Needs the databases and a worker.

    May be broken off and begun again. Ends with 4 when something is still missing.
    """
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    settings = with_running_stack(read_settings(), FOR_SERVICES)
    finish(operator_tasks.rebuild_now(settings, workspace, _tell), as_json)


def _tell(done: int, total: int) -> None:
    if is_watched(console()):
        typer.echo(f"\r{done} of {total} documents", nl=done == total, err=True)
    elif done == total:
        typer.echo(f"{done} of {total} documents", err=True)


def finish(reports: Sequence[DriftReport], as_json: bool) -> None:
    """Prints the reports; ends with DRIFT when something is left that was not mended."""
    if as_json:
        typer.echo(json.dumps([_as_json(report) for report in reports], indent=2))
    else:
        _show(reports)
    if any(report.repaired < report.found for report in reports):
        raise typer.Exit(ExitCode.DRIFT)


def _show(reports: Sequence[DriftReport]) -> None:
    rows = [
        (
            _workspace(report),
            str(count.kind),
            str(count.found),
            str(count.repaired),
            str(count.vectors),
            next((_subject(report, one) for one in report.examples if one.kind is count.kind), ""),
        )
        for report in reports
        for count in report.counts
    ]
    if rows:
        show_rows(console(), HEADINGS, rows, wide={"workspace": 3, "what": 3, "for example": 4})
    documents, vectors, blobs = (
        sum(getattr(report, name) for report in reports) for name in ("documents", "vectors", "blobs")
    )
    verdict = "They agree." if not rows else "They disagree."
    typer.echo(f"Compared {documents} documents, {vectors} vectors, {blobs} blobs. {verdict}", err=True)


def _as_json(report: DriftReport) -> dict[str, object]:
    return {
        "workspaceId": _workspace(report),
        "documents": report.documents,
        "vectors": report.vectors,
        "blobs": report.blobs,
        "drift": [
            {
                "kind": count.kind.name,
                "found": count.found,
                "repaired": count.repaired,
                "vectors": count.vectors,
                "examples": [_subject(report, one) for one in report.examples if one.kind is count.kind],
            }
            for count in report.counts
        ],
        "jobs": [str(GlobalId("Job", report.workspace_id, job)) for job in report.jobs],
        "capped": report.capped,
    }


def _workspace(report: DriftReport) -> str:
    return str(GlobalId("Workspace", report.workspace_id, report.workspace_id))


def _subject(report: DriftReport, drift: Drift) -> str:
    if drift.document_id is None:
        return drift.blob_key or ""
    return str(GlobalId("Document", report.workspace_id, drift.document_id))
