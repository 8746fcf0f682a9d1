"""credentials.json: written once, private, its address kept current."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from lorebase.embedded.credentials import keep_first_workspace, read_credentials, refresh_url
from lorebase.embedded.errors import StackError
from lorebase.embedded.home import Home

LINE = '{"workspaceId": "w", "knowledgeBaseId": "k", "apiKey": "lb_secret"}'
URL = "http://127.0.0.1:8000/graphql"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_the_file_holds_exactly_what_scripts_need(home: Home) -> None:
    keep_first_workspace(home, URL, LINE + "\n")
    assert json.loads(home.credentials.read_text()) == {
        "url": URL,
        "workspaceId": "w",
        "knowledgeBaseId": "k",
        "apiKey": "lb_secret",
    }


def test_only_the_owner_reads_it(home: Home) -> None:
    keep_first_workspace(home, URL, LINE)
    assert stat.S_IMODE(home.credentials.stat().st_mode) == 0o600


def test_words_before_the_json_line_do_not_harm(home: Home) -> None:
    keep_first_workspace(home, URL, "Welcome\n" + LINE + "\n")
    kept = read_credentials(home)
    assert kept is not None
    assert kept.api_key == "lb_secret"


@pytest.mark.parametrize(
    "output", ["", "no json", "{}", '{"workspaceId": "w"}', LINE.replace("lb_secret", "")]
)
def test_output_without_credentials_is_refused_and_nothing_written(home: Home, output: str) -> None:
    with pytest.raises(StackError, match="no credentials"):
        keep_first_workspace(home, URL, output)
    assert not home.credentials.exists()


def test_a_refusal_never_repeats_the_key(home: Home) -> None:
    with pytest.raises(StackError) as caught:
        keep_first_workspace(home, URL, '{"apiKey": "lb_secret"}')
    assert "lb_secret" not in str(caught.value)


def test_a_new_port_changes_the_url_only(home: Home) -> None:
    keep_first_workspace(home, URL, LINE)
    refresh_url(home, "http://127.0.0.1:9000/graphql")
    assert json.loads(home.credentials.read_text()) == {
        **json.loads(LINE),
        "url": "http://127.0.0.1:9000/graphql",
    }


def test_the_same_port_leaves_the_file_alone(home: Home) -> None:
    keep_first_workspace(home, URL, LINE)
    before = home.credentials.stat().st_ino
    refresh_url(home, URL)
    assert home.credentials.stat().st_ino == before


def test_no_file_is_no_credentials(home: Home) -> None:
    assert read_credentials(home) is None
    refresh_url(home, URL)
    assert not home.credentials.exists()


def test_a_broken_file_is_named(home: Home) -> None:
    home.credentials.write_text("{")
    with pytest.raises(StackError, match=r"credentials\.json"):
        read_credentials(home)
