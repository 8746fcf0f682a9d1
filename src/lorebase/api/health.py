"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lorebase.api.services import Services

NEEDED = "database"


async def livez(request: Request) -> Response:
    """The process answers; nothing else is asked."""
    return JSONResponse({"status": "alive"})


async def readyz(request: Request) -> Response:
    """Whether requests can be served: only without the database they cannot; what else is out is named.

    A process that was told to stop says so while it still serves.
    """
    if request.app.state.leaving:
        return JSONResponse({"status": "leaving", "degraded": []}, 503)
    services: Services = request.app.state.services
    checks = await services.health.checks()
    out = sorted(name for name, answers in checks.items() if not answers)
    if NEEDED in out:
        return JSONResponse({"status": "unavailable", "degraded": out}, 503)
    return JSONResponse({"status": "degraded" if out else "ready", "degraded": out})
