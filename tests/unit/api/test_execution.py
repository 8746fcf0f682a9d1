"""Operations that read attributes the short way say exactly what graphql-core says."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import Enum
from inspect import isawaitable
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, execute, parse, subscribe
from hypothesis import given
from hypothesis import strategies as st

from lorebase.api.graphql.execution import AttributeExecutor
from lorebase.api.graphql.schema import core_schema


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.type
class Part:
    number: int
    name: str | None
    share: float
    colour: Colour
    tags: list[str]

    @strawberry.field
    def doubled(self) -> int:
        return self.number * 2

    @strawberry.field
    async def later(self) -> str:
        return f"later {self.number}"

    @strawberry.field
    def inner(self) -> Part | None:
        return None if self.number > 1 else make_part(number=self.number + 1)


def make_part(**given: Any) -> Part:
    values = {"number": 1, "name": "a name", "share": 0.5, "colour": Colour.RED, "tags": ["x"]}
    return Part(**{**values, **given})


PARTS: list[Part] = []


@strawberry.type
class Query:
    @strawberry.field
    def parts(self) -> list[Part | None]:
        return list(PARTS)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def growing(self) -> AsyncGenerator[Part, None]:
        for number in (1, 2):
            yield make_part(number=number)


SCHEMA = core_schema(strawberry.Schema(Query, None, Subscription))
FIELDS = ["number", "name", "share", "colour", "tags", "doubled", "later", "__typename", "again: number"]


async def run(
    query: str, executor_class: type[AttributeExecutor] | None, **variables: object
) -> ExecutionResult:
    result = execute(SCHEMA, parse(query), variable_values=variables, executor_class=executor_class)
    return await result if isawaitable(result) else result


async def both(query: str, **variables: object) -> ExecutionResult:
    """The result, after a look at whether the two ways agree, in the order of fields too."""
    ours = await run(query, AttributeExecutor, **variables)
    theirs = await run(query, None, **variables)
    assert ours == theirs
    assert repr(ours.data) == repr(theirs.data)
    return ours


def parts(*wanted: Part) -> None:
    PARTS[:] = wanted


@given(st.lists(st.sampled_from(FIELDS), min_size=1, unique=True), st.integers(0, 3))
async def test_any_selection_of_a_list_reads_the_same(fields: list[str], number: int) -> None:
    parts(*(make_part(number=place) for place in range(number)))
    selection = " ".join(fields)
    result = await both(f"{{ parts {{ {selection} inner {{ {selection} }} }} }}")
    assert result.errors is None
    assert result.data is not None
    assert len(result.data["parts"]) == number


async def test_attributes_alone_need_no_awaiting() -> None:
    parts(make_part())
    result = execute(SCHEMA, parse("{ parts { number colour } }"), executor_class=AttributeExecutor)
    assert isinstance(result, ExecutionResult)
    assert result.data == {"parts": [{"number": 1, "colour": "RED"}]}


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"number": None}, "Cannot return null for non-nullable field Part.number."),
        ({"number": "many"}, "Int cannot represent"),
        ({"share": float("inf")}, "Float cannot represent"),
        ({"colour": "red-ish"}, "red-ish"),
    ],
)
async def test_a_value_that_does_not_fit_is_the_same_error_at_the_same_place(
    wrong: dict[str, object], what: str
) -> None:
    parts(make_part(), make_part(**wrong))
    result = (
        await both("{ parts { number share colour doubled } }")
        if "number" not in wrong
        else await both("{ parts { number share colour } }")
    )
    assert result.data is not None
    assert result.data["parts"][1] is None
    assert result.errors is not None
    (error,) = result.errors
    assert what in error.message
    assert error.path == ["parts", 1, next(iter(wrong))]


async def test_null_stays_null_where_it_may_be() -> None:
    parts(make_part(name=None))
    assert (await both("{ parts { name } }")).data == {"parts": [{"name": None}]}


@pytest.mark.parametrize("included", [True, False])
async def test_fields_are_left_out_on_request(included: bool) -> None:
    parts(make_part())
    query = "query($on: Boolean!) { parts { number @include(if: $on) share ...More @skip(if: $on) } }"
    result = await both(f"{query} fragment More on Part {{ name later }}", on=included)
    assert result.data is not None
    assert ("number" in result.data["parts"][0]) is included
    assert ("later" in result.data["parts"][0]) is not included


async def test_events_of_a_subscription_are_read_the_same_way() -> None:
    document = parse("subscription { growing { number name later } }")
    stream = subscribe(SCHEMA, document, executor_class=AttributeExecutor)
    opened: Any = await stream if isawaitable(stream) else stream
    seen = [result.data["growing"] async for result in opened]
    assert seen == [{"number": n, "name": "a name", "later": f"later {n}"} for n in (1, 2)]
