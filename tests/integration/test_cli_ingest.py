"""`lorebase ingest` against an API that answers by the real schema."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from tests.fakes.api_world import refusal, user_error
from tests.fakes.command_line import ConnectedCommandLine, connected
from tests.integration.embedded_parts import wait_until


@pytest.fixture
def lorebase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConnectedCommandLine]:
    with connected(monkeypatch, tmp_path / "home") as command_line:
        yield command_line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "below").mkdir(parents=True)
    (folder / "one.md").write_text("# One")
    (folder / "below" / "two.txt").write_text("Two")
    return folder


def while_running(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def test_every_file_is_sent_under_its_folders_name_and_the_summary_counts_it(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 0, result.stderr
    assert {key: d.content for key, d in lorebase.world.documents.items()} == {
        "docs/one.md": b"# One",
        "docs/below/two.txt": b"Two",
    }
    lines = result.stdout.splitlines()
    assert lines[0] == "2 files into “Documents”"
    assert sorted(lines[1:3]) == ["ready: docs/below/two.txt", "ready: docs/one.md"]
    assert lines[3:] == ["2 ready, 0 unchanged, 0 failed, 0 skipped"]


def test_a_second_run_leaves_what_has_not_changed_alone(lorebase: ConnectedCommandLine, folder: Path) -> None:
    lorebase.run("ingest", str(folder))
    (folder / "one.md").write_text("# Another")
    result = lorebase.run("ingest", str(folder))
    assert result.stdout.splitlines()[-1] == "1 ready, 1 unchanged, 0 failed, 0 skipped"
    assert lorebase.world.documents["docs/one.md"].content == b"# Another"


def test_tags_and_metadata_go_with_every_file(lorebase: ConnectedCommandLine, folder: Path) -> None:
    given = ("--tag", "a", "--tag", "b", "--metadata", "year=2026", "--metadata", "author.name=Ada")
    assert lorebase.run("ingest", str(folder), *given).exit_code == 0
    for document in lorebase.world.documents.values():
        assert document.tags == ["a", "b"]
        assert document.metadata == {"year": 2026, "author": {"name": "Ada"}}


def test_without_tags_those_of_the_document_are_not_touched(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    lorebase.run("ingest", str(folder))
    for variables in lorebase.server.called("UploadDocument"):
        assert set(variables) == {"knowledgeBaseId", "externalId", "file"}


def test_a_failed_job_is_listed_with_its_reason_and_the_rest_is_unharmed(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    lorebase.world.failing["docs/one.md"] = "CORRUPT"
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 1
    assert "1 ready, 0 unchanged, 1 failed, 0 skipped" in result.stdout
    assert "  failed: docs/one.md: CORRUPT: It is broken." in result.stdout.splitlines()


def test_a_refused_upload_is_listed_with_its_reason_and_the_rest_is_unharmed(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    field = ["input", "externalId"]
    error = user_error("LIMIT_EXCEEDED", "The external id is too long.", field)
    lorebase.world.user_refusals["docs/one.md"].append(error)
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 1
    assert "  failed: docs/one.md: LIMIT_EXCEEDED: The external id is too long." in result.stdout
    assert len([c for c in lorebase.server.called("UploadDocument") if c["externalId"] == "docs/one.md"]) == 1


BUSY = {
    "overloaded": refusal("OVERLOADED", retryable=True, retryAfterSeconds=0),
    "database out of reach": refusal("DATABASE_UNAVAILABLE", retryable=True, retryAfterSeconds=0),
}


@pytest.mark.parametrize("error", BUSY.values(), ids=BUSY.keys())
def test_an_api_that_is_busy_is_asked_again(
    lorebase: ConnectedCommandLine, folder: Path, error: dict[str, object]
) -> None:
    lorebase.world.refusals["UploadDocument"].extend([error] * 3)
    result = lorebase.run("ingest", str(folder), "--concurrency", "1")
    assert result.exit_code == 0, result.stderr
    assert "2 ready, 0 unchanged, 0 failed" in result.stdout
    assert len(lorebase.server.called("UploadDocument")) == 5


def test_too_many_open_jobs_are_waited_for(lorebase: ConnectedCommandLine, folder: Path) -> None:
    error = user_error("LIMIT_EXCEEDED", "Too many jobs are waiting; try again later.")
    lorebase.world.user_refusals["docs/one.md"].append(error)
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 0, result.stderr
    assert "2 ready" in result.stdout


def test_a_gateways_bad_answer_while_the_api_starts_is_outlasted(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    def bad_gateway_at_the_first_upload() -> None:
        wait_until(lambda: bool(lorebase.server.called("ListKnowledgeBases")), "the start")
        lorebase.server.answers.append(Response("Bad Gateway", 503, {"Retry-After": "0"}))

    thread = while_running(bad_gateway_at_the_first_upload)
    result = lorebase.run("ingest", str(folder))
    thread.join()
    assert result.exit_code == 0, result.stderr
    assert "2 ready" in result.stdout


@pytest.mark.parametrize("cuts", [[0], [1, 2, 3], [4, 0, 0, 1]])
def test_a_stream_that_breaks_off_is_resumed_where_it_was(
    lorebase: ConnectedCommandLine, folder: Path, cuts: list[int]
) -> None:
    lorebase.server.cuts.extend(cuts)
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 0, result.stderr
    assert "2 ready, 0 unchanged, 0 failed" in result.stdout
    followed = lorebase.server.called("FollowWorkspaceJobs")
    # Nobody need wait for a stream when every job has been heard of.
    assert 1 <= len(followed) <= len(cuts) + 1
    assert all("after" not in variables for variables in followed[:1])


def test_jobs_that_the_stream_is_silent_about_are_asked_for(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    lorebase.world.silent = True
    lorebase.world.failing["docs/one.md"] = "NO_TEXT"
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 1
    assert "1 ready, 0 unchanged, 1 failed" in result.stdout
    assert "  failed: docs/one.md: NO_TEXT: It is broken." in result.stdout
    assert lorebase.server.called("ShowJob")


def test_a_key_that_may_not_follow_jobs_asks_for_each(lorebase: ConnectedCommandLine, folder: Path) -> None:
    lorebase.world.refusals["FollowWorkspaceJobs"].append(refusal("FORBIDDEN", "No."))
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 0, result.stderr
    assert "2 ready" in result.stdout


def test_a_job_that_another_run_left_behind_is_waited_for(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    lorebase.world.held.add("docs/one.md")

    def first_run_is_over() -> bool:
        return "docs/one.md" in lorebase.world.documents

    def finish_in_the_second_run() -> None:
        wait_until(lambda: bool(lorebase.server.called("ListDocuments")), "the second run")
        lorebase.world.finish("docs/one.md")

    first = while_running(lambda: wait_until(first_run_is_over, "the upload"))
    lorebase.world.refusals["ShowJob"].append(refusal("UNAUTHENTICATED", "The key was revoked."))
    assert lorebase.run("ingest", str(folder)).exit_code == 1
    first.join()
    thread = while_running(finish_in_the_second_run)
    result = lorebase.run("ingest", str(folder))
    thread.join()
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "1 ready, 1 unchanged, 0 failed, 0 skipped"


def test_a_run_that_is_refused_midway_still_says_what_was_done(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    lorebase.world.held.add("docs/one.md")
    lorebase.world.refusals["ShowJob"].append(refusal("UNAUTHENTICATED", "The key was revoked."))
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 1
    assert "1 ready, 0 unchanged, 0 failed, 0 skipped, 1 still being worked on" in result.stdout
    assert "Run the same command again for the rest." in result.stdout
    assert result.stderr == "Error: The key was revoked. (UNAUTHENTICATED)\n"


def test_an_api_that_is_started_again_in_the_middle_harms_nothing(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    lorebase.world.held.add("docs/one.md")

    def restart() -> None:
        wait_until(lambda: "docs/one.md" in lorebase.world.documents, "the upload")
        lorebase.server.stop()
        lorebase.world.finish("docs/one.md")
        lorebase.server.start()

    thread = while_running(restart)
    result = lorebase.run("ingest", str(folder))
    thread.join()
    assert result.exit_code == 0, result.stderr
    assert "2 ready, 0 unchanged, 0 failed, 0 skipped" in result.stdout


def test_what_is_named_and_cannot_be_taken_has_failed_and_what_is_found_is_skipped(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    (folder / "empty.md").touch()
    found = lorebase.run("ingest", str(folder))
    assert found.exit_code == 0
    assert "  skipped: docs/empty.md: EMPTY_DOCUMENT: the file is empty" in found.stdout
    named = lorebase.run("ingest", str(folder / "empty.md"))
    assert named.exit_code == 1
    assert "  failed: docs/empty.md: EMPTY_DOCUMENT: the file is empty" in named.stdout


def test_a_name_that_is_not_text_and_one_with_a_line_break_are_taken_in(
    lorebase: ConnectedCommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.txt")).write_text("bad")
    (folder / "two\nready: lines.txt").write_text("lines")
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 0, result.stderr
    assert set(lorebase.world.documents) == {"odd/bad\\xff.txt", "odd/two\nready: lines.txt"}
    assert "ready: lines.txt" not in result.stdout.splitlines()
    names = {variables["file"].name for variables in lorebase.server.called("UploadDocument")}
    assert "bad\\xff.txt" in names


def test_an_unknown_knowledge_base_is_refused_before_anything_is_sent(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    result = lorebase.run("ingest", str(folder), "--knowledge-base", "none")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: There is no knowledge base 'none'. Name one with --knowledge-base; there are: documents.\n"
    )
    assert lorebase.server.called("UploadDocument") == []


def test_many_files_are_sent_each_once(lorebase: ConnectedCommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number}.txt").write_text(str(number))
    result = lorebase.run("ingest", str(folder), "--concurrency", "8")
    assert result.exit_code == 0, result.stderr
    assert "150 ready, 0 unchanged, 0 failed, 0 skipped" in result.stdout
    assert len(lorebase.server.called("UploadDocument")) == 150
    assert len(lorebase.server.called("ShowJob")) <= 50


def test_a_metadata_argument_that_cannot_be_sent_is_a_usage_error(
    lorebase: ConnectedCommandLine, folder: Path
) -> None:
    result = lorebase.run("ingest", str(folder), "--metadata", "author=\udcff")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: What was given cannot be sent")
    assert lorebase.world.documents == {}


def test_a_server_that_is_no_lorebase_is_named(lorebase: ConnectedCommandLine, folder: Path) -> None:
    lorebase.server.answers.append(JSONResponse(["hello"]))
    result = lorebase.run("ingest", str(folder))
    assert result.exit_code == 1
    assert "is this the endpoint of Lorebase?" in result.stderr
