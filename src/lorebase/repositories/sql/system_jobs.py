"""Claiming and sweeping jobs of all workspaces; the database's clock decides.

Conditions compare with statement_timestamp(): no index can serve clock_timestamp(), which changes while a
statement runs. What is written (leases, times) is read from the clock.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, text

from lorebase.models.jobs import jobs
from lorebase.repositories.sql.connection import Parameters, SqlConnection
from lorebase.repositories.sql.job_rows import JOB_COLUMNS, after, fenced, job_of, progress_columns
from lorebase.repositories.sql.values import CLOCK
from lorebase.schemas.jobs import Heartbeat, Job, JobLane, JobProgress

_DUE = (
    "((jobs.status = 'QUEUED' AND jobs.run_at <= statement_timestamp())"
    " OR (jobs.status = 'RUNNING' AND jobs.lease_expires_at <= statement_timestamp()))"
)
_RETURNED = ", ".join(f"jobs.{column.name}" for column in JOB_COLUMNS)
_TAKE = f"""
    UPDATE jobs SET
        status = 'RUNNING', attempt = jobs.attempt + 1, fence = jobs.fence + 1,
        lease_expires_at = clock_timestamp() + CAST(:lease AS interval),
        started_at = coalesce(jobs.started_at, clock_timestamp()), updated_at = clock_timestamp(),
        progress_stage = NULL, progress_completed = 0, progress_total = NULL
    FROM taken WHERE jobs.workspace_id = taken.workspace_id AND jobs.id = taken.id
    RETURNING {_RETURNED}
"""

_CLAIM = text(
    f"""
    WITH taken AS (SELECT workspace_id, id FROM jobs WHERE id = :id AND {_DUE} FOR UPDATE SKIP LOCKED)
    {_TAKE}
    """
)

# Workspaces with something queued are found by skipping through the index, and each offers its oldest jobs:
# a workspace with fifty thousand jobs costs no more than one with ten. A workspace's n-th job stands behind
# every other's (n-1)-th, counted with those that run already.
_CANDIDATES = """
    WITH RECURSIVE waiting AS (
        (SELECT workspace_id FROM jobs WHERE lane = :lane AND status = 'QUEUED' ORDER BY workspace_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT next.workspace_id FROM jobs AS next
            WHERE next.lane = :lane AND next.status = 'QUEUED' AND next.workspace_id > waiting.workspace_id
            ORDER BY next.workspace_id LIMIT 1
        )
        FROM waiting WHERE waiting.workspace_id IS NOT NULL
    ), running AS (
        SELECT workspace_id, count(*) AS jobs FROM jobs
        WHERE lane = :lane AND status = 'RUNNING' AND lease_expires_at > statement_timestamp()
        GROUP BY workspace_id
    ), due AS (
        SELECT queued.* FROM waiting CROSS JOIN LATERAL (
            SELECT workspace_id, id, fence, run_at AS since FROM jobs
            WHERE lane = :lane AND status = 'QUEUED' AND workspace_id = waiting.workspace_id
              AND run_at <= statement_timestamp()
            ORDER BY run_at, id LIMIT :depth
        ) AS queued
        UNION ALL
        SELECT workspace_id, id, fence, lease_expires_at FROM jobs
        WHERE lane = :lane AND status = 'RUNNING' AND lease_expires_at <= statement_timestamp()
    ), candidates AS (
        SELECT due.workspace_id, due.id, due.fence, due.since,
               coalesce(running.jobs, 0)
               + row_number() OVER (PARTITION BY due.workspace_id ORDER BY due.since, due.id) AS turn
        FROM due LEFT JOIN running USING (workspace_id)
        ORDER BY turn, since LIMIT :depth
    )
"""

_CLAIM_DUE = text(
    f"""
    {_CANDIDATES}, taken AS (
        SELECT jobs.workspace_id, jobs.id
        FROM candidates JOIN jobs ON jobs.workspace_id = candidates.workspace_id AND jobs.id = candidates.id
        WHERE {_DUE}
        ORDER BY candidates.turn, candidates.since LIMIT :limit
        FOR UPDATE OF jobs SKIP LOCKED
    )
    {_TAKE}
    """
)

_LIST_DUE = text(f"{_CANDIDATES} SELECT id, fence FROM candidates ORDER BY turn, since LIMIT :limit")

# Other workers may have locked the first in line: look a little further.
_LOOK_FURTHER = 32


class SqlSystemJobRepository:
    """See ports/jobs.py."""

    def __init__(self, database: SqlConnection) -> None:
        self._database = database

    async def claim(self, job_id: UUID, lease: timedelta) -> Job | None:
        """Takes one due job; None when it is not due or another worker has it."""
        row = await self._database.first(_CLAIM, {"id": job_id, "lease": lease})
        return None if row is None else job_of(row)

    async def claim_due(self, lane: JobLane, limit: int, lease: timedelta) -> list[Job]:
        """Takes due jobs, fairly between workspaces: those with fewest running jobs first, then oldest."""
        found = await self._database.rows(_CLAIM_DUE, {**_reach(lane, limit), "lease": lease})
        return sorted(map(job_of, found), key=lambda job: (job.run_at, job.id))

    async def due(self, lane: JobLane, limit: int) -> list[tuple[UUID, int]]:
        """Ids and fences of due jobs, to be announced again, without taking them."""
        return [(row.id, row.fence) for row in await self._database.rows(_LIST_DUE, _reach(lane, limit))]

    async def heartbeat(
        self, job_id: UUID, fence: int, lease: timedelta, progress: JobProgress | None, event_sequence: int
    ) -> Heartbeat:
        """Renews the lease while the fence matches, notes progress and the event floor.

        Without progress `updated_at` stays: a renewed lease is no change that a client could see.
        """
        noted = {} if progress is None else {**progress_columns(progress), "updated_at": CLOCK}
        renewed = fenced(job_id, fence).values(
            lease_expires_at=after(lease), event_sequence=_floor(event_sequence), **noted
        )
        row = await self._database.first(renewed.returning(jobs.c.cancel_requested))
        if row is None:
            return Heartbeat(holds=False, cancel_requested=False)
        return Heartbeat(holds=True, cancel_requested=row.cancel_requested)


def _floor(event_sequence: int) -> ColumnElement[int]:
    return func.greatest(jobs.c.event_sequence, event_sequence)


def _reach(lane: JobLane, limit: int) -> Parameters:
    return {"lane": str(lane), "limit": limit, "depth": limit + _LOOK_FURTHER}
