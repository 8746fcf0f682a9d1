"""Which calls to the owner may run together, shown by holding its lock."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path

import pytest
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.db import MilvusLite
from pymilvus.grpc_gen import milvus_pb2

from lorebase.embedded.flusher import CollectionName, Flusher
from lorebase.embedded.milvus_owner import MilvusOwner
from lorebase.embedded.turnstile import Turnstile

SECONDS = 10
READS = ("Query", "Search", "HybridSearch", "HasCollection", "ShowCollections", "GetLoadState")
WRITES = ("Insert", "Upsert", "Delete", "Flush", "DropCollection", "CreatePartition", "ManualCompaction")
REQUESTS = {
    "CreatePartition": milvus_pb2.CreatePartitionRequest,
    "Delete": milvus_pb2.DeleteRequest,
    "DropCollection": milvus_pb2.DropCollectionRequest,
    "Flush": milvus_pb2.FlushRequest,
    "GetLoadState": milvus_pb2.GetLoadStateRequest,
    "HasCollection": milvus_pb2.HasCollectionRequest,
    "HybridSearch": milvus_pb2.HybridSearchRequest,
    "Insert": milvus_pb2.InsertRequest,
    "ManualCompaction": milvus_pb2.ManualCompactionRequest,
    "Query": milvus_pb2.QueryRequest,
    "Search": milvus_pb2.SearchRequest,
    "ShowCollections": milvus_pb2.ShowCollectionsRequest,
    "Upsert": milvus_pb2.UpsertRequest,
}


class NoMetadata:
    def invocation_metadata(self) -> tuple[()]:
        return ()


class Calls:
    """Calls an owner from other threads, as its server does."""

    def __init__(self, directory: Path) -> None:
        self.database = MilvusLite(str(directory))
        self.owner = MilvusOwner(self.database, Flusher(lambda name: None), Turnstile())
        self.pool = ThreadPoolExecutor(4)

    def start(self, name: str) -> Future[object]:
        return self.pool.submit(getattr(self.owner, name), REQUESTS[name](), NoMetadata())

    def close(self) -> None:
        self.pool.shutdown()
        self.database.close()


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    calls = Calls(tmp_path)
    yield calls
    calls.close()


def is_waiting(call: Future[object]) -> bool:
    return not wait_for([call], timeout=0.2).done


@pytest.mark.parametrize("name", READS)
def test_reads_run_beside_reads_and_wait_for_a_write(calls: Calls, name: str) -> None:
    with calls.owner.turnstile.shared():
        calls.start(name).result(SECONDS)
    with calls.owner.turnstile.alone():
        call = calls.start(name)
        assert is_waiting(call)
    call.result(SECONDS)


@pytest.mark.parametrize("name", WRITES)
def test_writes_wait_for_reads(calls: Calls, name: str) -> None:
    with calls.owner.turnstile.shared():
        call = calls.start(name)
        assert is_waiting(call)
    call.result(SECONDS)


@pytest.mark.parametrize("name", ["Connect", "GetVersion", "CheckHealth", "AllocTimestamp"])
def test_questions_about_the_server_wait_for_nobody(calls: Calls, name: str) -> None:
    with calls.owner.turnstile.alone():
        calls.pool.submit(getattr(calls.owner, name), None, NoMetadata()).result(SECONDS)


def test_every_other_call_of_the_server_takes_the_lock(calls: Calls) -> None:
    unlocked = {
        name
        for name, call in vars(MilvusServicer).items()
        if name[0].isupper() and getattr(MilvusOwner, name) is call
    }
    assert unlocked == {"Connect", "GetVersion", "CheckHealth"}


@pytest.mark.parametrize("name", ["Insert", "Upsert", "Delete"])
def test_row_writes_are_noted_for_a_flush(tmp_path: Path, name: str) -> None:
    database = MilvusLite(str(tmp_path))
    flusher = Flusher(lambda name: None, rows_maximum=0)
    owner = MilvusOwner(database, flusher, Turnstile())
    getattr(owner, name)(REQUESTS[name](collection_name="passages"), NoMetadata())
    assert flusher.due() == [CollectionName("default", "passages")]
    database.close()


def test_timestamps_grow_and_carry_the_time_in_their_high_bits(calls: Calls) -> None:
    first = calls.owner.AllocTimestamp(None, None).timestamp
    second = calls.owner.AllocTimestamp(None, None).timestamp
    assert second >= first
    assert 1_600_000_000_000 < first >> 18 < 10_000_000_000_000
