"""`python -m tests.faults.stack_process`: the stack as `lorebase up` runs it, with proxies before its stores.

Only the API and the workers go through the proxies, which listen in the folder `proxies` beside the home, and
through the server with moods, which stands before the local models.
There is a second worker, so that somebody takes over what a frozen one had.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lorebase.core.config import Settings, get_settings
from lorebase.embedded.home import Home
from lorebase.embedded.part import OneShot, Part
from lorebase.embedded.plan import Plan, default_plan
from lorebase.embedded.supervisor import run_foreground

_SERVICES = ("api", "worker")


def proxy_folder(home: Path) -> Path:
    """Where the proxies of a home listen."""
    return home.parent / "proxies"


def postgres_proxy(home: Path) -> Path:
    """PostgreSQL's clients are given the folder and know the name of the socket."""
    return proxy_folder(home) / ".s.PGSQL.5432"


def valkey_proxy(home: Path) -> Path:
    """In front of Valkey."""
    return proxy_folder(home) / "valkey.sock"


def milvus_proxy(home: Path) -> Path:
    """In front of the owner of Milvus Lite."""
    return proxy_folder(home) / "milvus.sock"


def plan_with_proxies(settings: Settings, home: Home) -> Plan:
    """The usual plan, with the services behind proxies and a second worker."""
    plan = default_plan(settings, home)
    *stores, services = (tuple(behind_proxies(part, home.path) for part in stage) for stage in plan.stages)
    worker = next(part for part in services if part.name == "worker")
    heartbeat = {"LOREBASE_WORKER_HEARTBEAT_FILE": str(home.path / "worker2.heartbeat")}
    second = replace(
        worker, name="worker2", log=home.log("worker2"), environment={**worker.environment, **heartbeat}
    )
    return replace(plan, stages=(*stores, (*services, second)))


def behind_proxies(part: Part | OneShot, home: Path) -> Part | OneShot:
    """The part with the addresses of proxies and model server, when it is the API or the worker."""
    if part.name not in _SERVICES:
        return part
    return replace(part, environment={**part.environment, **_addresses(part.environment, home)})


def _addresses(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    login, found, _ = environment["LOREBASE_DATABASE_URL"].partition("?host=")
    assert found, "PostgreSQL is expected on a socket of this machine"
    return {
        "LOREBASE_DATABASE_URL": f"{login}?host={proxy_folder(home)}",
        "LOREBASE_REDIS_URL": f"unix://{valkey_proxy(home)}",
        "LOREBASE_MILVUS_URI": f"unix:{milvus_proxy(home)}",
        # The server with moods passes chats on to the local models.
        "LOREBASE_LOCAL_MODELS_URL": environment["OPENAI_BASE_URL"],
    }


if __name__ == "__main__":
    sys.exit(run_foreground(get_settings(), plan_with_proxies))
