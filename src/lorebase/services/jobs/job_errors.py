"""What a failed attempt means for its job: give up, or try again and when."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LorebaseError, Permanent, Unavailable
from lorebase.schemas.jobs import Job, JobError, JobKind

_OUTAGE_WAIT_CAP_SECONDS = 60.0
# More doublings than this only overflow: the cap was reached long before.
_DOUBLINGS_MAXIMUM = 32
_CAUSES_LOGGED = 4
_FRAMES_LOGGED = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """`final` ends the job; otherwise it waits for `delay`, and `burn_attempt` says whether that counted."""

    error: JobError
    final: bool
    burn_attempt: bool
    delay: timedelta


def judge(problem: Exception, job: Job, settings: Settings, now: datetime) -> Verdict:
    """Sorts a failure.

    Permanent alone ends a job at once. An outage (Unavailable) burns no attempt. Everything else, known or
    unknown, is taken for passing until the attempts are used up; only a deletion never gives up.
    """
    error = describe(problem, job.trace_id)
    if isinstance(problem, Permanent):
        return Verdict(error, final=True, burn_attempt=True, delay=timedelta())
    if isinstance(problem, Unavailable):
        delay = max(_outage_wait(job, settings, now), _asked_wait(problem))
        return Verdict(error, final=False, burn_attempt=False, delay=timedelta(seconds=delay))
    if job.attempt >= settings.job_attempts_maximum and job.kind is not JobKind.DELETE:
        return Verdict(error, final=True, burn_attempt=True, delay=timedelta())
    delay = max(_backoff(job.attempt, settings), _asked_wait(problem))
    return Verdict(error, final=False, burn_attempt=True, delay=timedelta(seconds=delay))


def used_up(job: Job, settings: Settings) -> Verdict | None:
    """The end of a job whose every attempt took its worker along: nobody was left to count them."""
    if job.attempt <= settings.job_attempts_maximum or job.kind is JobKind.DELETE:
        return None
    message = f"It was started {job.attempt} times and never came to an end."
    error = JobError(code=ErrorCode.INTERNAL, message=message, retryable=True)
    return Verdict(error, final=True, burn_attempt=True, delay=timedelta())


def describe(problem: Exception, trace_id: str) -> JobError:
    """The error that end users see; what we do not know is masked, the trace id leads to the log."""
    if isinstance(problem, LorebaseError):
        return JobError(code=problem.code, message=problem.message, retryable=problem.retryable)
    message = f"An unexpected error occurred; it was logged under the trace id {trace_id}."
    return JobError(code=ErrorCode.INTERNAL, message=message, retryable=True)


def _backoff(attempt: int, settings: Settings) -> float:
    """Full jitter: anywhere up to base * 2^(attempt - 1) seconds, capped."""
    doublings = min(max(attempt - 1, 0), _DOUBLINGS_MAXIMUM)
    ceiling = min(settings.job_backoff_cap_seconds, settings.job_backoff_base_seconds * 2**doublings)
    return random.uniform(0, ceiling)


def _outage_wait(job: Job, settings: Settings, now: datetime) -> float:
    """About half of the time since the job was first tried: grows without counting attempts."""
    tried = (now - (job.started_at or now)).total_seconds()
    ceiling = min(_OUTAGE_WAIT_CAP_SECONDS, max(settings.job_backoff_base_seconds, tried / 2))
    return random.uniform(ceiling / 2, ceiling)


def _asked_wait(problem: Exception) -> float:
    """Seconds of a Retry-After that came along with the error."""
    if not isinstance(problem, LorebaseError):
        return 0.0
    asked = problem.details.get("retryAfterSeconds")
    return float(asked) if isinstance(asked, (int, float)) else 0.0


def whereabouts(problem: BaseException) -> str:
    """Types and places of an error and its causes, for logs; its messages may quote a document."""
    steps: list[str] = []
    link: BaseException | None = problem
    while link is not None and len(steps) < _CAUSES_LOGGED:
        frames = traceback.extract_tb(link.__traceback__)[-_FRAMES_LOGGED:]
        names = (f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
        steps.append(f"{type(link).__qualname__} at {' > '.join(names)}")
        link = link.__cause__ or link.__context__
    return " because of ".join(steps)
