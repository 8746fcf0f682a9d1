"""Each child is told what it needs and no more."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from lorebase.core.config import Settings
from lorebase.embedded.environment import (
    Addresses,
    ChildEnvironments,
    child_environments,
    needed_parts,
    settings_environment,
)
from lorebase.embedded.home import Home

HOME = Home(Path("/a home/.lorebase"))
HERE = Addresses(
    database_url="postgresql+asyncpg://lorebase_app:p@/lorebase?host=/run/x",
    database_owner_url="postgresql+asyncpg://lorebase_owner:o@/lorebase?host=/run/x",
    redis_url="unix:///run/x/valkey.sock",
    milvus_uri="unix:/run/x/milvus.sock",
    local_models_url="http://127.0.0.1:5/v1",
    secret_key="k" * 48,
)
ELSEWHERE = Addresses(None, None, None, None, None, "k" * 48)


@pytest.fixture(autouse=True)
def _no_settings_from_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LOREBASE_{name.upper()}", raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def compose(
    settings: Settings, addresses: Addresses = HERE, inherited: dict[str, str] | None = None
) -> ChildEnvironments:
    return child_environments(settings, HOME, addresses, inherited or {})


def test_everything_is_needed_by_default() -> None:
    needed = needed_parts(Settings())
    assert (needed.postgres, needed.valkey, needed.milvus, needed.models) == (True, True, True, True)


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("database_url", "postgresql+asyncpg://u:p@db/x", "postgres"),
        ("redis_url", "redis://cache", "valkey"),
        ("milvus_uri", "http://milvus:19530", "milvus"),
    ],
)
def test_a_part_with_a_url_is_left_out_and_no_other(name: str, value: str, part: str) -> None:
    needed = needed_parts(Settings.model_validate({name: value}))
    left_out = {each for each in ("postgres", "valkey", "milvus", "models") if not getattr(needed, each)}
    assert left_out == {part}


@pytest.mark.parametrize(
    ("embedding", "chat", "needed"),
    [(None, None, True), ("e", None, True), (None, "c", True), ("e", "c", False)],
)
def test_local_models_are_left_out_only_when_both_are_remote(
    embedding: str | None, chat: str | None, needed: bool
) -> None:
    settings = Settings(
        embedding_model=embedding,
        chat_model=chat,
        OPENAI_API_KEY="sk",  # type: ignore[call-arg]
    )
    assert needed_parts(settings).models is needed


def test_services_are_told_where_the_parts_listen() -> None:
    service = compose(Settings()).service
    assert service["LOREBASE_DATABASE_URL"] == HERE.database_url
    assert service["LOREBASE_REDIS_URL"] == HERE.redis_url
    assert service["LOREBASE_MILVUS_URI"] == HERE.milvus_uri
    assert service["LOREBASE_LOCAL_MODELS_URL"] == HERE.local_models_url
    assert service["LOREBASE_SECRET_KEY"] == HERE.secret_key
    assert service["LOREBASE_HOME"] == "/a home/.lorebase"


def test_the_blob_url_survives_a_space_in_the_home() -> None:
    url = compose(Settings()).service["LOREBASE_BLOB_URL"]
    assert urlsplit(url).scheme == "file"
    assert unquote(urlsplit(url).path) == "/a home/.lorebase/blobs"


def test_only_migrate_is_the_owner_of_the_database() -> None:
    environments = compose(Settings())
    assert environments.migrate["LOREBASE_DATABASE_OWNER_URL"] == HERE.database_owner_url
    for other in (environments.service, environments.plain, environments.binary):
        assert "LOREBASE_DATABASE_OWNER_URL" not in other
        assert not any("lorebase_owner" in value for value in other.values())


def test_an_owner_url_given_by_the_user_reaches_migrate_alone() -> None:
    settings = Settings.model_validate(
        {"database_url": "postgresql+asyncpg://a@db/x", "database_owner_url": "o"}
    )
    environments = compose(settings, ELSEWHERE, {"LOREBASE_DATABASE_OWNER_URL": "o"})
    assert environments.migrate["LOREBASE_DATABASE_OWNER_URL"] == "o"
    assert "LOREBASE_DATABASE_OWNER_URL" not in environments.service


def test_urls_of_servers_elsewhere_are_passed_on() -> None:
    settings = Settings.model_validate({"redis_url": "redis://:pw@cache/0", "milvus_token": "t"})
    service = compose(settings, ELSEWHERE).service
    assert service["LOREBASE_REDIS_URL"] == "redis://:pw@cache/0"
    assert service["LOREBASE_MILVUS_TOKEN"] == "t"


def test_models_and_the_milvus_owner_learn_no_secret() -> None:
    settings = Settings.model_validate({"redis_url": "redis://:pw@cache/0", "milvus_token": "t"})
    plain = compose(settings, HERE, {"OPENAI_API_KEY": "sk-ambient", "LOREBASE_SECRET_KEY": "z"}).plain
    assert not {"LOREBASE_DATABASE_URL", "LOREBASE_REDIS_URL", "LOREBASE_SECRET_KEY"} & set(plain)
    assert "LOREBASE_MILVUS_TOKEN" not in plain
    assert "OPENAI_API_KEY" not in plain


def test_an_ambient_openai_key_goes_nowhere() -> None:
    inherited = {"OPENAI_API_KEY": "sk-ambient", "OPENAI_BASE_URL": "https://x", "OPENAI_ORG_ID": "o"}
    settings = Settings(OPENAI_API_KEY="sk-ambient")  # type: ignore[call-arg]
    environments = compose(settings, HERE, inherited)
    for environment in (environments.service, environments.migrate, environments.plain, environments.binary):
        assert not [name for name in environment if name.startswith("OPENAI_")]
        assert "sk-ambient" not in environment.values()


@pytest.mark.parametrize("name", ["embedding_model", "chat_model"])
def test_the_openai_key_goes_to_services_once_a_remote_model_is_named(name: str) -> None:
    settings = Settings.model_validate({name: "m", "OPENAI_API_KEY": "sk-meant"})
    environments = compose(settings, HERE, {"OPENAI_API_KEY": "sk-meant"})
    assert environments.service["OPENAI_API_KEY"] == "sk-meant"
    assert "OPENAI_API_KEY" not in environments.plain


@pytest.mark.parametrize("name", ["embedding_model", "chat_model"])
def test_the_local_model_server_starts_beside_one_remote_model(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"LOREBASE_{name.upper()}"
    settings = Settings.model_validate({name: "m", "OPENAI_API_KEY": "sk-meant"})
    environments = compose(settings, HERE, {"OPENAI_API_KEY": "sk-meant", variable: "m"})
    assert environments.service[variable] == "m"
    for inherited in (variable, "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(inherited, raising=False)
    for given, value in environments.plain.items():
        monkeypatch.setenv(given, value)
    assert getattr(Settings(), name) is None


def test_binaries_are_kept_from_a_bad_locale() -> None:
    inherited = {
        "LC_ALL": "xx_XX.bad",
        "LANG": "nowhere",
        "PATH": "/bin",
        "PGHOST": "elsewhere",
        "LC_TIME": "q",
    }
    binary = compose(Settings(), HERE, inherited).binary
    assert binary == {"PATH": "/bin", "LC_ALL": "C", "HOME": "/a home/.lorebase"}


def test_a_proxy_is_not_asked_for_the_loopback() -> None:
    service = compose(Settings(), HERE, {"HTTP_PROXY": "http://proxy", "NO_PROXY": "internal"}).service
    assert service["NO_PROXY"] == "internal,127.0.0.1,localhost"
    assert service["no_proxy"] == "127.0.0.1,localhost"


def test_children_find_python_modules_from_any_folder() -> None:
    service = compose(Settings(), HERE, {"PYTHONPATH": "src:/other"}).service
    assert service["PYTHONPATH"].split(":") == [str(Path("src").absolute()), "/other"]


def test_children_do_not_load_a_stray_dotenv_file() -> None:
    assert compose(Settings()).service["PYTHON_DOTENV_DISABLED"] == "1"


def test_settings_given_in_code_reach_the_children() -> None:
    settings = Settings.model_validate({"port": 8111, "cors_origins": ["https://a"], "graphiql": False})
    service = compose(settings).service
    assert service["LOREBASE_PORT"] == "8111"
    assert service["LOREBASE_CORS_ORIGINS"] == '["https://a"]'
    assert service["LOREBASE_GRAPHIQL"] == "False"


def test_children_read_back_the_settings_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings.model_validate(
        {
            "port": 8111,
            "cors_origins": ["https://a", "https://b"],
            "graphiql": False,
            "environment": "production",
            "job_lease_seconds": 7.5,
            "chat_model": "m",
            "OPENAI_API_KEY": "sk",
            "redis_url": "redis://:pw@cache/0",
            "models_directory": "/models",
        }
    )
    for name, value in settings_environment(given).items():
        monkeypatch.setenv(name, value)
    assert Settings() == given


def test_defaults_are_not_frozen_into_the_environment() -> None:
    assert settings_environment(Settings()) == {}


def test_relative_paths_are_made_absolute() -> None:
    settings = Settings.model_validate({"models_directory": "models"})
    assert settings_environment(settings) == {"LOREBASE_MODELS_DIRECTORY": str(Path("models").absolute())}
