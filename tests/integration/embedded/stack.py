"""A stack of the real stores and a small HTTP service, run by the real supervisor in a process of its own.

Run as `python -m tests.integration.embedded.stack`; the settings come from the environment.
STACK_BROKEN=1 adds a service that dies at once; STACK_PARTS names the only parts to run.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from lorebase.core.config import Settings, get_settings, process_environment
from lorebase.embedded.home import Home
from lorebase.embedded.part import OneShot, Part
from lorebase.embedded.plan import Plan, default_plan
from lorebase.embedded.supervisor import run_foreground

STORES = ("postgres-data", "postgres", "valkey", "milvus", "database")
SERVICE = """
import http.server, os
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["LOREBASE_PORT"])), Ready).serve_forever()
"""


def _stand_in(part: Part | OneShot) -> Part | OneShot | None:
    if part.name not in process_environment().get("STACK_PARTS", part.name).split():
        return None
    if part.name in STORES:
        return part
    if part.name == "api":
        return replace(part, command=(sys.executable, "-c", SERVICE))
    return None


def make_plan(settings: Settings, home: Home) -> Plan:
    """The default plan without the services that this test is not about."""
    plan = default_plan(settings, home)
    stages = [tuple(filter(None, map(_stand_in, stage))) for stage in plan.stages]
    if process_environment().get("STACK_BROKEN"):
        stages[-1] += (_broken(home),)
    return replace(plan, stages=tuple(stage for stage in stages if stage))


def _broken(home: Home) -> Part:
    return Part(
        name="broken",
        title="broken part",
        command=("/bin/sh", "-c", "echo the disk is made of cheese >&2; exit 3"),
        environment={},
        log=Path(home.log("broken")),
        probe=None,
    )


if __name__ == "__main__":
    sys.exit(run_foreground(get_settings(), make_plan))
