"""The owner of Milvus Lite: many writers lose nothing, readers see everything, restarts forget nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pymilvus import AsyncMilvusClient, DataType, MilvusClient

from lorebase.embedded.child import Child
from lorebase.repositories.milvus.connection import RECONNECT
from tests.integration.embedded_parts import (
    clean_environment,
    milvus_owner_part,
    start_part,
    wait_until,
)

DIMENSION = 8
COLLECTION = "passages"


class Owner:
    """One owner on a directory of its own; it can be killed and started again."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.part = milvus_owner_part(base)
        self.child = Child(self.part)

    def start(self) -> Owner:
        self.child = start_part(self.part)
        return self

    def kill(self) -> None:
        self.child.signal(signal.SIGKILL)
        wait_until(lambda: not self.child.running, "the end of the owner")

    def client(self) -> MilvusClient:
        return MilvusClient(uri=self.part.address, grpc_options=RECONNECT)

    def segments(self) -> int:
        return len(list((self.base / "milvus").rglob("data_*.parquet")))


@pytest.fixture
def owner() -> Iterator[Owner]:
    base = Path(tempfile.mkdtemp(prefix="mo-", dir="/tmp"))
    owner = Owner(base).start()
    yield owner
    owner.child.stop()
    shutil.rmtree(base)


@pytest.fixture
def client(owner: Owner) -> Iterator[MilvusClient]:
    client = owner.client()
    make_collection(client)
    yield client
    client.close()


def make_collection(client: MilvusClient, name: str = COLLECTION) -> None:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSION)
    index = MilvusClient.prepare_index_params()
    index.add_index("vector", index_type="HNSW", metric_type="COSINE", params={"M": 8, "efConstruction": 64})
    client.create_collection(name, schema=schema, index_params=index)


def rows(prefix: str, count: int) -> list[dict[str, object]]:
    return [
        {"id": f"{prefix}-{number}", "vector": [1.0, float(number), *[0.5] * (DIMENSION - 2)]}
        for number in range(count)
    ]


def count(client: MilvusClient) -> int:
    found = client.query(
        COLLECTION, filter="", output_fields=["count(*)"], consistency_level="Strong", timeout=30
    )
    return int(found[0]["count(*)"])


def ids(client: MilvusClient) -> set[str]:
    iterator = client.query(COLLECTION, filter='id != ""', output_fields=["id"], limit=16_000, timeout=30)
    return {row["id"] for row in iterator}


def test_concurrent_writers_lose_nothing(owner: Owner, client: MilvusClient) -> None:
    writers, batches, size = 6, 8, 25

    def write(writer: int) -> None:
        with_own_connection = owner.client()
        for batch in range(batches):
            with_own_connection.upsert(COLLECTION, rows(f"{writer}-{batch}", size), timeout=60)
        with_own_connection.close()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    expected = {row["id"] for w in range(writers) for b in range(batches) for row in rows(f"{w}-{b}", size)}
    assert ids(client) == expected


def test_what_was_acknowledged_survives_a_kill_under_concurrent_writes(
    owner: Owner, client: MilvusClient
) -> None:
    acknowledged: set[str] = set()
    enough = threading.Event()

    def write(writer: int) -> None:
        own = owner.client()
        for batch in range(1000):
            batch_rows = rows(f"{writer}-{batch}", 10)
            try:
                own.upsert(COLLECTION, batch_rows, timeout=5)
            except Exception:  # noqa: BLE001 - the owner is killed on purpose; any error means "not acknowledged"
                return
            acknowledged.update(str(row["id"]) for row in batch_rows)
            if len(acknowledged) > 600:
                enough.set()

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, number) for number in range(4)]
        assert enough.wait(60)
        owner.kill()
        for each in writing:
            each.result(60)
    owner.start()
    again = owner.client()
    assert acknowledged <= ids(again)
    again.close()


def test_collections_are_loaded_again_after_a_restart(owner: Owner, client: MilvusClient) -> None:
    client.upsert(COLLECTION, rows("a", 50), timeout=30)
    assert owner.child.stop()
    owner.start()
    again = owner.client()
    hits = again.search(COLLECTION, data=[[1.0, 7.0, *[0.5] * 6]], limit=3, timeout=30)
    assert hits[0][0]["id"] == "a-7"
    assert count(again) == 50
    again.close()


def test_deleted_rows_stay_deleted_after_a_kill(owner: Owner, client: MilvusClient) -> None:
    client.upsert(COLLECTION, rows("a", 20), timeout=30)
    client.delete(COLLECTION, ids=[f"a-{number}" for number in range(10)], timeout=30)
    owner.kill()
    owner.start()
    again = owner.client()
    assert ids(again) == {f"a-{number}" for number in range(10, 20)}
    again.close()


def test_rows_are_flushed_when_writing_pauses_and_not_each_time(owner: Owner, client: MilvusClient) -> None:
    for batch in range(10):
        client.upsert(COLLECTION, rows(f"b{batch}", 10), timeout=30)
    wait_until(lambda: owner.segments() > 0, "a flush")
    assert owner.segments() == 1
    assert count(client) == 100


async def test_the_async_client_works_over_the_socket(owner: Owner, client: MilvusClient) -> None:
    client.upsert(COLLECTION, rows("a", 5), timeout=30)
    async_client = AsyncMilvusClient(uri=owner.part.address)
    try:
        found = await async_client.query(
            COLLECTION, filter='id == "a-3"', output_fields=["id"], consistency_level="Strong", timeout=30
        )
        assert [row["id"] for row in found] == ["a-3"]
    finally:
        await async_client.close()


def test_collections_made_dropped_and_renamed_survive_a_restart(owner: Owner, client: MilvusClient) -> None:
    make_collection(client, "dropped")
    make_collection(client, "old_name")
    client.drop_collection("dropped", timeout=30)
    client.create_alias(COLLECTION, "current", timeout=30)
    owner.child.stop()
    owner.start()
    again = owner.client()
    assert set(again.list_collections()) == {COLLECTION, "old_name"}
    assert again.describe_alias("current")["collection_name"] == COLLECTION
    again.close()


def test_the_socket_is_private(owner: Owner) -> None:
    path = Path(owner.part.address.removeprefix("unix:"))
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert path.stat().st_mode & 0o077 == 0


def test_a_stale_socket_is_replaced(owner: Owner) -> None:
    path = Path(owner.part.address.removeprefix("unix:"))
    owner.kill()
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    owner.start()
    own = owner.client()
    assert own.list_collections() == []
    own.close()


def test_a_second_owner_of_the_directory_is_refused_and_harms_nothing(
    owner: Owner, client: MilvusClient
) -> None:
    second = subprocess.run(
        [
            *(sys.executable, "-m", "lorebase.embedded.milvus_owner"),
            *(str(owner.base / "milvus"), owner.part.address),
        ],
        env=clean_environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert second.returncode != 0
    assert b"lock" in second.stderr.lower()
    assert os.path.exists(owner.part.address.removeprefix("unix:"))
    assert count(client) == 0


def test_it_ends_in_order_and_keeps_everything(owner: Owner, client: MilvusClient) -> None:
    client.upsert(COLLECTION, rows("a", 30), timeout=30)
    assert owner.child.stop(seconds=30)
    assert owner.child.poll() == 0
    assert owner.segments() == 1
