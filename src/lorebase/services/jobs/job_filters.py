"""Job filters applied to a job at hand, with the same meaning as in the database."""

from __future__ import annotations

from lorebase.schemas.filters import JobFilter, JobStatusFilter
from lorebase.schemas.jobs import Job
from lorebase.schemas.metadata import milliseconds
from lorebase.services.filters.filter_evaluation import matches_time

_RETRYING = "RETRYING"


def matches(job: Job, condition: JobFilter | None) -> bool:
    """Whether the job meets the condition; None and an empty filter match everything."""
    if condition is None:
        return True
    return (
        all(matches(job, part) for part in condition.and_ or ())
        and (condition.or_ is None or any(matches(job, part) for part in condition.or_))
        and (condition.not_ is None or not matches(job, condition.not_))
        and (condition.kind is None or job.kind is condition.kind)
        and (condition.status is None or _status_matches(job, condition.status))
        and (condition.created_at is None or matches_time(condition.created_at, milliseconds(job.created_at)))
    )


def _status_matches(job: Job, condition: JobStatusFilter) -> bool:
    shown = _RETRYING if job.is_retrying else job.status.value
    return (
        (condition.eq is None or shown == condition.eq)
        and (condition.in_ is None or shown in condition.in_)
        and (condition.nin is None or shown not in condition.nin)
    )
