"""What `lorebase status` prints of a stack, and how settings and credentials are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.text import Text

from lorebase.cli.connection.credentials import find_target, read_credentials
from lorebase.cli.connection.settings import read_settings
from lorebase.cli.errors import CommandFailed, NotRunning, UsageFailed
from lorebase.cli.stack import HEADINGS, WIDE, row_of
from lorebase.cli.tables import show_rows
from lorebase.core.config import Settings
from lorebase.embedded.status import PartState, PartStatus
from tests.fakes.command_line import CommandLine
from tests.unit.cli.test_output import screen, shown

MIB = 1024 * 1024
KEPT = {
    "url": "http://127.0.0.1:8000/graphql",
    "workspaceId": "ws_1",
    "knowledgeBaseId": "kb_1",
    "apiKey": "lb_kept",
}


@pytest.fixture
def lorebase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    return CommandLine(monkeypatch, tmp_path)


def part(state: PartState, pid: int | None, memory: int | None) -> PartStatus:
    return PartStatus("api", "API", state, pid, "http://127.0.0.1:8000", 2, memory, Path("/logs/api.log"))


def keep(home: Path, **changed: object) -> None:
    (home / "credentials.json").write_text(json.dumps({**KEPT, **changed}))


def test_a_part_is_a_row_with_its_memory_in_mebibytes() -> None:
    row = row_of(part(PartState.READY, 7, 200 * MIB + 1))
    assert dict(zip(HEADINGS, row, strict=True)) == {
        "part": "API",
        "state": "ready",
        "pid": "7",
        "restarts": "2",
        "MiB": "200",
        "listens at": "http://127.0.0.1:8000",
    }


def test_a_part_that_does_not_run_has_no_process_and_no_memory() -> None:
    row = row_of(part(PartState.FAILED, None, None))
    assert row[1:5] == ("failed", "", "2", "")


@pytest.mark.parametrize("width", [64, 80, 200])
def test_the_table_never_grows_wider_than_the_terminal(width: int) -> None:
    console = screen(width=width)
    show_rows(console, HEADINGS, [row_of(part(PartState.READY, 7, MIB))] * 3, wide=WIDE)
    assert all(cell_len(Text.from_ansi(line).plain) <= width for line in shown(console).splitlines())


def test_settings_name_endpoint_and_key_before_the_file_does(lorebase: CommandLine) -> None:
    keep(lorebase.home)
    lorebase.set(LOREBASE_URL="https://example.org/graphql", LOREBASE_API_KEY="lb_own")
    target = find_target(read_settings())
    assert (target.url, target.api_key) == ("https://example.org/graphql", "lb_own")
    assert target.knowledge_base_id is None
    assert target.source == "LOREBASE_API_KEY"


def test_the_file_names_everything_and_is_named_as_the_source(lorebase: CommandLine) -> None:
    keep(lorebase.home)
    target = find_target(read_settings())
    assert (target.url, target.api_key) == (KEPT["url"], "lb_kept")
    assert target.knowledge_base_id == "kb_1"
    assert target.source == str(lorebase.home / "credentials.json")


def test_a_key_of_ones_own_is_used_at_the_endpoint_of_the_file(lorebase: CommandLine) -> None:
    keep(lorebase.home)
    lorebase.set(LOREBASE_API_KEY="lb_own")
    target = find_target(read_settings())
    assert (target.url, target.api_key) == (KEPT["url"], "lb_own")
    # The default knowledge base belongs to the workspace of the kept key.
    assert target.knowledge_base_id is None


def test_the_same_endpoint_named_twice_is_no_other_lorebase(lorebase: CommandLine) -> None:
    keep(lorebase.home)
    lorebase.set(LOREBASE_URL=KEPT["url"])
    assert find_target(read_settings()).api_key == "lb_kept"


def test_the_kept_key_is_for_the_kept_endpoint_alone(lorebase: CommandLine) -> None:
    keep(lorebase.home)
    lorebase.set(LOREBASE_URL="https://example.org/graphql")
    with pytest.raises(UsageFailed, match="set LOREBASE_API_KEY too"):
        find_target(read_settings())


def test_an_endpoint_without_any_key_is_nothing_to_talk_to(lorebase: CommandLine) -> None:
    lorebase.set(LOREBASE_URL="https://example.org/graphql")
    with pytest.raises(NotRunning):
        find_target(read_settings())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": "x"}', "\xff"])
def test_a_file_that_cannot_be_read_is_named_without_its_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(CommandFailed) as refused:
        read_credentials(path)
    assert refused.value.message.startswith(f"{path} cannot be read")


def test_unknown_members_of_a_newer_release_are_left_alone(tmp_path: Path) -> None:
    keep(tmp_path, region="eu")
    found = read_credentials(tmp_path / "credentials.json")
    assert found is not None
    assert found.api_key == "lb_kept"


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert read_credentials(tmp_path / "credentials.json") is None


def test_every_setting_at_fault_is_named_and_no_value_shown(lorebase: CommandLine) -> None:
    lorebase.set(LOREBASE_PORT="hush", LOREBASE_QUERY_MAX_DEPTH="hush2")
    with pytest.raises(UsageFailed) as refused:
        read_settings()
    assert "LOREBASE_PORT: " in refused.value.message
    assert "LOREBASE_QUERY_MAX_DEPTH: " in refused.value.message
    assert "hush" not in refused.value.message


def test_settings_that_can_be_used_are_returned(lorebase: CommandLine) -> None:
    lorebase.set(LOREBASE_PORT="8123")
    assert read_settings() == Settings(home=lorebase.home, port=8123)
