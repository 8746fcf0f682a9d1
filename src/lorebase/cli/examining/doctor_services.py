"""The doctor's look at the API and the worker."""

from __future__ import annotations

import time

from lorebase.cli.connection.client import ApiClient
from lorebase.cli.connection.credentials import find_target
from lorebase.cli.examining.doctor_findings import Finding, fail, ok, warn
from lorebase.cli.output import one_line
from lorebase.core.config import Settings
from lorebase.workers.heartbeat import heartbeat_file, is_alive

API_SECONDS = 10.0


async def check_api(settings: Settings) -> Finding:
    """Whether the API answers and knows the key."""
    target = find_target(settings)
    async with ApiClient(target, API_SECONDS) as client:
        viewer = (await client.run("viewer"))["viewer"]
    if viewer is None or not viewer["workspaces"]["nodes"]:
        return fail("API", f"{target.url} does not know the key from {target.source}", "set LOREBASE_API_KEY")
    workspace, scopes = viewer["workspaces"]["nodes"][0]["name"], ", ".join(viewer["scopes"])
    return ok("API", f"{target.url} knows the key: workspace “{one_line(workspace)}”, scopes {scopes}")


def check_worker(settings: Settings, *, is_here: bool) -> Finding:
    """Whether the worker's heartbeat is young; one that runs elsewhere (not `is_here`) leaves none here."""
    path = heartbeat_file(settings)
    if not path.exists() and not is_here:
        return warn("worker", "it leaves no heartbeat on this machine", "call the doctor where it runs")
    if not is_alive(path):
        log = settings.home / "logs" / "worker.log"
        return fail("worker", f"no heartbeat at {path}", f"look into {log}, then start Lorebase again")
    return ok("worker", f"its heart beat {max(0.0, time.time() - path.stat().st_mtime):.0f} s ago")
