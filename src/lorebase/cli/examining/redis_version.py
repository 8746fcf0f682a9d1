"""Asks a Redis or Valkey for its version (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import unquote, urlsplit

_SECONDS = 2.0
_BYTES = 64 * 1024
_DEFAULT_PORT = 6379
_FIELD = re.compile(rb"(?:^|\n)(server_name|valkey_version|redis_version):([^\r\n]+)")


async def redis_version(url: str) -> str | None:
    """Name and version, such as `valkey 9.1.2`; None when it does not say, or speaks TLS."""
    try:
        async with asyncio.timeout(_SECONDS):
            reply = await _info(url)
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return None
    facts = {name.decode(): value.decode("utf-8", "replace") for name, value in _FIELD.findall(reply)}
    version = facts.get("valkey_version") or facts.get("redis_version")
    return f"{facts.get('server_name', 'redis')} {version}" if version else None


async def _info(url: str) -> bytes:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        reader, writer = await asyncio.open_unix_connection(unquote(parts.path))
    elif parts.scheme == "redis":
        host, port = parts.hostname or "localhost", parts.port or _DEFAULT_PORT
        reader, writer = await asyncio.open_connection(host, port)
    else:
        return b""
    try:
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            writer.write(_command("AUTH", *user, unquote(parts.password)))
            await reader.readline()
        writer.write(_command("INFO", "server"))
        header = await reader.readline()
        if not header.startswith(b"$"):
            return b""
        return await reader.readexactly(min(int(header[1:]), _BYTES))
    finally:
        writer.close()


def _command(*words: str) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
