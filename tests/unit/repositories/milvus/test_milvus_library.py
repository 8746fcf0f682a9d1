"""pymilvus is kept from reading `.env` files, from logging filters, and from leaking its errors."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from lorebase.core.errors import ErrorCode, LorebaseError, Unavailable
from lorebase.repositories.milvus.errors import PartitionMissing, translated
from lorebase.repositories.milvus.library import MilvusException, RpcError
from lorebase.schemas.search import PartitionAddress

READ_AFTER_IMPORT = """
import os, sys
sys.path.insert(0, sys.argv[1])
before = dict(os.environ)
import dotenv
genuine = dotenv.load_dotenv
dotenv.main.find_dotenv = lambda *a, **k: sys.argv[2]
import lorebase.repositories.milvus.library
assert dict(os.environ) == before, "the environment changed"
assert dotenv.load_dotenv is genuine
"""


def test_importing_the_library_reads_no_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MILVUS_URI=http://stranger.example\n")
    source = Path(__file__).parents[4] / "src"
    done = subprocess.run(
        [sys.executable, "-c", READ_AFTER_IMPORT, str(source), str(tmp_path / ".env")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("error", [RpcError(), TimeoutError(), ConnectionRefusedError(), OSError()])
def test_an_outage_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable) as raised, translated("search"):
        raise error
    assert raised.value.code is ErrorCode.VECTOR_STORE_UNAVAILABLE
    assert raised.value.retryable


def test_a_failure_of_milvus_is_unavailable() -> None:
    with pytest.raises(Unavailable), translated("search"):
        raise MilvusException(code=1, message="node crashed")


def test_a_request_that_milvus_refuses_is_our_fault_and_not_an_outage() -> None:
    with pytest.raises(LorebaseError) as raised, translated("search"):
        raise MilvusException(code=1100, message="cannot parse expression")
    assert raised.value.code is ErrorCode.INTERNAL
    assert not isinstance(raised.value, Unavailable)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (200, "partition not found[partition=p_1]"),
        (65535, "partition name p_1 not found"),
        (1, "Partition 'p_1' not found"),
    ],
)
def test_a_missing_partition_is_told_apart(code: int, message: str) -> None:
    with pytest.raises(PartitionMissing), translated("search"):
        raise MilvusException(code=code, message=message)


def test_neither_logs_nor_causes_hold_what_milvus_says(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(LorebaseError) as raised, translated("search"):
        raise MilvusException(code=1100, message='bad: title == "secret"')
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert "secret" not in " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)


def test_an_error_of_our_own_passes() -> None:
    with pytest.raises(ZeroDivisionError), translated("search"):
        raise ZeroDivisionError


@pytest.mark.parametrize("empty", ["collection", "partition"])
def test_an_address_is_never_empty_for_that_would_mean_everywhere(empty: str) -> None:
    facts = {"collection": "c", "partition": "p", "workspace_id": "0" * 32, empty: ""}
    with pytest.raises(ValueError, match="at least 1 character"):
        PartitionAddress.model_validate(facts)
