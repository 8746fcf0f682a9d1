"""What is left in PostgreSQL, Milvus and the blob store, read past the product."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import asyncpg

from lorebase.clients.blob_directory import PART_PREFIX
from lorebase.repositories.milvus.library import MilvusClient
from tests.faults.final_state import FinalState, VectorRow
from tests.faults.stack import FaultStack

_EVERYTHING = 16_000
_OPEN_JOBS = "SELECT kind || ' ' || id || ' is ' || status FROM jobs WHERE status IN ('QUEUED', 'RUNNING')"
_UNFINISHED = f"""
    {_OPEN_JOBS}
    UNION ALL SELECT 'answer ' || id || ' is ' || status FROM answers
        WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
    UNION ALL SELECT 'receipt ' || id || ' is open' FROM deletion_receipts WHERE completed_at IS NULL
"""
_LIVE_CHUNKS = """
    SELECT chunks.id FROM chunks JOIN documents ON documents.id = chunks.document_id
    WHERE chunks.generation = documents.live_generation
"""
_LEFTOVERS = """
    SELECT 'chunk ' || chunks.id FROM chunks JOIN documents ON documents.id = document_id
        WHERE status = 'DELETED'
    UNION ALL SELECT 'version ' || document_versions.id FROM document_versions
        JOIN documents ON documents.id = document_id WHERE status = 'DELETED'
    UNION ALL SELECT 'blob row ' || key FROM blobs JOIN documents ON documents.id = document_id
        WHERE status = 'DELETED'
    UNION ALL SELECT DISTINCT 'postings of ' || document_id FROM keyword_postings
        LEFT JOIN documents ON documents.id = document_id
        WHERE documents.live_generation IS NULL
"""


class Rows:
    """Statements as the owner of the tables, whom no policy hides a row from."""

    def __init__(self, login: dict[str, str]) -> None:
        self._login = login

    async def read(self, statement: str) -> list[str]:
        """The first column."""
        connection = await asyncpg.connect(**self._login)
        try:
            return [str(row[0]) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    async def open_jobs(self) -> list[str]:
        """Jobs that have not ended, each named."""
        return await self.read(_OPEN_JOBS)

    async def unfinished(self) -> list[str]:
        """Jobs, answers and receipts of deletions that have not ended, each named."""
        return await self.read(_UNFINISHED)

    async def live_chunks(self) -> frozenset[str]:
        """The passages that search may show."""
        return frozenset(UUID(chunk).hex for chunk in await self.read(_LIVE_CHUNKS))

    async def leftovers(self) -> list[str]:
        """Rows that belong to deleted documents, each named."""
        return await self.read(_LEFTOVERS)


class Stores:
    """The stores of one stack. Read them when nothing is going on."""

    def __init__(self, stack: FaultStack) -> None:
        self._stack = stack
        self._rows = Rows(stack.owner_login())

    async def open_jobs(self) -> list[str]:
        """Jobs that have not ended, each named."""
        return await self._rows.open_jobs()

    async def read(self) -> FinalState:
        """All but the documents as the API shows them."""
        rows = self._rows
        (collection,) = await rows.read("SELECT collection FROM embedding_models")
        strays = stray_files(self._stack.home.folder("blobs"), set(await rows.read("SELECT key FROM blobs")))
        broken = [f"broken upload {key}" for key in strays if Path(key).name.startswith(PART_PREFIX)]
        return FinalState(
            vectors=tuple(await asyncio.to_thread(self._vectors, collection)),
            live_chunks=await rows.live_chunks(),
            leftovers=(*await rows.leftovers(), *broken),
            unfinished=tuple(await rows.unfinished()),
            stray_files=tuple(strays),
        )

    def _vectors(self, collection: str) -> list[VectorRow]:
        client = MilvusClient(uri=f"unix:{self._stack.socket('milvus')}", timeout=30)
        try:
            rows = client.query(
                collection,
                filter="generation >= 0",
                output_fields=["chunk_id", "document_id", "generation", "ordinal"],
                consistency_level="Strong",
                limit=_EVERYTHING,
            )
        finally:
            client.close()
        assert len(rows) < _EVERYTHING, "more vectors than one query reads"
        return [
            VectorRow(row["chunk_id"], row["document_id"], row["generation"], row["ordinal"]) for row in rows
        ]


def stray_files(root: Path, known: set[str]) -> list[str]:
    """The files below the root that no row names."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return [key for path in files if (key := path.relative_to(root).as_posix()) not in known]
