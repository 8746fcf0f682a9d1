"""Keys, knowledge bases, the workspace, and how every command fails, against an API by the real schema."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response

from lorebase.core.config import process_environment
from tests.fakes.api_world import knowledge_base, refusal
from tests.fakes.command_line import ConnectedCommandLine, connected
from tests.integration.embedded_parts import wait_until

ASKING = {
    "search": ("search", "x"),
    "ask": ("ask", "x"),
    "key list": ("key", "list"),
    "key create": ("key", "create", "x", "--scope", "READ"),
    "key revoke": ("key", "revoke", "key_1"),
    "knowledge-base list": ("knowledge-base", "list"),
    "knowledge-base create": ("knowledge-base", "create", "x"),
    "knowledge-base delete": ("knowledge-base", "delete", "documents", "--yes"),
    "workspace show": ("workspace", "show"),
}
everywhere = pytest.mark.parametrize("arguments", ASKING.values(), ids=ASKING.keys())


@pytest.fixture
def lorebase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConnectedCommandLine]:
    with connected(monkeypatch, tmp_path / "home") as command_line:
        yield command_line


def write_credentials(lorebase: ConnectedCommandLine, **changed: str) -> Path:
    lorebase.home.mkdir()
    path = lorebase.home / "credentials.json"
    kept = {"url": lorebase.server.url, "workspaceId": "ws_1", "knowledgeBaseId": "kb_1", "apiKey": "lb_fake"}
    path.write_text(json.dumps({**kept, **changed}))
    return path


def test_a_key_is_made_its_secret_printed_alone_and_later_revoked(lorebase: ConnectedCommandLine) -> None:
    given = ("--scope", "read", "--scope", "ASK", "--expires", "2027-01-31")
    made = lorebase.run("key", "create", "For CI", *given)
    assert (made.exit_code, made.stdout) == (0, "lb_new_secret\n")
    asked = lorebase.server.called("CreateApiKey")[0]["input"]
    assert asked == {
        "workspaceId": "ws_1",
        "name": "For CI",
        "scopes": ["READ", "ASK"],
        "expiresAt": "2027-01-31T00:00:00Z",
    }
    revoked = lorebase.run("key", "revoke", "key_1")
    assert (revoked.exit_code, revoked.stdout) == (0, "Revoked “For CI”.\n")
    rows = [line.split("\t") for line in lorebase.run("key", "list").stdout.splitlines()]
    headings = ["id", "name", "starts with", "scopes", "last used", "expires", "revoked"]
    times = ["", "2027-01-31T00:00:00Z", "2026-01-31T12:00:00.000Z"]
    assert rows == [headings, ["key_1", "For CI", "lb_new", "READ ASK", *times]]


def test_all_keys_are_listed_however_many_pages_they_fill(lorebase: ConnectedCommandLine) -> None:
    lorebase.run("key", "create", "first", "--scope", "READ")
    first = lorebase.world.keys[0]
    lorebase.world.keys += [{**first, "id": f"key_{number}"} for number in range(2, 206)]
    listed = lorebase.run("key", "list").stdout.splitlines()
    assert len(listed) == 1 + 205
    assert [variables.get("after") for variables in lorebase.server.called("ListApiKeys")] == [
        None,
        "100",
        "200",
    ]


def test_a_time_that_is_none_is_a_usage_error(lorebase: ConnectedCommandLine) -> None:
    result = lorebase.run("key", "create", "x", "--scope", "READ", "--expires", "tomorrow")
    assert result.exit_code == 2
    assert lorebase.world.keys == []


def test_an_unknown_key_cannot_be_revoked(lorebase: ConnectedCommandLine) -> None:
    result = lorebase.run("key", "revoke", "key_9")
    assert (result.exit_code, result.stderr) == (1, "Error: There is no such object. (NOT_FOUND)\n")


def test_a_knowledge_base_is_deleted_once_that_is_confirmed(lorebase: ConnectedCommandLine) -> None:
    asked = lorebase.run("knowledge-base", "delete", "documents")
    assert asked.exit_code == 1
    assert "Delete “Documents” with its 3 documents for good?" in asked.stdout
    assert lorebase.server.called("DeleteKnowledgeBase") == []
    deleted = lorebase.run("knowledge-base", "delete", "documents", "--yes")
    assert deleted.exit_code == 0
    assert deleted.stdout == "Deleted “Documents”. What is stored of it is being removed; receipt del_1.\n"
    assert lorebase.server.called("DeleteKnowledgeBase") == [{"input": {"id": "kb_1"}}]
    unknown = lorebase.run("knowledge-base", "delete", "nowhere", "--yes")
    assert unknown.exit_code == 1


def test_a_knowledge_base_is_made_and_listed(lorebase: ConnectedCommandLine) -> None:
    made = lorebase.run("knowledge-base", "create", "Field notes", "--slug", "notes")
    assert (made.exit_code, made.stdout) == (0, "notes\tkb_2\n")
    rows = [line.split("\t") for line in lorebase.run("knowledge-base", "list").stdout.splitlines()]
    assert rows == [
        ["slug", "name", "documents", "passages", "MiB", "id"],
        ["documents", "Documents", "3", "14", "2.0", "kb_1"],
        ["notes", "Field notes", "3", "14", "2.0", "kb_2"],
    ]


def test_the_workspace_is_shown_with_its_knowledge_bases(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.workspace["name"] = "[red]Ours[/red]\x1b[31m"
    lines = lorebase.run("workspace", "show").stdout.splitlines()
    assert lines[:3] == ["workspace: [red]Ours[/red][31m", "slug: default", "id: ws_1"]
    assert lines[-1].split("\t")[0] == "documents"


def test_the_only_knowledge_base_is_taken_and_of_several_one_must_be_named(
    lorebase: ConnectedCommandLine,
) -> None:
    assert lorebase.run("search", "x").exit_code == 0
    lorebase.world.knowledge_bases.append(knowledge_base("kb_2", "notes"))
    unnamed = lorebase.run("search", "x")
    assert unnamed.exit_code == 1
    assert unnamed.stderr == "Error: Name one with --knowledge-base; there are: documents, notes.\n"
    for name in ("notes", "kb_2"):
        assert lorebase.run("search", "x", "--knowledge-base", name).exit_code == 0
    asked = [variables["input"]["knowledgeBaseIds"] for variables in lorebase.server.called("Search")]
    assert asked == [["kb_1"], ["kb_2"], ["kb_2"]]


def test_the_hundred_and_first_knowledge_base_can_be_named(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.knowledge_bases += [knowledge_base(f"more_{n}", f"more-{n}") for n in range(150)]
    assert lorebase.run("search", "x", "--knowledge-base", "more-149").exit_code == 0


def test_a_workspace_without_knowledge_bases_says_how_to_make_one(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.knowledge_bases.clear()
    result = lorebase.run("search", "x")
    assert result.exit_code == 1
    assert "lorebase knowledge-base create" in result.stderr


def test_the_credentials_file_names_api_key_and_default_knowledge_base(
    lorebase: ConnectedCommandLine,
) -> None:
    lorebase.set(LOREBASE_URL="", LOREBASE_API_KEY="")
    lorebase.world.knowledge_bases.insert(0, knowledge_base("kb_0", "another"))
    write_credentials(lorebase)
    assert lorebase.run("search", "x").exit_code == 0
    assert lorebase.server.called("Search")[0]["input"]["knowledgeBaseIds"] == ["kb_1"]


def test_the_key_of_this_machine_is_not_sent_to_another_one(lorebase: ConnectedCommandLine) -> None:
    write_credentials(lorebase, url="http://127.0.0.1:9/graphql")
    lorebase.set(LOREBASE_API_KEY="")
    result = lorebase.run("search", "x")
    assert result.exit_code == 2
    assert "set LOREBASE_API_KEY too" in result.stderr
    assert lorebase.server.calls == []


def test_a_credentials_file_that_is_broken_is_named(lorebase: ConnectedCommandLine) -> None:
    lorebase.set(LOREBASE_URL="", LOREBASE_API_KEY="")
    path = write_credentials(lorebase)
    path.write_text("{")
    result = lorebase.run("search", "x")
    assert result.exit_code == 1
    assert str(path) in result.stderr


@everywhere
def test_a_wrong_key_is_said_to_be_one_and_where_it_is_from(
    lorebase: ConnectedCommandLine, arguments: tuple[str, ...]
) -> None:
    lorebase.set(LOREBASE_API_KEY="lb_wrong")
    result = lorebase.run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: The API key from LOREBASE_API_KEY is not valid: it is unknown, revoked or expired.\n"
    )


@everywhere
def test_without_an_api_the_exit_code_is_3(
    lorebase: ConnectedCommandLine, arguments: tuple[str, ...]
) -> None:
    lorebase.server.stop()
    result = lorebase.run(*arguments)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"Error: Nobody answers at {lorebase.server.url}")


@everywhere
def test_without_settings_or_credentials_the_exit_code_is_3(
    lorebase: ConnectedCommandLine, arguments: tuple[str, ...]
) -> None:
    lorebase.set(LOREBASE_URL="", LOREBASE_API_KEY="")
    result = lorebase.run(*arguments)
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: There is no Lorebase to talk to")


STRANGE = {
    "a page": HTMLResponse("<html>Welcome</html>"),
    "a list": JSONResponse([1]),
    "no data": JSONResponse({}),
    "errors of another kind": JSONResponse({"errors": ["broken"]}),
    "errors without extensions": JSONResponse({"errors": [{"message": "no", "extensions": None}]}),
    "half of an answer": Response('{"data": {', media_type="application/json"),
    "nothing": Response(b"", 204),
    "bad UTF-8": Response(b'{"data": "\xff"}', media_type="application/json"),
}


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE.keys())
def test_what_is_no_graphql_is_an_error_and_no_traceback(
    lorebase: ConnectedCommandLine, answer: Response
) -> None:
    lorebase.server.answers.append(answer)
    result = lorebase.run("workspace", "show")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_messages_of_the_api_cannot_drive_the_terminal(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.refusals["Viewer"].append(refusal("X", "\x1b[2J[red]gone[/red]"))
    assert lorebase.run("workspace", "show").stderr == "Error: [2J[red]gone[/red] (X)\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOREBASE_PORT", "many"),
        ("LOREBASE_CORS_ORIGINS", "not json"),
        ("LOREBASE_CHAT_MODEL", "remote-without-a-key"),
    ],
)
def test_a_setting_that_cannot_be_read_is_a_usage_error_without_its_value(
    lorebase: ConnectedCommandLine, name: str, value: str
) -> None:
    lorebase.set(**{name: value})
    for arguments in (("search", "x"), ("status",), ("doctor",), ("migrate",)):
        result = lorebase.run(*arguments)
        assert result.exit_code == 2, arguments
        assert result.stderr.startswith("Error: The settings cannot be used")
        assert name.removeprefix("LOREBASE_") in result.stderr.upper()
        assert value not in result.stderr


@pytest.mark.parametrize("url", ["ftp://x/graphql", "127.0.0.1:8000", "http://", "http://[::1/graphql"])
def test_a_url_that_is_none_is_a_usage_error(lorebase: ConnectedCommandLine, url: str) -> None:
    lorebase.set(LOREBASE_URL=url)
    result = lorebase.run("search", "x")
    assert result.exit_code == 2
    assert "LOREBASE_URL" in result.stderr


@pytest.mark.parametrize("key", ["lb_ü", "lb_a\nX-Evil: 1"])
def test_a_key_that_no_header_can_hold_is_a_usage_error(lorebase: ConnectedCommandLine, key: str) -> None:
    lorebase.set(LOREBASE_API_KEY=key)
    result = lorebase.run("search", "x")
    assert result.exit_code == 2
    assert key not in result.stderr


def test_a_proxy_of_the_environment_never_sees_what_goes_to_this_machine(
    lorebase: ConnectedCommandLine,
) -> None:
    lorebase.set(
        HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9"
    )
    assert lorebase.run("workspace", "show").exit_code == 0


def test_ctrl_c_ends_an_ingestion_with_a_true_summary_and_130(
    lorebase: ConnectedCommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.txt").write_text(name)
    lorebase.world.held.add("docs/c.txt")
    command = [sys.executable, "-m", "lorebase.cli", "ingest", str(folder)]
    process = subprocess.Popen(
        command, env=process_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: len(lorebase.server.called("ShowJob")) >= 2, "the wait for the last job")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "2 ready, 0 unchanged, 0 failed, 0 skipped, 1 still being worked on" in out
    assert "Traceback" not in out + err


def test_a_reader_that_goes_away_early_leaves_no_traceback(lorebase: ConnectedCommandLine) -> None:
    command = [sys.executable, "-m", "lorebase.cli", "schema", "export"]
    process = subprocess.Popen(
        command, env=process_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
