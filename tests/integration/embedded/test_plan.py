"""What is started, in which order, with which environment; nothing is started here."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorebase.core.config import Settings
from lorebase.embedded.home import Home, open_home
from lorebase.embedded.part import OneShot, OneShotResult, Part
from lorebase.embedded.plan import Plan, default_plan, graphql_url
from lorebase.embedded.ports import free_port
from lorebase.embedded.run_directory import remove_run_directory

ELSEWHERE = {
    "database_url": "postgresql+asyncpg://app:p@db/lorebase",
    "redis_url": "redis://cache",
    "milvus_uri": "http://milvus:19530",
    "embedding_model": "e",
    "chat_model": "c",
    "OPENAI_API_KEY": "sk-meant",
}


@pytest.fixture(autouse=True)
def _no_settings_from_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LOREBASE_{name.upper()}", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ambient")


@pytest.fixture
def home() -> Iterator[Home]:
    base = Path(tempfile.mkdtemp(prefix="pl-", dir="/tmp"))
    base.chmod(0o711)
    yield open_home(base / "home")
    shutil.rmtree(base)


@pytest.fixture
def plans(home: Home) -> Iterator[list[Plan]]:
    made: list[Plan] = []
    yield made
    for plan in made:
        if plan.run_directory:
            remove_run_directory(plan.run_directory)


def make(plans: list[Plan], home: Home, **more: object) -> Plan:
    settings = Settings.model_validate({"home": home.path, "port": free_port(), **more})
    plans.append(default_plan(settings, home))
    return plans[-1]


def names(plan: Plan) -> list[list[str]]:
    return [[part.name for part in stage] for stage in plan.stages]


def find(plan: Plan, name: str) -> Part | OneShot:
    return next(part for stage in plan.stages for part in stage if part.name == name)


def test_everything_starts_in_order(plans: list[Plan], home: Home) -> None:
    assert names(make(plans, home)) == [
        ["postgres-data"],
        ["postgres", "valkey", "milvus", "models"],
        ["database"],
        ["migrate"],
        ["workspace"],
        ["worker", "api"],
    ]


def test_parts_with_a_url_elsewhere_are_left_out(plans: list[Plan], home: Home) -> None:
    plan = make(plans, home, **ELSEWHERE)
    assert names(plan) == [["migrate"], ["workspace"], ["worker", "api"]]
    assert find(plan, "api").environment["LOREBASE_DATABASE_URL"] == ELSEWHERE["database_url"]


def test_our_modules_are_run_by_this_python_and_none_from_the_home(plans: list[Plan], home: Home) -> None:
    plan = make(plans, home)
    commands = {part.name: part.command for stage in plan.stages for part in stage}
    port = find(plan, "models").address.rpartition(":")[2].removesuffix("/v1")
    own = {
        "milvus": ("lorebase.embedded.milvus_owner", str(home.path / "milvus"), commands["milvus"][-1]),
        "models": ("lorebase.embedded.models", "--host", "127.0.0.1", "--port", port),
        "migrate": ("lorebase.cli", "migrate"),
        "workspace": ("lorebase.cli", "workspace", "first"),
        "worker": ("lorebase.workers",),
        "api": ("lorebase.asgi",),
    }
    for name, module in own.items():
        assert commands[name] == (sys.executable, "-P", "-m", *module)


def test_no_secret_stands_on_a_command_line(plans: list[Plan], home: Home) -> None:
    plan = make(plans, home)
    lines = " ".join(word for stage in plan.stages for part in stage for word in part.command)
    for secret in ("secret_key", "database_password", "database_owner_password"):
        assert home.folder(secret).read_text().strip() not in lines


def test_only_the_migration_knows_the_owner(plans: list[Plan], home: Home) -> None:
    plan = make(plans, home)
    owner = home.folder("database_owner_password").read_text().strip()
    knowing = {
        part.name
        for stage in plan.stages
        for part in stage
        if any(owner in value for value in part.environment.values())
    }
    # `createdb` makes the database, as the owner.
    assert knowing == {"migrate", "database"}


def test_an_ambient_key_reaches_no_child(plans: list[Plan], home: Home) -> None:
    plan = make(plans, home)
    for stage in plan.stages:
        for part in stage:
            assert "sk-ambient" not in part.environment.values()


def test_the_first_workspace_is_made_once(plans: list[Plan], home: Home) -> None:
    plan = make(plans, home)
    first = find(plan, "workspace")
    assert isinstance(first, OneShot)
    line = '{"workspaceId": "w", "knowledgeBaseId": "k", "apiKey": "lb_x"}\n'
    first.finished(OneShotResult(0, line, ""))
    assert json.loads(home.credentials.read_text())["url"] == plan.url
    assert ["workspace"] not in names(make(plans, home))


def migrate(plan: Plan, home: Home) -> None:
    """What a migration leaves behind: the data of PostgreSQL and the plan's own note."""
    (home.path / "postgres" / "data").mkdir(exist_ok=True)
    once = find(plan, "migrate")
    assert isinstance(once, OneShot)
    once.finished(OneShotResult(0, "", ""))


def test_an_unchanged_stack_is_not_migrated_again(plans: list[Plan], home: Home) -> None:
    migrate(make(plans, home, port=(port := free_port())), home)
    assert ["migrate"] not in names(make(plans, home, port=port))


def test_another_setting_asks_for_a_migration(plans: list[Plan], home: Home) -> None:
    migrate(make(plans, home, port=(port := free_port())), home)
    assert ["migrate"] in names(make(plans, home, port=port, embedding_version="2"))


@pytest.mark.parametrize("store", ["postgres/data", "milvus"])
def test_a_replaced_store_asks_for_a_migration(plans: list[Plan], home: Home, store: str) -> None:
    migrate(make(plans, home, port=(port := free_port())), home)
    (home.path / store).rename(home.path / "old")
    (home.path / store).mkdir()
    assert ["migrate"] in names(make(plans, home, port=port))


def test_a_changed_model_asks_for_a_migration(plans: list[Plan], home: Home, tmp_path: Path) -> None:
    settings = {"port": free_port(), "models_directory": tmp_path}
    migrate(make(plans, home, **settings), home)
    assert ["migrate"] not in names(make(plans, home, **settings))
    (tmp_path / "manifest.json").write_text("{}")
    assert ["migrate"] in names(make(plans, home, **settings))


def test_a_store_elsewhere_is_always_migrated(plans: list[Plan], home: Home) -> None:
    more = {"port": free_port(), "database_url": ELSEWHERE["database_url"]}
    for _ in range(2):
        plan = make(plans, home, **more)
        once = find(plan, "migrate")
        assert isinstance(once, OneShot)
        once.finished(OneShotResult(0, "", ""))


def test_a_new_port_is_written_into_the_credentials(plans: list[Plan], home: Home) -> None:
    kept = {"url": "http://127.0.0.1:1/graphql", "workspaceId": "w", "knowledgeBaseId": "k", "apiKey": "lb_x"}
    home.credentials.write_text(json.dumps(kept))
    plan = make(plans, home)
    assert json.loads(home.credentials.read_text()) == {**kept, "url": plan.url}


def test_a_secret_key_of_the_user_is_used(plans: list[Plan], home: Home) -> None:
    plan = make(plans, home, secret_key="u" * 40)
    assert find(plan, "api").environment["LOREBASE_SECRET_KEY"] == "u" * 40
    assert not home.folder("secret_key").exists()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/graphql"),
        ("0.0.0.0", "http://127.0.0.1:8000/graphql"),
        ("::", "http://[::1]:8000/graphql"),
    ],
)
def test_the_url_is_one_that_this_machine_reaches(host: str, url: str) -> None:
    assert graphql_url(Settings(host=host)) == url
