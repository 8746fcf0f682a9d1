"""The stack under fault: started with short leases, its proxies, its model server, and its processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lorebase.clients.blob_directory import PART_PREFIX
from lorebase.core.config import Settings
from lorebase.embedded import supervisor
from lorebase.embedded.credentials import Credentials, read_credentials
from lorebase.embedded.detached import wait_until_ready
from lorebase.embedded.home import Home, open_home
from lorebase.embedded.plan import APP
from lorebase.embedded.ports import free_port
from lorebase.embedded.postgres import DATABASE, OWNER
from lorebase.embedded.state import PartRecord, read_state
from lorebase.embedded.status import PartState
from tests.fakes.openai_server import openai_server
from tests.faults.model_server import DIMENSIONS, MODEL, MoodyModels
from tests.faults.proxy import Proxy
from tests.faults.stack_process import milvus_proxy, postgres_proxy, proxy_folder, valkey_proxy
from tests.integration.embedded_parts import clean_environment

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 3.0
_START_SECONDS = 240.0
_STOP_SECONDS = 60.0
# Everything waits less than an operator would have it wait, so that a round is short.
_QUICK = {
    "LOREBASE_JOB_LEASE_SECONDS": str(LEASE_SECONDS),
    "LOREBASE_JOB_SWEEP_SECONDS": "1",
    "LOREBASE_JOB_BACKOFF_BASE_SECONDS": "0.5",
    "LOREBASE_JOB_BACKOFF_CAP_SECONDS": "8",
    "LOREBASE_MODEL_TIMEOUT_SECONDS": "3",
    "LOREBASE_MODEL_RETRY_SECONDS": "4",
    "LOREBASE_MILVUS_TIMEOUT_SECONDS": "4",
    "LOREBASE_DATABASE_STATEMENT_TIMEOUT_MS": "5000",
    "LOREBASE_EMBEDDING_MODEL": MODEL,
    "LOREBASE_EMBEDDING_DIMENSIONS": str(DIMENSIONS),
    "OPENAI_API_KEY": "none",
}


class FaultStack:
    """A running stack: where its processes and sockets are, and what stands before its stores."""

    def __init__(self, home: Home, environment: dict[str, str], models: MoodyModels) -> None:
        self.home = home
        self.environment = environment
        self.models = models
        self.proxies = {
            "postgres": Proxy(postgres_proxy(home.path), lambda: self.postgres_sockets / ".s.PGSQL.5432"),
            "valkey": Proxy(valkey_proxy(home.path), lambda: self.socket("valkey")),
            "milvus": Proxy(milvus_proxy(home.path), lambda: self.socket("milvus")),
        }

    @property
    def credentials(self) -> Credentials:
        """Endpoint, key, and the first workspace's ids."""
        found = read_credentials(self.home)
        assert found is not None, "the stack wrote no credentials"
        return found

    @property
    def postgres_sockets(self) -> Path:
        """The folder of PostgreSQL's own socket."""
        return self.socket("postgres")

    def owner_login(self) -> dict[str, str]:
        """How the owner of the tables, whom no policy hides a row from, logs in to PostgreSQL itself."""
        password = self.home.folder("database_owner_password").read_text().strip()
        return {
            "host": str(self.postgres_sockets),
            "user": OWNER,
            "password": password,
            "database": DATABASE,
        }

    def socket(self, name: str) -> Path:
        """Where a part listens, past the proxy."""
        return Path(self.part(name).address)

    def part(self, name: str) -> PartRecord:
        """A part as the supervisor last saw it."""
        return part_of(self.home, name)

    async def running(self, name: str, seconds: float = 40.0) -> int | None:
        """The process id of a part, once it is ready; None when it is not within the time."""
        for _ in range(int(seconds * 10)):
            part = self.part(name)
            if part.state is PartState.READY and part.pid is not None:
                return part.pid
            await asyncio.sleep(0.1)
        return None

    def age_broken_uploads(self) -> None:
        """Makes what broken uploads left so old that the reconciler has to see it."""
        for part in self.home.folder("blobs").rglob(f"{PART_PREFIX}*"):
            os.utime(part, (0, 0))

    def lorebase(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs the command line on this stack, as an operator would."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "lorebase.cli", *words],
            env=self.environment | self._store_addresses(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def _store_addresses(self) -> dict[str, str]:
        password = self.home.folder("database_password").read_text().strip()
        owner = self.home.folder("database_owner_password").read_text().strip()
        place = f"@/{DATABASE}?host={self.postgres_sockets}"
        return {
            "LOREBASE_DATABASE_URL": f"postgresql+asyncpg://{APP}:{password}{place}",
            "LOREBASE_DATABASE_OWNER_URL": f"postgresql+asyncpg://{OWNER}:{owner}{place}",
            "LOREBASE_REDIS_URL": f"unix://{self.socket('valkey')}",
            "LOREBASE_MILVUS_URI": f"unix:{self.socket('milvus')}",
            "LOREBASE_BLOB_URL": self.home.folder("blobs").as_uri(),
            "LOREBASE_SECRET_KEY": self.home.folder("secret_key").read_text().strip(),
        }


def part_of(home: Home, name: str) -> PartRecord:
    """A part as the supervisor of the home last saw it."""
    record = read_state(home.state)
    assert record is not None, "the supervisor says nothing"
    return next(part for part in record.parts if part.name == name)


@asynccontextmanager
async def running_fault_stack(base: Path | None = None) -> AsyncIterator[FaultStack]:
    """Starts a stack in a new folder, or in `base`, and stops it at the end; a folder given is kept."""
    place = base or Path(tempfile.mkdtemp(prefix="lf-", dir="/tmp"))
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o711)
    proxy_folder(place / "home").mkdir(exist_ok=True)
    try:
        home = open_home(place / "home")
        models = MoodyModels(lambda: part_of(home, "models").address)
        # The environment names the port of the server, which has one once it runs.
        async with openai_server(models):  # noqa: SIM117
            async with _started(FaultStack(home, _environment(home, models), models)) as stack:
                yield stack
    finally:
        if base is None:
            shutil.rmtree(place, ignore_errors=True)


@asynccontextmanager
async def _started(stack: FaultStack) -> AsyncIterator[FaultStack]:
    for proxy in stack.proxies.values():
        await proxy.start()
    process = _spawn(stack)
    try:
        await asyncio.to_thread(wait_until_ready, process, stack.home, 0, _START_SECONDS)
        yield stack
    finally:
        await asyncio.to_thread(_end, process, stack.home)
        for proxy in stack.proxies.values():
            await proxy.close()


def _spawn(stack: FaultStack) -> subprocess.Popen[bytes]:
    with stack.home.supervisor_log.open("ab", buffering=0) as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.faults.stack_process"],
            env=stack.environment,
            cwd=stack.home.path,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes], home: Home) -> None:
    """Ends the supervisor, which ends its parts; kills all of them when that takes too long."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        supervisor.stop(Settings(home=home.path), timeout=0)
        process.kill()
        process.wait()


def _environment(home: Home, models: MoodyModels) -> dict[str, str]:
    inherited = clean_environment()
    path = os.pathsep.join(filter(None, (str(ROOT), inherited.get("PYTHONPATH"))))
    own = {
        "LOREBASE_HOME": str(home.path),
        "LOREBASE_PORT": str(free_port()),
        "OPENAI_BASE_URL": models.url,
        "PYTHONPATH": path,
        "PYTHONUTF8": "1",
    }
    return {**inherited, **_QUICK, **own}
