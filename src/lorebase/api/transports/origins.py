"""Which pages may open a WebSocket: browsers ask nobody before they do."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from lorebase.core.config import EdgeSettings


def is_welcome(headers: Headers, settings: EdgeSettings) -> bool:
    """Whether the client is no browser, a page of our own, or of an origin in `cors_origins`."""
    origin = headers.get("origin")
    if origin is None or "*" in settings.cors_origins or origin in settings.cors_origins:
        return True
    own = {headers.get("host"), urlsplit(settings.public_url or "").netloc}
    return origin.partition("://")[2] in own - {None, ""}
