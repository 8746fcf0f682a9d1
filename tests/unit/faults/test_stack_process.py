"""Services go through the proxies, everything else goes to the stores themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorebase.embedded.part import Part
from tests.faults.stack_process import behind_proxies, milvus_proxy, postgres_proxy, valkey_proxy

HOME = Path("/tmp/lf/home")
STORES = {
    "LOREBASE_DATABASE_URL": "postgresql+asyncpg://app:secret@/lorebase?host=/tmp/pg",
    "LOREBASE_REDIS_URL": "unix:///tmp/valkey.sock",
    "LOREBASE_MILVUS_URI": "unix:/tmp/milvus.sock",
    "LOREBASE_LOCAL_MODELS_URL": "http://127.0.0.1:1/v1",
    "OPENAI_BASE_URL": "http://127.0.0.1:2/v1",
    "LOREBASE_PORT": "8000",
}


def part(name: str) -> Part:
    return Part(name, name, ("true",), STORES, Path("log"), None)


@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_service_reaches_each_store_through_its_proxy(name: str) -> None:
    environment = behind_proxies(part(name), HOME).environment
    assert environment == {
        "LOREBASE_DATABASE_URL": "postgresql+asyncpg://app:secret@/lorebase?host=/tmp/lf/proxies",
        "LOREBASE_REDIS_URL": "unix:///tmp/lf/proxies/valkey.sock",
        "LOREBASE_MILVUS_URI": "unix:/tmp/lf/proxies/milvus.sock",
        "LOREBASE_LOCAL_MODELS_URL": "http://127.0.0.1:2/v1",
        "OPENAI_BASE_URL": "http://127.0.0.1:2/v1",
        "LOREBASE_PORT": "8000",
    }
    assert postgres_proxy(HOME) == Path("/tmp/lf/proxies/.s.PGSQL.5432")
    assert {str(valkey_proxy(HOME)), str(milvus_proxy(HOME))} == {
        "/tmp/lf/proxies/valkey.sock",
        "/tmp/lf/proxies/milvus.sock",
    }


@pytest.mark.parametrize("name", ["milvus", "models", "migrate"])
def test_whatever_is_no_service_is_left_as_it_is(name: str) -> None:
    assert behind_proxies(part(name), HOME) == part(name)
