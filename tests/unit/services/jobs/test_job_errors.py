"""What a failed attempt means: give up, or try again and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.errors import (
    DocumentRefused,
    ErrorCode,
    LorebaseError,
    Permanent,
    Transient,
    Unavailable,
)
from lorebase.schemas.jobs import JobKind
from lorebase.services.jobs.job_errors import describe, judge, used_up, whereabouts
from tests.factories import make_job, make_settings
from tests.fakes.clock import START

SETTINGS = make_settings(job_attempts_maximum=8, job_backoff_base_seconds=2.0, job_backoff_cap_seconds=100.0)
ATTEMPTS = st.integers(1, 200)


@given(
    attempt=ATTEMPTS,
    problem=st.sampled_from([Permanent("no"), DocumentRefused("no", code=ErrorCode.CORRUPT)]),
)
def test_only_permanent_errors_end_a_job_at_once(attempt: int, problem: LorebaseError) -> None:
    assert judge(problem, make_job(attempt=attempt), SETTINGS, START).final


@given(attempt=ATTEMPTS)
def test_an_outage_never_ends_a_job_nor_burns_an_attempt(attempt: int) -> None:
    verdict = judge(Unavailable("down"), make_job(attempt=attempt), SETTINGS, START)
    assert (verdict.final, verdict.burn_attempt) == (False, False)
    assert timedelta() < verdict.delay <= timedelta(seconds=60)


@given(attempt=ATTEMPTS, problem=st.sampled_from([ValueError("x"), KeyError("x"), Transient("x"), OSError()]))
def test_everything_else_is_transient_until_the_attempts_are_used_up(
    attempt: int, problem: Exception
) -> None:
    verdict = judge(problem, make_job(attempt=attempt), SETTINGS, START)
    assert verdict.final == (attempt >= 8)
    assert verdict.burn_attempt
    if not verdict.final:
        assert timedelta() <= verdict.delay <= timedelta(seconds=min(100, 2.0 * 2 ** (attempt - 1)))


@given(attempt=ATTEMPTS)
def test_a_deletion_never_gives_up(attempt: int) -> None:
    job = make_job(attempt=attempt, kind=JobKind.DELETE)
    verdict = judge(ValueError("x"), job, SETTINGS, START)
    assert not verdict.final
    assert verdict.delay <= timedelta(seconds=100)
    assert used_up(job, SETTINGS) is None


def test_backoff_is_spread_and_grows() -> None:
    def delays(attempt: int) -> list[float]:
        job = make_job(attempt=attempt)
        return [judge(ValueError(), job, SETTINGS, START).delay.total_seconds() for _ in range(200)]

    assert len(set(delays(5))) > 150
    assert max(delays(1)) <= 2 < max(delays(4)) <= 16 < max(delays(6)) <= 64


@pytest.mark.parametrize("kind", [Unavailable, Transient])
def test_retry_after_is_honoured(kind: type[LorebaseError]) -> None:
    problem = kind("busy", details={"retryAfterSeconds": 1234.0})
    assert judge(problem, make_job(attempt=1), SETTINGS, START).delay == timedelta(seconds=1234)


def test_an_outage_is_asked_about_less_often_the_longer_it_lasts() -> None:
    def longest(elapsed: float) -> float:
        job, now = make_job(attempt=1, started_at=START), START + timedelta(seconds=elapsed)
        return max(judge(Unavailable("down"), job, SETTINGS, now).delay.total_seconds() for _ in range(100))

    assert longest(0) <= 2 < longest(20) <= 10 < longest(60) <= 30 < longest(100_000) <= 60


def test_a_job_that_takes_its_worker_along_each_time_ends() -> None:
    assert used_up(make_job(attempt=8), SETTINGS) is None
    verdict = used_up(make_job(attempt=9), SETTINGS)
    assert verdict is not None
    assert (verdict.final, verdict.error.code) == (True, ErrorCode.INTERNAL)


def test_what_we_do_not_know_is_masked() -> None:
    error = describe(ValueError("SECRET"), "the-trace")
    assert (error.code, error.retryable) == (ErrorCode.INTERNAL, True)
    assert "SECRET" not in error.message
    assert "the-trace" in error.message


def test_what_we_know_is_told() -> None:
    error = describe(DocumentRefused("It is encrypted.", code=ErrorCode.ENCRYPTED), "t")
    assert (error.code, error.message, error.retryable) == (ErrorCode.ENCRYPTED, "It is encrypted.", False)


def test_logs_name_places_and_causes_but_quote_nothing() -> None:
    def inner() -> None:
        raise ValueError("SECRET")

    try:
        try:
            inner()
        except ValueError as cause:
            raise RuntimeError("SECRET too") from cause
    except RuntimeError as problem:
        text = whereabouts(problem)
    assert "SECRET" not in text
    assert "RuntimeError at test_job_errors.py" in text
    assert "ValueError at" in text
    assert "inner" in text
