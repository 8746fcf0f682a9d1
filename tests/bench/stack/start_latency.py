"""How soon an idle worker starts a job: `python -m tests.bench.stack.start_latency [JOBS]`.

Talks to the stack of LOREBASE_HOME. Both moments are PostgreSQL's: the job's row is written just before the
commit that accepts the document, and its start when a worker claims it. The jobs come one by one.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import uuid
from datetime import datetime

from lorebase.cli.connection.credentials import find_target
from lorebase.cli.connection.session import Session, open_session
from lorebase.core.config import get_settings

QUERY_PAUSE_SECONDS = 0.05


async def started_after(session: Session, base: str) -> float:
    """Milliseconds between the acceptance of one document and the start of its job."""
    body = f"A short text of its own: {uuid.uuid4()}."
    given = {"knowledgeBaseId": base, "source": {"text": {"body": body}}}
    data = await session.client.run("add-text-document", {"input": given})
    job_id = data["upsertDocument"]["job"]["id"]
    while True:
        job = (await session.client.run("show-job", {"id": job_id}))["node"]
        if job["status"] == "SUCCEEDED":
            begun, made = (datetime.fromisoformat(job[name]) for name in ("startedAt", "createdAt"))
            return (begun - made).total_seconds() * 1000
        await asyncio.sleep(QUERY_PAUSE_SECONDS)


async def measure(number: int) -> None:
    """Prints the median and the slowest."""
    async with open_session() as session:
        base = (await session.knowledge_base(None))["id"]
        await started_after(session, base)
        waits = [await started_after(session, base) for _ in range(number)]
    slow = statistics.quantiles(waits, n=20)[-1]
    print(f"start latency ms of {number} jobs: p50 {statistics.median(waits):.0f}, p95 {slow:.0f}")


if __name__ == "__main__":
    find_target(get_settings())
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
