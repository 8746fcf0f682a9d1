"""What the running stack spends: `python -m tests.bench.stack.measure [FOLDER] [--queries N]`.

Talks to the stack of LOREBASE_HOME. CPU seconds are those of all its processes, read from the system, so a
noisy machine changes little; latencies are wall time and only a hint. With a folder, its files
are ingested first.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path

import psutil

from lorebase.cli.connection.credentials import find_target
from lorebase.cli.connection.session import Session, open_session
from lorebase.core.config import get_settings
from lorebase.embedded import supervisor

MIB = 1024 * 1024
QUESTIONS = (
    "How do I cancel a task?",
    "read a csv file with a header",
    "What does gather do when one coroutine fails?",
    "compress bytes with zlib",
    "difference between a process and a thread pool",
    "parse command line arguments",
    "open a sqlite database in memory",
    "format a date as ISO 8601",
    "regular expression named groups",
    "limit the size of a log file",
)


def processes() -> dict[str, psutil.Process]:
    """The stack's processes by the name of their part."""
    found = supervisor.status(get_settings())
    if found is None:
        sys.exit("No stack runs in LOREBASE_HOME.")
    parts = {part.name: psutil.Process(part.pid) for part in found.parts if part.pid}
    return {"supervisor": psutil.Process(found.pid), **parts}


def cpu_seconds(parts: dict[str, psutil.Process]) -> dict[str, float]:
    """User and system time of each part with its children, ended ones too."""
    return {name: _with_children(process) for name, process in parts.items()}


def _with_children(process: psutil.Process) -> float:
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        total += 0.0 if child.name() == "lorebase" else _with_children(child)
    return total


def spent(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What each part spent; the supervisor is counted without the parts, which are its children."""
    return {name: round(after[name] - before[name], 3) for name in before if name != "supervisor"}


async def chunk_count(session: Session, knowledge_base_id: str) -> int:
    """Searchable chunks."""
    shown = await session.client.run("show-knowledge-base", {"id": knowledge_base_id})
    return int(shown["node"]["stats"]["chunkCount"])


async def measure_searches(session: Session, knowledge_base_id: str, number: int) -> None:
    """CPU and latency of searches one after the other, after some to warm up."""
    given = {"knowledgeBaseIds": [knowledge_base_id], "mode": "HYBRID"}

    async def one(question: str) -> float:
        began = time.perf_counter()
        await session.client.run("search", {"input": {**given, "query": question}, "first": 10})
        return (time.perf_counter() - began) * 1000

    for question in QUESTIONS:
        await one(question)
    parts = processes()
    before = cpu_seconds(parts)
    latencies = [await one(QUESTIONS[n % len(QUESTIONS)]) for n in range(number)]
    used = spent(before, cpu_seconds(parts))
    each = {name: round(seconds / number * 1000, 2) for name, seconds in used.items()}
    print(f"search CPU ms a query: {sum(each.values()):.1f} {each}")
    print(f"search wall ms: p50 {statistics.median(latencies):.0f}, max {max(latencies):.0f}")


async def measure_answers(session: Session, knowledge_base_id: str) -> None:
    """What an answer takes before its first token, beside the model's own share."""
    for question in QUESTIONS[:5]:
        given = {
            "workspaceId": session.workspace_id,
            "question": question,
            "retrieval": {"knowledgeBaseIds": [knowledge_base_id], "query": ""},
        }
        asked = (await session.client.run("ask-question", {"input": given}))["ask"]["answer"]["id"]
        async for _ in session.client.subscribe("follow-answer", {"answerId": asked}):
            continue
        answer = (await session.client.run("show-answer", {"id": asked}))["node"]
        print(f"answer {answer['finishReason']}: {answer['timings']}")


async def measure(folder: Path | None, queries: int) -> None:
    """Runs everything and prints the figures."""
    async with open_session() as session:
        base = (await session.knowledge_base(None))["id"]
        if folder is not None:
            await measure_ingestion(session, base, folder)
        print(f"chunks: {await chunk_count(session, base)}")
        await measure_searches(session, base, queries)
        await measure_answers(session, base)
    for name, process in processes().items():
        print(f"rss MiB {name}: {_memory(process) / MIB:.0f}")


def _memory(process: psutil.Process) -> int:
    return int(process.memory_info().rss)


async def measure_ingestion(session: Session, base: str, folder: Path) -> None:
    """Chunks for each CPU second of the whole stack, taken in as a user does."""
    parts = processes()
    before, chunks = cpu_seconds(parts), await chunk_count(session, base)
    began = time.perf_counter()
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lorebase.cli", "ingest", str(folder)
    )
    print(f"lorebase ingest ended with {await command.wait()}")
    wall = time.perf_counter() - began
    await asyncio.sleep(61)  # The counts of a knowledge base are at most a minute old.
    used = spent(before, cpu_seconds(parts))
    made = await chunk_count(session, base) - chunks
    rate = made / sum(used.values())
    print(f"chunks {made}, a CPU second: {rate:.1f}; CPU seconds {used}; wall s: {wall:.0f}")


if __name__ == "__main__":
    find_target(get_settings())
    names = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    number = next((int(a.split("=")[1]) for a in sys.argv if a.startswith("--queries=")), 100)
    asyncio.run(measure(Path(names[0]) if names else None, number))
