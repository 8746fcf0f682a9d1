"""The parts of the whole stack, in the order in which they start."""

from __future__ import annotations

import secrets
import signal
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lorebase.clients.profile_file import read_profiles
from lorebase.core.config import Settings, process_environment
from lorebase.core.errors import Permanent
from lorebase.embedded.account import unprivileged_account
from lorebase.embedded.credentials import keep_first_workspace, read_credentials, refresh_url
from lorebase.embedded.environment import (
    Addresses,
    ChildEnvironments,
    child_environments,
    needed_parts,
)
from lorebase.embedded.errors import StackError
from lorebase.embedded.home import Home
from lorebase.embedded.migration_note import MigrationNote
from lorebase.embedded.part import OneShot, OneShotResult, Part, Stage
from lorebase.embedded.ports import LOOPBACK, ensure_free, free_port, reachable_host
from lorebase.embedded.postgres import (
    OWNER,
    create_database_part,
    database_url,
    initdb_part,
    postgres_part,
)
from lorebase.embedded.postgres_place import known_data_directory, open_postgres_place
from lorebase.embedded.private_file import read_or_make
from lorebase.embedded.probes import http_is_ok, socket_accepts
from lorebase.embedded.run_directory import RunDirectory, open_run_directory, parent_folders
from lorebase.embedded.valkey import valkey_part
from lorebase.services.search.retrieval_profiles import RetrievalProfiles

APP = "lorebase_app"


@dataclass(frozen=True)
class Plan:
    """What a supervisor runs: the parts of a stage start together, once the stage before is ready."""

    stages: tuple[Stage, ...]
    url: str
    run_directory: RunDirectory | None = None


def python_module(module: str, *arguments: str) -> tuple[str, ...]:
    """A module of ours in a Python of its own, which takes no module from the folder it runs in."""
    return (sys.executable, "-P", "-m", module, *arguments)


def graphql_url(settings: Settings) -> str:
    """The GraphQL endpoint as this machine reaches it."""
    host = reachable_host(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/graphql"


def default_plan(settings: Settings, home: Home) -> Plan:
    """PostgreSQL, Valkey, Milvus Lite and models where needed; migration and first key; worker and API."""
    _check_profiles(settings)
    ensure_free(settings.host, settings.port)
    return _Planner(settings, home).plan()


def _check_profiles(settings: Settings) -> None:
    """A file that cannot be used would stop the API and the worker at every start."""
    try:
        RetrievalProfiles(settings, read_profiles(settings.retrieval_profiles))
    except Permanent as error:
        raise StackError(error.message) from error


class _Planner:
    def __init__(self, settings: Settings, home: Home) -> None:
        inherited = process_environment()
        self._settings = settings
        self._home = home
        self._needed = needed_parts(settings)
        self._account = unprivileged_account() if self._needed.postgres else None
        self._run = open_run_directory(home.path, self._account, parent_folders(inherited))
        self._models_port = free_port()
        self._owner_password = self._secret("database_owner_password")
        self._url = graphql_url(settings)
        self._environments: ChildEnvironments = child_environments(
            settings, home, self._addresses(), inherited
        )

    def plan(self) -> Plan:
        initdb, stores, create = self._postgres()
        if self._needed.valkey:
            stores += (self._valkey(),)
        if self._needed.milvus:
            stores += (self._milvus(),)
        if self._needed.models:
            stores += (self._models(),)
        stages = (initdb, stores, create, self._migrate(), self._first_workspace(), self._services())
        return Plan(tuple(stage for stage in stages if stage), self._url, self._run)

    def _secret(self, name: str) -> str:
        return read_or_make(self._home.folder(name), lambda: secrets.token_hex(24))

    def _addresses(self) -> Addresses:
        needed, run, kept = self._needed, self._run, self._settings.secret_key
        sockets, password = run.postgres, self._secret("database_password")
        return Addresses(
            database_url=database_url(sockets, APP, password) if needed.postgres else None,
            database_owner_url=(
                database_url(sockets, OWNER, self._owner_password) if needed.postgres else None
            ),
            redis_url=f"unix://{run.valkey_socket}" if needed.valkey else None,
            milvus_uri=f"unix:{run.milvus_socket}" if needed.milvus else None,
            local_models_url=f"http://{LOOPBACK}:{self._models_port}/v1" if needed.models else None,
            secret_key=kept.get_secret_value() if kept else self._secret("secret_key"),
        )

    def _postgres(self) -> tuple[Stage, Stage, Stage]:
        if not self._needed.postgres:
            return (), (), ()
        place = open_postgres_place(self._home, self._run, self._account, self._environments.binary)
        initdb = initdb_part(place, self._owner_password)
        create = create_database_part(place, self._owner_password)
        return (initdb,) if initdb else (), (postgres_part(place),), (create,)

    def _valkey(self) -> Part:
        return valkey_part(
            self._home.folder("valkey"),
            self._run.valkey_socket,
            self._home.log("valkey"),
            self._environments.binary,
        )

    def _milvus(self) -> Part:
        return milvus_part(
            self._home.folder("milvus"),
            self._run.milvus_socket,
            self._home.log("milvus"),
            self._environments.plain,
        )

    def _models(self) -> Part:
        port = self._models_port
        return replace(
            self._service("models", "local models", "lorebase.embedded.models"),
            command=python_module("lorebase.embedded.models", "--host", LOOPBACK, "--port", str(port)),
            environment=self._environments.plain,
            probe=lambda: http_is_ok(LOOPBACK, port, "/health"),
            address=f"http://{LOOPBACK}:{port}/v1",
        )

    def _migrate(self) -> Stage:
        migrate = self._command("migrate", "migration", "migrate")
        migrate = replace(migrate, environment=self._environments.migrate)
        if not (self._needed.postgres and self._needed.milvus):
            return (migrate,)
        stores = (known_data_directory(self._home), self._home.folder("milvus"))
        note = MigrationNote(self._home.folder("migrated"), self._settings, stores)
        return () if note.is_current() else (replace(migrate, finished=lambda result: note.write()),)

    def _command(self, name: str, title: str, *words: str) -> OneShot:
        return OneShot(
            name=name,
            title=title,
            command=python_module("lorebase.cli", *words),
            environment=self._environments.service,
            log=self._home.log(name),
            directory=self._home.path,
        )

    def _first_workspace(self) -> Stage:
        if read_credentials(self._home):
            refresh_url(self._home, self._url)
            return ()
        first = self._command("workspace", "first workspace", "workspace", "first")
        finish = partial(_keep_first_workspace, self._home, self._url)
        return (replace(first, finished=finish),)

    def _services(self) -> Stage:
        host, port = reachable_host(self._settings.host), self._settings.port
        worker = self._service("worker", "worker", "lorebase.workers")
        api = self._service("api", "API", "lorebase.asgi")
        probe = lambda: http_is_ok(host, port, "/readyz")  # noqa: E731
        return (worker, replace(api, probe=probe, address=self._url.removesuffix("/graphql")))

    def _service(self, name: str, title: str, module: str) -> Part:
        return Part(
            name=name,
            title=title,
            command=python_module(module),
            environment=self._environments.service,
            log=self._home.log(name),
            probe=None,
            directory=self._home.path,
            stop_seconds=self._settings.drain_seconds + 5.0,
        )


def _keep_first_workspace(home: Home, url: str, result: OneShotResult) -> None:
    keep_first_workspace(home, url, result.output)


def milvus_part(data: Path, socket: Path, log: Path, environment: dict[str, str]) -> Part:
    """The owner of the Milvus Lite directory `data`; it listens once every collection is loaded."""
    return Part(
        name="milvus",
        title="Milvus Lite",
        command=python_module("lorebase.embedded.milvus_owner", str(data), f"unix:{socket}"),
        environment=environment,
        log=log,
        probe=lambda: socket_accepts(socket),
        address=str(socket),
        orphan_signal=signal.SIGTERM,
        stop_seconds=30.0,
    )
