"""Links to the sources of documents: signed, short-lived, always sent as attachments."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from lorebase.api.services import Services
from lorebase.core.clock import SystemClock
from lorebase.core.config import Settings
from lorebase.core.errors import NotFound
from lorebase.core.security import Signer
from lorebase.schemas.documents import DocumentVersion

PURPOSE = "download"
LIFETIME = timedelta(minutes=5)
PATH = "/downloads/{token}"


def download_url(settings: Settings, signer: Signer, version: DocumentVersion, now: datetime) -> str:
    """A link to the source of a version that ends five minutes after `now`."""
    expires = int((now + LIFETIME).timestamp())
    token = signer.sign(PURPOSE, f"{version.workspace_id.hex}{version.id.hex}{expires}")
    origin = settings.public_url or f"http://{settings.host}:{settings.port}"
    return origin.rstrip("/") + PATH.format(token=token)


def read_token(signer: Signer, token: str, now: datetime) -> tuple[UUID, UUID]:
    """The workspace and version of a link. Not made by us, or expired: NotFound."""
    payload = signer.verify(PURPOSE, token) if token.isascii() else None
    if payload is None or int(payload[64:]) < now.timestamp():
        raise NotFound("This link is not valid, or no longer.")
    return UUID(hex=payload[:32]), UUID(hex=payload[32:64])


async def download(request: Request) -> Response:
    """Streams the source of a version to whoever holds the link."""
    services: Services = request.app.state.services
    token = str(request.path_params["token"])
    workspace_id, version_id = read_token(services.signer, token, SystemClock().now())
    version, chunks = await services.contents.download(workspace_id, version_id)
    name = quote(version.file_name or f"{version.id}", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Length": str(version.byte_size),
        # Never rendered: a stored page could otherwise run scripts in this origin.
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(chunks, headers=headers, media_type=version.media_type)
