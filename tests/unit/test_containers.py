"""What the container files promise: small rights, pinned images, no secrets, settings that exist."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from enum import Enum
from functools import lru_cache
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefinedType

from lorebase.core.config import Settings

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
OURS = {"api", "worker", "migrate", "models"}


class Port(BaseModel):
    host_ip: str = ""
    target: int


class Dependency(BaseModel):
    condition: str


class Service(BaseModel):
    """The part of a service that these tests look at, after docker compose resolved it."""

    model_config = ConfigDict(extra="ignore")

    image: str
    environment: dict[str, str] = {}
    ports: list[Port] = []
    networks: dict[str, object] = {}
    depends_on: dict[str, Dependency] = {}
    restart: str | None = None
    read_only: bool = False
    cap_drop: list[str] = []
    healthcheck: dict[str, object] | None = None


def secret_names() -> list[str]:
    return sorted(set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE)))


@lru_cache
def services() -> dict[str, Service]:
    secrets = {name: f"secret-{name.lower()}" for name in secret_names()}
    command = [TOOLS / "docker-compose", "--file", ROOT / "docker-compose.yml", "--env-file", os.devnull]
    resolved = subprocess.run(
        [*command, "config", "--format", "json"], env=secrets, capture_output=True, text=True, check=True
    )
    found = json.loads(resolved.stdout)["services"]
    return {name: Service.model_validate(service) for name, service in found.items()}


def stages() -> dict[str, str]:
    """The text of each stage of the Dockerfile, by name."""
    parts = re.split(r"(?m)^FROM ", DOCKERFILE)[1:]
    return {part.splitlines()[0].split(" AS ")[1]: part for part in parts}


def test_the_linters_find_nothing_and_without_secrets_nothing_starts() -> None:
    environment = {"PATH": os.defpath, "VENV": str(TOOLS.parent)}
    script = ["sh", str(ROOT / "scripts/check_containers.sh")]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_role_is_a_stage_upon_one_runtime() -> None:
    assert {"ide", "build", "model", "runtime"} | OURS == set(stages())
    for role in OURS:
        assert stages()[role].startswith(f"runtime AS {role}\n")
        assert f'CMD ["{role}"]' in stages()[role]


def test_the_runtime_is_an_ordinary_user_with_a_health_check() -> None:
    runtime = stages()["runtime"]
    assert re.findall(r"(?m)^USER (.+)$", DOCKERFILE) == ["10001:10001"]
    assert "\nUSER 10001:10001\n" in runtime
    assert "\nWORKDIR /var/lib/lorebase\n" in runtime
    assert "\nHEALTHCHECK " in runtime
    assert "PYTHONDONTWRITEBYTECODE=1" in runtime


def test_nothing_that_builds_or_installs_is_in_the_runtime() -> None:
    runtime = stages()["runtime"] + "".join(stages()[role] for role in OURS)
    assert "pip uninstall --yes" in runtime
    for tool in ("apt-get", "pip install", "npm", "gcc", "build-essential"):
        assert tool not in runtime


def test_every_package_is_installed_by_hash() -> None:
    installs = re.findall(r"(?:pip|/python) install [^&\n]+", DOCKERFILE)
    assert len(installs) == 4
    assert all("--require-hashes" in command or "--no-index" in command for command in installs)
    assert "RUN npm ci" in DOCKERFILE
    assert "npm install" not in DOCKERFILE


def test_every_image_has_a_tag_that_is_not_latest() -> None:
    bases = [first for first in re.findall(r"(?m)^FROM (\S+)", DOCKERFILE) if first not in stages()]
    images = [*bases, *(service.image for service in services().values())]
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", image) for image in images), images
    assert not any(image.endswith(":latest") for image in images)


def test_every_secret_comes_from_outside() -> None:
    assert secret_names() == [
        "LOREBASE_DATABASE_PASSWORD",
        "LOREBASE_SECRET_KEY",
        "MILVUS_ROOT_PASSWORD",
        "MINIO_PASSWORD",
        "POSTGRES_PASSWORD",
        "VALKEY_PASSWORD",
    ]
    for service in services().values():
        for name, value in service.environment.items():
            if re.search(r"PASSWORD|SECRET|TOKEN|_KEY$|AUTH$", name):
                assert "secret-" in value, name
    assert not re.search(r"(?i)(password|secret|token|api_key)=\S", DOCKERFILE)


def test_only_the_api_is_published_and_only_to_this_machine() -> None:
    published = {name: service.ports for name, service in services().items() if service.ports}
    assert published == {"api": [Port(host_ip="127.0.0.1", target=8000)]}


def test_the_stores_are_on_a_network_without_a_way_out() -> None:
    assert "stores: {internal: true}" in COMPOSE
    for name in services().keys() - {"api", "worker", "migrate"}:
        assert set(services()[name].networks) == {"stores"}


@pytest.mark.parametrize("role", sorted(OURS))
def test_our_containers_may_do_little(role: str) -> None:
    service = services()[role]
    assert service.read_only
    assert service.cap_drop == ["ALL"]


def test_only_the_migration_knows_the_owner_of_the_database() -> None:
    knowing = {name for name, service in services().items() if "secret-postgres_password" in str(service)}
    assert knowing == {"postgres", "migrate"}


def test_everything_starts_in_order_and_again_after_a_crash() -> None:
    conditions = {
        name: {other: found.condition.removeprefix("service_") for other, found in service.depends_on.items()}
        for name, service in services().items()
    }
    started = {"migrate": "completed_successfully", "valkey": "healthy"}
    assert conditions["api"] == conditions["worker"] == started
    assert conditions["migrate"] == {"postgres": "healthy", "milvus": "healthy", "models": "healthy"}
    assert conditions["milvus"] == {"etcd": "healthy", "minio": "healthy"}
    policies = {name: service.restart for name, service in services().items()}
    assert policies.pop("migrate") == "no"
    assert set(policies.values()) == {"unless-stopped"}


def test_whatever_another_service_waits_for_has_a_health_check() -> None:
    awaited = {
        other
        for service in services().values()
        for other, found in service.depends_on.items()
        if found.condition == "service_healthy"
    }
    for name in awaited - OURS:  # Ours have that of the image.
        assert services()[name].healthcheck, name


def setting_names() -> dict[str, FieldInfo]:
    fields = Settings.model_fields.items()
    return {str(info.validation_alias or f"LOREBASE_{name.upper()}"): info for name, info in fields}


def test_every_setting_that_the_containers_are_given_exists() -> None:
    given = {name for role in OURS for name in services()[role].environment}
    given |= set(re.findall(r"\b(LOREBASE_[A-Z_]+)=", DOCKERFILE))
    assert len(given) > 8
    assert given <= set(setting_names())


def default_text(info: FieldInfo) -> str:
    """The default as an environment variable; empty for none, and for one that the machine decides."""
    value = [] if info.default_factory is list else info.default
    match value:
        case None | PydanticUndefinedType():
            return ""
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case _:
            return str(value)


def test_the_example_names_every_setting_with_its_default_and_no_secret() -> None:
    lines = dict(re.findall(r"(?m)^#?([A-Z][A-Z_]+)=(.*)$", EXAMPLE))
    expected = {name: default_text(info) for name, info in setting_names().items()}
    expected |= dict.fromkeys(secret_names(), "")
    assert lines == expected


def test_the_build_takes_nothing_that_is_not_named() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in ignored if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert "**/.env*" in patterns[patterns.index("!src") :]
    assert "ide/node_modules" in patterns[patterns.index("!ide") :]
    sources = re.findall(r"(?m)^COPY (?:--chmod=\S+ )?((?!--from)\S.*) \S+$", DOCKERFILE)
    allowed = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    for source in " ".join(sources).split():
        matches = [Path(source).match(entry) or source.startswith(f"{entry}/") for entry in allowed]
        assert any(matches), source
        assert (ROOT / source).exists(), source


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A folder whose `python` and `lorebase` only tell how they were called."""
    for name in ("python", "lorebase"):
        stub = tmp_path / name
        stub.write_text(f'#!/bin/sh\necho "{name} $*"\nexit "${{STUB_EXIT:-0}}"\n')
        stub.chmod(0o755)
    return tmp_path


def call(script: str, stubs: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", str(ROOT / "docker" / script), *arguments],
        env={"PATH": f"{stubs}:{os.defpath}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], "python -m lorebase.asgi"),
        (["api"], "python -m lorebase.asgi"),
        (["worker"], "python -m lorebase.workers"),
        (["migrate"], "lorebase migrate"),
        (["models"], "python -m lorebase.embedded.models --host 0.0.0.0 --port 8080"),
        (["workspace", "first"], "lorebase workspace first"),
    ],
)
def test_the_entrypoint_starts_each_role(stubs: Path, arguments: list[str], command: str) -> None:
    assert call("entrypoint", stubs, *arguments) == (0, command)


@pytest.mark.parametrize(
    ("process", "asked"),
    [
        ("python -m lorebase.asgi", "http://127.0.0.1:8123/livez"),
        ("/sbin/docker-init -- lorebase-entrypoint api", "http://127.0.0.1:8123/livez"),
        ("python -m lorebase.workers", "-m lorebase.workers.health"),
        ("/sbin/docker-init -- lorebase-entrypoint worker", "-m lorebase.workers.health"),
        ("python -m lorebase.embedded.models --host 0.0.0.0", "http://127.0.0.1:8080/health"),
        ("/sbin/docker-init -- lorebase-entrypoint models", "http://127.0.0.1:8080/health"),
    ],
)
def test_the_health_check_asks_the_role_that_runs(stubs: Path, process: str, asked: str) -> None:
    code, output = call("healthcheck", stubs, process, LOREBASE_PORT="8123")
    assert (code, output.endswith(asked)) == (0, True)
    assert call("healthcheck", stubs, process, STUB_EXIT="1")[0] == 1


def test_a_command_that_runs_once_is_healthy(stubs: Path) -> None:
    assert call("healthcheck", stubs, "python lorebase migrate", STUB_EXIT="1") == (0, "")
