"""Connections to Redis that survive its restart."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_SECONDS = 2.0
# Between two commands so close a restart is not silent: one of them has met the outage.
TRIED_AFTER_SECONDS = 1.0


def open_redis(
    redis_url: str, *, answer_seconds: float | None = None, connect_seconds: float = CONNECT_SECONDS
) -> Redis:
    """A client that tries connections which were idle before it uses them, and replaces those that died.

    A command itself is sent once: when its answer is lost nobody knows whether it was done.
    """
    client: Redis = Redis.from_url(
        redis_url,
        socket_timeout=answer_seconds,
        socket_connect_timeout=connect_seconds,
        health_check_interval=TRIED_AFTER_SECONDS,
        # For connecting and for the PING; without `retry_on_error` no command is repeated.
        retry=Retry(NoBackoff(), 1),
    )
    return client
