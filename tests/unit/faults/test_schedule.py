"""Faults are drawn from a seed: the same ones again for the same seed, and every kind in a long run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.schedule import WORKERS, Fault, FaultKind, draw

SEEDS = st.integers(min_value=0, max_value=2**32)


def faults(seed: int, rounds: int = 50, *only: FaultKind) -> list[Fault]:
    return list(draw(seed, rounds, lease_seconds=3.0, only=only))


@given(SEEDS)
def test_a_seed_always_draws_the_same_faults(seed: int) -> None:
    assert faults(seed) == faults(seed)


@given(SEEDS)
def test_a_longer_run_begins_like_a_shorter_one(seed: int) -> None:
    assert faults(seed, 30)[:10] == faults(seed, 10)


def test_two_seeds_draw_different_faults() -> None:
    assert faults(1) != faults(2)


def test_a_long_run_brings_every_kind() -> None:
    assert {fault.kind for fault in faults(1, 600)} == set(FaultKind)


@given(SEEDS)
def test_a_freeze_outlasts_the_lease_and_hits_a_worker(seed: int) -> None:
    for fault in faults(seed, 20, FaultKind.FREEZE_WORKER):
        assert fault.seconds > 3.0
        assert fault.target in WORKERS


@given(SEEDS)
def test_only_the_scenarios_asked_for_come(seed: int) -> None:
    asked = (FaultKind.KILL_MILVUS, FaultKind.HOLE_MILVUS)
    assert {fault.kind for fault in faults(seed, 40, *asked)} == set(asked)


def test_a_scenario_says_what_is_done_to_what() -> None:
    (fault,) = faults(1, 1, FaultKind.HOLE_POSTGRES)
    assert (fault.family, fault.target) == ("hole", "postgres")
    (killed,) = faults(1, 1, FaultKind.KILL_API)
    assert (killed.family, killed.target, killed.seconds) == ("kill", "api", 0.0)
