"""The fixtures that other integration tests stand on."""

from __future__ import annotations

import asyncpg
import redis
from pymilvus import MilvusClient


async def _connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))


async def test_a_test_database_is_new_and_empty(postgres_url: str) -> None:
    connection = await _connect(postgres_url)
    try:
        tables = await connection.fetchval(
            "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        assert tables == 0
        assert await connection.fetchval("SELECT current_setting('server_encoding')") == "UTF8"
        assert await connection.fetchval("SELECT current_setting('is_superuser')") == "on"
    finally:
        await connection.close()


def test_valkey_is_empty_at_the_start_of_a_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_valkey_is_empty_again_in_the_next_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_the_milvus_owner_answers(milvus_uri: str) -> None:
    client = MilvusClient(uri=milvus_uri)
    try:
        assert isinstance(client.list_collections(), list)
    finally:
        client.close()
