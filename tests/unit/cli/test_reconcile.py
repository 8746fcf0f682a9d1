"""What `lorebase reconcile` prints, and how it ends."""

from __future__ import annotations

import json

import pytest
import typer

from lorebase.cli.reconcile import finish
from lorebase.core.ids import GlobalId, new_id
from lorebase.schemas.reconciliation import Drift, DriftCount, DriftKind, DriftReport

WORKSPACE, DOCUMENT, JOB = new_id(), new_id(), new_id()
AGREED = DriftReport(workspace_id=WORKSPACE, documents=3, vectors=14, blobs=3)


def disagreed(*, repaired: int) -> DriftReport:
    drift = Drift(kind=DriftKind.MISSING_VECTORS, document_id=DOCUMENT, collection="c", vectors=7)
    count = DriftCount(kind=drift.kind, found=2, repaired=repaired, vectors=7)
    return AGREED.model_copy(update={"counts": (count,), "examples": (drift,), "jobs": (JOB,)})


def document_id() -> str:
    return str(GlobalId("Document", WORKSPACE, DOCUMENT))


def test_agreement_ends_well_and_says_what_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    finish([AGREED, AGREED], as_json=False)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Compared 6 documents, 28 vectors, 6 blobs. They agree.\n")


@pytest.mark.parametrize("as_json", [True, False])
def test_what_was_not_mended_ends_with_4(as_json: bool) -> None:
    with pytest.raises(typer.Exit) as ended:
        finish([AGREED, disagreed(repaired=1)], as_json)
    assert ended.value.exit_code == 4
    finish([AGREED, disagreed(repaired=2)], as_json)


def test_the_table_names_what_disagrees_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    finish([disagreed(repaired=2)], as_json=False)
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    workspace = str(GlobalId("Workspace", WORKSPACE, WORKSPACE))
    assert lines == [
        ["workspace", "what", "found", "repaired", "vectors", "for example"],
        [workspace, "missing vectors", "2", "2", "7", document_id()],
    ]


def test_json_carries_ids_that_the_api_understands(capsys: pytest.CaptureFixture[str]) -> None:
    finish([disagreed(repaired=2)], as_json=True)
    [report] = json.loads(capsys.readouterr().out)
    assert report["drift"] == [
        {"kind": "MISSING_VECTORS", "found": 2, "repaired": 2, "vectors": 7, "examples": [document_id()]}
    ]
    assert report["jobs"] == [str(GlobalId("Job", WORKSPACE, JOB))]
    assert (report["documents"], report["vectors"], report["blobs"], report["capped"]) == (3, 14, 3, False)
