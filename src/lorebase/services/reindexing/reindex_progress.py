"""How far a reindex is: the passages that its index is on record to hold, of those the active one holds."""

from __future__ import annotations

from uuid import UUID

from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.jobs import JobProgress, JobStage


class ReindexProgress:
    """Grows only, while documents come, change and go.

    Whatever others write to both indexes counts as well, so that it ends where nothing is missing: with
    `completed` at `total`. Both are read anew as the work goes on.
    """

    def __init__(self, index_id: UUID, share: float = 0.0) -> None:
        """`share` is what an earlier run of the same job came to."""
        self.completed = 0
        self.total = 0
        self.share = share
        self._index_id = index_id

    async def read(self, uow: UnitOfWork, knowledge_base_id: UUID) -> None:
        """Takes over what the records say now; this transaction's own are among them."""
        counts = {index.id: index.chunk_count for index in await uow.embeddings.indexes_of(knowledge_base_id)}
        self.note(counts.get(self._index_id, 0), next(iter(counts.values()), 0))

    def note(self, held: int, wanted: int) -> None:
        """Takes over how many passages the index holds, and how many the active one does."""
        self.completed = max(self.completed, held)
        self.total = max(self.completed, wanted)
        if self.completed > 0:
            self.share = max(self.share, self.completed / self.total)

    def end(self, held: int) -> None:
        """Nothing is missing."""
        self.note(held, 0)

    def at(self, stage: JobStage) -> JobProgress:
        """The progress to tell."""
        return JobProgress(stage=stage, completed=self.completed, total=self.total)
