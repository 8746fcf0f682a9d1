"""The one door to pymilvus, which must neither load a `.env` file nor log filters."""

from __future__ import annotations

import logging

import dotenv


def _load_nothing(*_arguments: object, **_options: object) -> bool:
    return False


# pymilvus calls load_dotenv() when imported, which would put a stranger's .env into this process.
_load_dotenv = dotenv.load_dotenv
dotenv.load_dotenv = _load_nothing
try:
    from grpc import RpcError  # type: ignore[import-untyped]
    from pymilvus import (  # type: ignore[import-untyped]
        AsyncMilvusClient,
        CollectionSchema,
        DataType,
        MilvusClient,
    )
    from pymilvus.exceptions import MilvusException  # type: ignore[import-untyped]
finally:
    dotenv.load_dotenv = _load_dotenv

# It logs the text of filters that failed, and with them what users look for.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)

__all__ = [
    "AsyncMilvusClient",
    "CollectionSchema",
    "DataType",
    "MilvusClient",
    "MilvusException",
    "RpcError",
]
