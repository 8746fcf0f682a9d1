"""The algebra of conditions: simplification, and widening that never loses a row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lorebase.repositories.milvus.conditions import (
    ALWAYS,
    NEVER,
    AllOf,
    AnyOf,
    AtLeast,
    Comparison,
    Condition,
    Constant,
    Field,
    Negation,
    Unknown,
    all_of,
    any_of,
    is_exact,
    widened,
)

A, B = (Comparison(Field(name), "==", 1) for name in "ab")


def test_constants_disappear() -> None:
    assert all_of([A, ALWAYS]) == A
    assert all_of([A, NEVER]) == NEVER
    assert all_of([]) == ALWAYS
    assert any_of([A, NEVER]) == A
    assert any_of([A, ALWAYS]) == ALWAYS
    assert any_of([]) == NEVER


def test_what_is_said_twice_is_kept_once() -> None:
    assert all_of([A, B, A]) == AllOf((A, B))
    assert any_of([A, A]) == A


def test_the_unknown_is_wide_with_and_without_not() -> None:
    assert widened(Unknown()) == ALWAYS
    assert widened(Negation(Unknown())) == ALWAYS
    assert widened(all_of([A, Unknown()])) == A
    assert widened(Negation(all_of([A, Unknown()]))) == ALWAYS
    assert widened(Negation(any_of([A, Unknown()]))) == Negation(A)


def test_what_is_at_least_so_is_lost_under_not() -> None:
    assert widened(AtLeast(A)) == A
    assert widened(Negation(AtLeast(A))) == ALWAYS
    assert widened(Negation(Negation(AtLeast(A)))) == A


def test_negations_are_driven_down() -> None:
    assert widened(Negation(all_of([A, B]))) == AnyOf((Negation(A), Negation(B)))
    assert widened(Negation(any_of([A, Negation(B)]))) == AllOf((Negation(A), B))
    assert widened(Negation(Constant(True))) == NEVER


leaves = st.one_of(
    st.sampled_from([A, B, ALWAYS, NEVER, Unknown()]),
    st.sampled_from([A, B]).map(AtLeast),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(Negation),
        st.lists(inner, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=8,
)


def truth(condition: Condition, tests: dict[str, bool], hidden: bool) -> bool:
    """What really holds, when `hidden` decides everything that Milvus cannot tell."""
    if isinstance(condition, AllOf | AnyOf):
        join = all if isinstance(condition, AllOf) else any
        return join(truth(part, tests, hidden) for part in condition.parts)
    match condition:
        case Constant(holds):
            return holds
        case AtLeast(inner):
            return hidden and truth(inner, tests, hidden)
        case Negation(inner):
            return not truth(inner, tests, hidden)
        case Comparison(subject, _, _):
            return tests[subject.column]
        case _:
            return hidden


@given(conditions, st.booleans(), st.booleans(), st.booleans())
def test_widening_never_loses_a_row(condition: Condition, a: bool, b: bool, hidden: bool) -> None:
    tests = {"a": a, "b": b}
    wide = widened(condition)
    assert is_exact(wide)
    really, maybe = truth(condition, tests, hidden), truth(wide, tests, hidden)
    assert maybe or not really
    if is_exact(condition):
        assert maybe == really
