"""A reindex under traffic: `python -m tests.bench.reindex.measure MODEL_ID [OPTION…]`.

Talks to the stack of LOREBASE_HOME. MODEL_ID is the id of another embedding model, as
`lorebase embeddings add --dimensions 256` prints it. Four clients search and two write while the knowledge
base moves to it and back. `--documents=N` are made first, 5,000 unless told; `--in=ID` takes those of the
knowledge base of that id instead, which an earlier run left. With `--kill` the worker and the owner of Milvus
are killed at a quarter of the way.
The reindex works in the worker, in Milvus and in the models: what a search costs is told apart in the API
only, so that is compared with quiet.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import time

import psutil

from lorebase.cli.connection.credentials import find_target
from lorebase.core.config import get_settings
from lorebase.embedded import supervisor
from tests.bench.stack.measure import cpu_seconds, processes
from tests.e2e.client import Api, Json
from tests.e2e.library import Library
from tests.e2e.traffic import Traffic, indexes_of

SEARCHERS, WRITERS = 4, 2
QUIET_SECONDS = 30.0
PATIENCE_SECONDS = 3600.0


def option(name: str) -> str | None:
    """What is given as --name=…."""
    return next((a.split("=")[1] for a in sys.argv if a.startswith(f"--{name}=")), None)


class Meter:
    """CPU of each part and latencies of searches, from when it was made."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._parts: dict[str, psutil.Process] = processes()
        self._before = cpu_seconds(self._parts)
        self._began = len(traffic.searched)
        self._at = time.perf_counter()

    def report(self, name: str) -> float:
        """Prints a line; CPU milliseconds of the API for each search."""
        seconds = self._traffic.searched[self._began :]
        spent = {part: self._spent(part) for part in ("api", "milvus", "models", "postgres", "worker")}
        number = max(1, len(seconds))
        each = {part: round(1000 * used / number, 1) for part, used in spent.items()}
        quantiles = statistics.quantiles(seconds or [0.0, 0.0], n=20)
        wall = time.perf_counter() - self._at
        print(
            f"{name}: {len(seconds)} searches in {wall:.0f} s, p50 {quantiles[9]:.3f} s, "
            f"p95 {quantiles[18]:.3f} s, CPU ms a search by part {each}"
        )
        return 1000 * spent["api"] / number

    def _spent(self, part: str) -> float:
        try:
            now = cpu_seconds({part: self._parts[part]})[part]
        except psutil.NoSuchProcess:
            # It was killed: what its successor used is all that can be read.
            return cpu_seconds({part: processes()[part]})[part]
        return now - self._before[part]


async def follow(api: Api, job_id: str, kill: bool) -> Json:
    """Waits for the end of a job; kills two processes on the way when told."""
    waiting = kill
    while True:
        body = await api.result("show-job", id=job_id)
        job: Json = body["data"]["node"] if not body.get("errors") else {"status": "RUNNING"}
        if job["status"] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
            return job
        progress = job.get("progress") or {}
        if waiting and progress.get("total") and progress["completed"] * 4 >= progress["total"]:
            waiting = False
            await asyncio.to_thread(kill_parts)
        await asyncio.sleep(0.5)


def kill_parts() -> None:
    """SIGKILL for the worker and for the owner of Milvus."""
    status = supervisor.status(get_settings())
    pids = {part.name: part.pid for part in status.parts} if status else {}
    for name in ("worker", "milvus"):
        if (pid := pids.get(name)) is not None:
            print(f"killed {name}")
            os.kill(pid, signal.SIGKILL)


async def measure(model: str, documents: int, *, kill: bool) -> bool:
    """Runs everything, prints the figures; whether all that must hold held."""
    target = find_target(get_settings())
    async with Api(target.url, target.api_key) as api:
        viewer = await api.run("viewer")
        workspace = viewer["workspaces"]["nodes"][0]["id"]
        if (held := option("in")) is None:
            library = await Library.create(api, workspace, f"Reindex bench {documents}")
        else:
            library = Library(api, workspace, held)
        print(f"knowledge base {library.id}", flush=True)
        traffic = Traffic(library, patience_seconds=PATIENCE_SECONDS)
        await (traffic.fill(documents) if held is None else traffic.adopt())
        print(
            f"documents {len(traffic.ids)}, chunks {(await indexes_of(traffic.library))['384']['chunkCount']}"
        )
        async with traffic.flowing(SEARCHERS, 0):
            meter = Meter(traffic)
            await asyncio.sleep(QUIET_SECONDS)
            quiet = meter.report("quiet")
        async with traffic.flowing(SEARCHERS, WRITERS):
            given = {"id": traffic.library.id, "embeddingModelId": model}
            began, meter = time.perf_counter(), Meter(traffic)
            job = await api.mutate("reindex-knowledge-base", **given)
            ended = await follow(api, job["job"]["id"], kill)
            busy = meter.report("reindexing")
            print(f"reindex {ended['status']} after {time.perf_counter() - began:.0f} s")
            old = (await indexes_of(traffic.library))["384"]["id"]
            await api.mutate("activate-index", id=old)
            await api.mutate("activate-index", id=job["index"]["id"])
        await traffic.settled()
        indexes = await indexes_of(traffic.library)
        wrong = {"new": await traffic.wrong()}
        await api.mutate("activate-index", id=old)
        wrong["old"] = await traffic.wrong()
        counts = {length: index["chunkCount"] for length, index in indexes.items()}
        # NOT_FOUND: a document was deleted between the search and the reading of its hit's fields.
        print(f"writes {dict(traffic.writes)}, passages held {counts}, wrong {wrong}")
        print(f"failed searches {dict(traffic.failures)}, CPU of the API a search x{busy / quiet:.2f}")
        sound = not any(+one for one in wrong.values()) and len(set(counts.values())) == 1
        return sound and ended["status"] == "SUCCEEDED" and set(traffic.failures) <= {"NOT_FOUND"}


if __name__ == "__main__":
    documents = int(option("documents") or 5000)
    given = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    sys.exit(0 if asyncio.run(measure(given[0], documents, kill="--kill" in sys.argv)) else 1)
