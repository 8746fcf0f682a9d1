"""Translates what pymilvus raises. Its messages quote filters, so they go nowhere: neither log nor cause."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lorebase.core.errors import ErrorCode, LorebaseError, Unavailable
from lorebase.repositories.milvus.library import MilvusException, RpcError

_PARTITION_NOT_FOUND = 200
_INVALID_PARAMETER = 1100
# Older servers have no code for it.
_NO_PARTITION = re.compile(r"partition\b.* not found")

_logger = logging.getLogger(__name__)


class PartitionMissing(Exception):
    """The tenant has no partition yet, and so no vectors."""


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raises Unavailable for outages, PartitionMissing, or an internal error for a refused request."""
    try:
        yield
    except MilvusException as error:
        raise _translate(error, operation) from None
    except (RpcError, TimeoutError, OSError) as error:
        _logger.warning(
            "Milvus is out of reach", extra={"operation": operation, "kind": type(error).__name__}
        )
        raise _unavailable() from None


def _translate(error: MilvusException, operation: str) -> Exception:
    if error.code == _PARTITION_NOT_FOUND or _NO_PARTITION.search(str(error.message).lower()):
        return PartitionMissing()
    _logger.warning(
        "Milvus refused or failed", extra={"operation": operation, "milvus_code": str(error.code)}
    )
    if error.is_input_error or error.code == _INVALID_PARAMETER:
        return LorebaseError("The vector store refused a request.", code=ErrorCode.INTERNAL)
    return _unavailable()


def _unavailable() -> Unavailable:
    return Unavailable("The vector store does not answer.", code=ErrorCode.VECTOR_STORE_UNAVAILABLE)
