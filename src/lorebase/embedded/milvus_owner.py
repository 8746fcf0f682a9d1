"""The one process that opens the Milvus Lite directory; everyone else reaches it over its address.

Run as `python -m lorebase.embedded.milvus_owner DIRECTORY ADDRESS`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent import futures
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path

import grpc  # type: ignore[import-untyped]
from milvus_lite.adapter.grpc.servicer import MilvusServicer  # type: ignore[import-untyped]
from milvus_lite.db import MilvusLite  # type: ignore[import-untyped]
from milvus_lite.exceptions import CollectionNotFoundError  # type: ignore[import-untyped]
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc  # type: ignore[import-untyped]

from lorebase.core.logging import configure_logging
from lorebase.embedded import exact_search
from lorebase.embedded.flusher import CollectionName, Flusher
from lorebase.embedded.turnstile import Turnstile

_MESSAGE_BYTES = 256 << 20
_THREADS = 16
_LOGICAL_BITS = 18
_DRAIN_SECONDS = 5.0

# What is in neither set takes the lock alone, so that a call unknown to us cannot harm the data.
_UNLOCKED = {"Connect", "GetVersion", "CheckHealth"}
_READS = {
    *("Query", "Search", "HybridSearch"),
    *("HasCollection", "DescribeCollection", "ShowCollections", "GetCollectionStatistics"),
    *("HasPartition", "ShowPartitions", "GetPartitionStatistics"),
    *("DescribeIndex", "GetLoadState", "GetLoadingProgress", "GetFlushState", "GetCompactionState"),
    *("ListDatabases", "DescribeDatabase", "DescribeAlias", "ListAliases"),
}
_ROW_WRITES = {"Insert", "Upsert", "Delete"}

_logger = logging.getLogger(__name__)


class MilvusOwner(MilvusServicer):  # type: ignore[misc]
    """Milvus Lite for several clients: writes take turns, and no read falls into the middle of a flush.

    While Lite flushes, its rows are for a moment neither in memory nor in a file.
    """

    def __init__(self, database: MilvusLite, flusher: Flusher, turnstile: Turnstile) -> None:
        super().__init__(database)
        self.flusher = flusher
        self.turnstile = turnstile

    def AllocTimestamp(self, request: object, context: object) -> object:
        """A hybrid timestamp of now, which the client asks for before a strongly consistent read."""
        milliseconds = int(time.time() * 1000)
        return milvus_pb2.AllocTimestampResponse(
            status=common_pb2.Status(), timestamp=milliseconds << _LOGICAL_BITS
        )

    def lock_of(self, call: str) -> AbstractContextManager[None]:
        """The lock that a call holds while it runs."""
        return self.turnstile.shared() if call in _READS else self.turnstile.alone()


_Call = Callable[[MilvusOwner, object, object], object]


def _locked(name: str, call: _Call) -> _Call:
    @wraps(call)
    def run(owner: MilvusOwner, request: object, context: object) -> object:
        with owner.lock_of(name):
            answer = call(owner, request, context)
        if name in _ROW_WRITES:
            collection = CollectionName(
                owner._database_name(request, context), getattr(request, "collection_name", "")
            )
            owner.flusher.wrote(collection, getattr(request, "num_rows", 1))
        return answer

    return run


for _name, _call in list(vars(MilvusServicer).items()):
    if _name[0].isupper() and callable(_call) and _name not in _UNLOCKED:
        setattr(MilvusOwner, _name, _locked(_name, _call))


def load_every_collection(database: MilvusLite) -> int:
    """Loads all collections, which are released after reopening; returns how many."""
    loaded = 0
    for name in database.list_databases():
        for collection in database.list_collections(database_name=name):
            database.get_collection(collection, database_name=name).load()
            loaded += 1
    return loaded


def _flush(database: MilvusLite, turnstile: Turnstile, name: CollectionName) -> None:
    try:
        with turnstile.alone():
            database.get_collection(name.collection, database_name=name.database).flush()
    except CollectionNotFoundError:
        _logger.info("collection was dropped before its flush", extra={"collection": name.collection})
    except Exception:
        _logger.exception("flush failed; the rows stay in the write-ahead log")


def serve(directory: Path, address: str, until: threading.Event) -> None:
    """Serves the directory on `address` (`unix:…` or `host:port`) until the event is set, then closes it."""
    database = MilvusLite(str(directory))
    loaded = load_every_collection(database)
    turnstile = Turnstile()
    flusher = Flusher(lambda name: _flush(database, turnstile, name))
    server = _server(MilvusOwner(database, flusher, turnstile), address)
    flusher.start()
    server.start()
    _logger.info("serving %d collections on %s", loaded, address)
    until.wait()
    server.stop(_DRAIN_SECONDS).wait()
    flusher.stop()
    database.close()


def _server(owner: MilvusOwner, address: str) -> grpc.Server:
    options = [
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MESSAGE_BYTES),
        ("grpc.so_reuseport", 0),
        # pymilvus pings every ten seconds, idle or not; by default that is an abuse, answered by hanging up.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_ping_strikes", 0),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(_THREADS), options=options)
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(owner, server)
    # The directory's own lock is ours by now, so a socket found here belongs to nobody alive.
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)
    if not server.add_insecure_port(address):
        raise OSError(f"cannot listen on {address}")
    return server


def main(arguments: list[str]) -> None:
    """Serves until SIGTERM or SIGINT."""
    configure_logging("INFO", "json")
    exact_search.install()
    os.umask(0o077)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    serve(Path(arguments[0]), arguments[1], ended)


if __name__ == "__main__":
    main(sys.argv[1:])
