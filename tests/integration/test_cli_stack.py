"""The command against the real stack: started once with `up --detach`, used, and stopped with `down`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorebase.core.config import Settings, process_environment
from lorebase.embedded import supervisor
from lorebase.embedded.ports import free_port
from lorebase.repositories.milvus.library import MilvusClient
from tests.factories_files import simple_pdf
from tests.fakes.command_line import CommandLine

SECONDS = 240
COMMAND = [sys.executable, "-m", "lorebase.cli"]


@pytest.fixture(scope="module")
def stack() -> Iterator[CommandLine]:
    base = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    base.chmod(0o711)
    with pytest.MonkeyPatch.context() as monkeypatch:
        lorebase = CommandLine(monkeypatch, base / "the home")
        lorebase.set(LOREBASE_PORT=str(free_port()))
        # The pipes end when the command does: whoever stays behind must not hold them.
        started = called("up", "--detach")
        try:
            assert started.returncode == 0, started.stderr
            assert "Lorebase is ready at http://127.0.0.1:" in started.stdout
            yield lorebase
        finally:
            stopped = called("down")
            assert (stopped.returncode, stopped.stdout) == (0, "Lorebase has stopped.\n")
            assert called("status").returncode == 3
            shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="module")
def ingested(stack: CommandLine) -> list[str]:
    """A folder was taken in; the lines that the command printed."""
    folder = documents(stack.home.parent / "docs")
    result = stack.run("ingest", str(folder), "--tag", "orchard", "--metadata", "author=Ada")
    assert result.exit_code == 1
    return result.stdout.splitlines()


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments]
    return subprocess.run(
        command, env=process_environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )


def documents(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pears.md").write_text("# Pears\n\nPears are stored at two degrees for five months.\n")
    (folder / "apples.txt").write_text("Apples from the orchard are pressed into cider in October.\n")
    (folder / "plums.html").write_text(
        "<html><head><title>Plums</title></head><body><h1>Plums</h1><p>Plums are dried in the sun.</p></body>"
    )
    (folder / "harvest.csv").write_text("fruit,kilograms\nquince,120\nmedlar,80\n")
    (folder / "trees.json").write_text('{"orchard": {"cherry trees": 12, "walnut trees": 3}}')
    (folder / "figs.pdf").write_bytes(simple_pdf("Figs ripen on the south wall."))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing that follows is a PDF")
    (folder / "empty.md").touch()
    return folder


def column(output: str, number: int) -> list[str]:
    return [line.split("\t")[number] for line in output.splitlines()[1:]]


def test_a_folder_of_all_kinds_is_taken_in_and_a_broken_file_harms_no_other(ingested: list[str]) -> None:
    assert ingested[0] == "7 files into “Documents”"
    assert "6 ready, 0 unchanged, 1 failed, 1 skipped" in ingested
    (failed,) = (line for line in ingested if line.startswith("  failed:"))
    assert failed.startswith("  failed: docs/broken.pdf: CORRUPT: ")
    assert "  skipped: docs/empty.md: EMPTY_DOCUMENT: the file is empty" in ingested


@pytest.mark.usefixtures("ingested")
def test_a_second_run_tries_again_only_what_failed(stack: CommandLine) -> None:
    result = stack.run(
        "ingest", str(stack.home.parent / "docs"), "--tag", "orchard", "--metadata", "author=Ada"
    )
    assert "0 ready, 6 unchanged, 1 failed, 1 skipped" in result.stdout


@pytest.mark.usefixtures("ingested")
def test_what_was_taken_in_is_found_under_filters(stack: CommandLine) -> None:
    found = stack.run("search", "How are pears stored?", "--limit", "3")
    assert found.exit_code == 0, found.stderr
    assert "pears.md" in column(found.stdout, 1)[0]
    assert "two degrees" in column(found.stdout, 2)[0]
    html = stack.run(
        "search", "fruit in the sun", "--filter", "mediaType=text/html", "--filter", "tags:orchard"
    )
    assert [("plums.html" in place) for place in column(html.stdout, 1)] == [True]
    page = stack.run("search", "figs", "--filter", "page=1", "--mode", "keyword")
    assert "figs.pdf" in column(page.stdout, 1)[0]
    none = stack.run("search", "pears", "--filter", "createdAt<2020-01-01")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "Nothing found.\n")


@pytest.mark.usefixtures("ingested")
def test_a_question_is_answered_with_its_evidence_and_a_conversation_goes_on(stack: CommandLine) -> None:
    answer = stack.run("ask", "How are pears stored?")
    assert answer.exit_code == 0, answer.stderr
    assert "stored at two degrees" in answer.stdout.splitlines()[0]
    assert any(line.startswith("[1] docs/pears.md, ") for line in answer.stdout.splitlines())
    conversation = answer.stdout.split("--conversation ")[1].split()[0]
    more = stack.run("ask", "When are apples pressed into cider?", "--conversation", conversation)
    assert more.exit_code == 0, more.stderr
    assert "October" in more.stdout.splitlines()[0]


@pytest.mark.usefixtures("ingested")
def test_a_key_works_until_it_is_revoked(stack: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    made = stack.run("key", "create", "For a reader", "--scope", "read")
    assert made.exit_code == 0, made.stderr
    secret = made.stdout.strip()
    (row,) = (line for line in stack.run("key", "list").stdout.splitlines() if "For a reader" in line)
    key_id, _, prefix, scopes, *_ = row.split("\t")
    assert (secret.startswith(prefix), scopes) == (True, "READ")
    monkeypatch.setenv("LOREBASE_API_KEY", secret)
    assert stack.run("workspace", "show").exit_code == 0
    refused = stack.run("ingest", str(stack.home.parent / "docs" / "pears.md"))
    assert (refused.exit_code, "FORBIDDEN" in refused.stdout) == (1, True)
    monkeypatch.delenv("LOREBASE_API_KEY")
    assert stack.run("key", "revoke", key_id).stdout == "Revoked “For a reader”.\n"
    monkeypatch.setenv("LOREBASE_API_KEY", secret)
    assert stack.run("workspace", "show").exit_code == 1


def test_the_doctor_finds_everything_well(stack: CommandLine) -> None:
    result = stack.run("doctor")
    lines = result.stdout.splitlines()
    assert not [line for line in lines if line.startswith("fail")]
    assert result.exit_code == 0
    told = {line[6:].partition(":")[0]: line for line in lines if line[:5].strip() in ("ok", "warn")}
    assert told["PostgreSQL"].startswith("ok    PostgreSQL: 18.")
    assert told["Redis"].startswith("ok    Redis: valkey 9.")
    assert told["Milvus"].startswith("ok    Milvus: milvus_lite-3.")
    for subject in ("database login", "migrations", "embedding model", "API", "worker", "port", "home"):
        assert told[subject].startswith("ok"), subject


def test_the_status_names_every_part_and_where_it_listens(stack: CommandLine) -> None:
    result = stack.run("status")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].endswith("/graphql · ready")
    assert result.stdout.splitlines()[-1] == f"logs: {stack.home / 'logs'}"
    rows = [line.split("\t") for line in result.stdout.splitlines()[2:-1]]
    running = {row[0] for row in rows if row[1] == "ready"}
    assert running == {"PostgreSQL", "Valkey", "Milvus Lite", "local models", "worker", "API"}


def test_an_operator_makes_another_workspace_that_sees_nothing_of_the_first(
    stack: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stack.run("workspace", "create", "Second", "--slug", "second")
    assert made.exit_code == 0, made.stderr
    facts = dict(line.split(": ") for line in made.stdout.splitlines())
    assert facts["slug"] == "second"
    again = stack.run("workspace", "create", "Third", "--slug", "second")
    assert (again.exit_code, again.stdout) == (1, "")
    monkeypatch.setenv("LOREBASE_API_KEY", facts["key"])
    shown = stack.run("workspace", "show").stdout.splitlines()
    assert shown[:3] == ["workspace: Second", "slug: second", f"id: {facts['workspace']}"]
    assert column("\n".join(shown[4:]), 0) == []
    assert stack.run("knowledge-base", "create", "Its own").stdout.startswith("its-own\tkb_")
    assert column(stack.run("knowledge-base", "list").stdout, 0) == ["its-own"]


def test_migrating_what_is_current_changes_nothing(stack: CommandLine) -> None:
    result = stack.run("migrate")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Everything is at this release; new knowledge bases use all-MiniLM-L6-v2")


@pytest.mark.usefixtures("ingested")
def test_lost_vectors_are_told_and_come_back_from_the_database(stack: CommandLine) -> None:
    agreed = stack.run("reconcile", "--json")
    assert agreed.exit_code == 0, agreed.stdout
    assert all(report["drift"] == [] for report in json.loads(agreed.stdout))
    status = supervisor.status(Settings(home=stack.home))
    assert status is not None
    (socket,) = (part.address for part in status.parts if part.name == "milvus")
    client = MilvusClient(uri=f"unix:{socket}", dedicated=True)
    for collection in client.list_collections():
        client.drop_collection(collection)
    client.close()
    assert stack.run("reconcile").exit_code == 1
    rebuilt = stack.run("rebuild")
    assert rebuilt.exit_code == 0, rebuilt.stderr
    assert "They agree." in rebuilt.stderr
    found = stack.run("search", "How are pears stored?", "--mode", "vector", "--limit", "1")
    assert "pears.md" in column(found.stdout, 1)[0]
    assert stack.run("reconcile", "--workspace", "nowhere").exit_code == 1


def test_a_second_start_says_that_the_first_runs(stack: CommandLine) -> None:
    result = stack.run("up", "--detach")
    assert result.exit_code == 1
    assert "already runs" in result.stderr


def test_an_api_that_is_killed_in_the_middle_of_an_ingestion_harms_nothing(stack: CommandLine) -> None:
    folder = stack.home.parent / "notes"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.txt").write_text(f"Note number {number} is about tree number {number}.\n")
    status = supervisor.status(Settings(home=stack.home))
    assert status is not None
    (api,) = (part.pid for part in status.parts if part.name == "api")
    assert api is not None
    ingest = subprocess.Popen(
        [*COMMAND, "ingest", str(folder)],
        env=process_environment({"PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ingest.stdout is not None
    assert ingest.stdout.readline() == "30 files into “Documents”\n"
    assert ingest.stdout.readline()
    os.kill(api, signal.SIGKILL)
    out, _ = ingest.communicate(timeout=SECONDS)
    assert ingest.returncode == 0, out
    ready, unchanged = (int(out.splitlines()[-1].split(", ")[n].split()[0]) for n in (0, 1))
    assert ready + unchanged == 30
    assert "0 failed, 0 skipped" in out.splitlines()[-1]
