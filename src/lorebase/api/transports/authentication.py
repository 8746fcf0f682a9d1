"""Who is asking: an API key in a header, or in the payload that opens a WebSocket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lorebase.api.graphql.context import Context
from lorebase.core.errors import Unauthenticated

KEY_MAXIMUM = 512

ContextFor = Callable[[str | None], Awaitable[Context]]
"""Makes the context of one operation for the secret of a key, None for no credentials."""


def read_bearer(header: object) -> str | None:
    """The secret of `Bearer …`, None when there is no header. Unauthenticated for any other scheme."""
    if header is None:
        return None
    scheme, _, secret = header.partition(" ") if isinstance(header, str) else ("", "", "")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or len(secret) > KEY_MAXIMUM or not secret.isascii():
        raise Unauthenticated("The credentials are not valid: send `Authorization: Bearer lb_…`.")
    return secret
