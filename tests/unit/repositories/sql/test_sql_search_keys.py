"""What filters compare, made beside the values."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from lorebase.repositories.sql.search_keys import exact_decimal, fold, metadata_leaves, sort_key
from lorebase.schemas.metadata import as_number, as_text, leaves, value_at

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0.1, 0.3, 1e23, 10**18, 2**53, 2**53 + 1, -0.0, 5e-324]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=5))
metadata = st.dictionaries(
    st.text("ab.", min_size=1, max_size=3),
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


def test_folding_ignores_case_as_python_does() -> None:
    assert fold("Straße ΣΑΣ İ") == "strasse σασ i̇"


def test_a_sort_key_is_the_folded_start() -> None:
    assert sort_key("ß" * 200) == "s" * 100
    assert sort_key("Abc") == "abc"


def test_leaves_stand_under_their_type_and_path() -> None:
    found = metadata_leaves(
        {
            "n": 1,
            "a": {"b": "Ä", "t": "2026-01-01T00:00:00.0019Z", "none": None},
            "yes": True,
            "l": ["x", 1, "Y"],
            "empty": [],
        }
    )
    assert found == {
        "n:n": 1,
        "s:a.b": "Ä",
        "f:a.b": "ä",
        "s:a.t": "2026-01-01T00:00:00.0019Z",
        "f:a.t": "2026-01-01t00:00:00.0019z",
        "t:a.t": 1_767_225_600_001,
        "b:yes": True,
        "l:l": ["x", "Y"],
    }


def test_a_truth_value_is_no_number() -> None:
    assert metadata_leaves({"k": True}) == {"b:k": True}


@given(metadata)
def test_every_leaf_is_found_where_a_filter_looks(given_metadata: dict[str, object]) -> None:
    found = metadata_leaves(given_metadata)  # type: ignore[arg-type]
    for path, _ in leaves(given_metadata):  # type: ignore[arg-type]
        value = value_at(given_metadata, path)  # type: ignore[arg-type]
        assert found.get(f"s:{path}") == as_text(value)
        assert (f"n:{path}" in found) == (as_number(value) is not None)


def stored(number: float) -> Decimal:
    """The number as PostgreSQL reads it from the JSON of the leaves."""
    written = json.dumps(metadata_leaves({"k": number})["n:k"])
    return Decimal(written)


@given(numbers, numbers.map(float))
def test_stored_numbers_compare_with_operands_as_python_compares_them(number: float, operand: float) -> None:
    assert (stored(number) == exact_decimal(operand)) == (number == operand)
    assert (stored(number) < exact_decimal(operand)) == (number < operand)


def test_numbers_that_only_look_alike_stay_apart() -> None:
    assert stored(10**23) != exact_decimal(1e23)
    assert stored(1e23) == exact_decimal(1e23)
    assert stored(2**53 + 1) != exact_decimal(2.0**53)
