"""What followers of one stream share: the same bytes for the same question, nothing that asks who asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import strawberry
from graphql import ExecutionResult, parse
from hypothesis import given
from hypothesis import strategies as st

from lorebase.api.graphql.execution import AttributeExecutor
from lorebase.api.graphql.schema import core_schema
from lorebase.api.graphql.sharing import EventResults, MadeOnce, SharedResult, fingerprint


@dataclass
class Reader:
    name: str


@strawberry.type
class Part:
    number: int


@strawberry.type
class Happening:
    text: str
    part: Part
    parts: list[Part]

    @strawberry.field
    def reader(self, info: strawberry.Info[Reader, None]) -> str:
        return info.context.name

    @strawberry.field
    async def reader_later(self, info: strawberry.Info[Reader, None]) -> str:
        return info.context.name

    @strawberry.field
    def maker(self) -> Part:
        return Part(number=len(self.text))


class Sourced(Happening):
    """One that says what it was made of."""

    def __init__(self, *, source: object, **given: Any) -> None:
        super().__init__(**given)
        self.source = source


@strawberry.type
class Query:
    nothing: str


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def happenings(self) -> AsyncGenerator[Happening, None]:
        yield happening()


SCHEMA = core_schema(strawberry.Schema(Query, None, Subscription))


def happening(text: Any = "news") -> Happening:
    return Happening(text=text, part=Part(number=1), parts=[Part(number=2), Part(number=3)])


async def of(*events: Happening) -> AsyncGenerator[Happening]:
    for event in events:
        yield event


async def ask(
    results: EventResults,
    selection: str,
    event: Happening,
    *,
    reader: str = "a",
    variables: dict[str, object] | None = None,
    operation: bytes | None = b"",
) -> ExecutionResult:
    """The result that one follower receives for an event."""
    query = f"subscription($yes: Boolean = true) {{ happenings {{ text {selection} }} }}"
    executor = AttributeExecutor.build(
        SCHEMA, parse(query), context_value=Reader(reader), raw_variable_values=variables
    )
    assert isinstance(executor, AttributeExecutor)
    same = fingerprint(query, None, variables or {}) if operation == b"" else operation
    [result] = [each async for each in results.each(executor, of(event), same)]
    return result


@pytest.mark.parametrize("selection", ["", "__typename", "part { number }", "parts { again: number }"])
async def test_what_only_reads_the_event_is_made_once_for_all(selection: str) -> None:
    results, event = EventResults(), happening()
    first = await ask(results, selection, event, reader="a")
    second = await ask(results, selection, event, reader="b")
    assert isinstance(first, SharedResult)
    assert second is first
    assert orjson.loads(first.json) == {"data": first.data}
    assert first.data is not None
    assert first.data["happenings"]["text"] == "news"


@pytest.mark.parametrize("field", ["reader", "readerLater"])
async def test_what_depends_on_the_reader_is_never_shared(field: str) -> None:
    results, event = EventResults(), happening()
    for name in ("a", "b", "a"):
        result = await ask(results, f"part {{ number }} {field}", event, reader=name)
        assert not isinstance(result, SharedResult)
        assert result.data is not None
        assert result.data["happenings"][field] == name


async def test_a_resolver_that_happens_to_give_the_same_is_not_trusted() -> None:
    results, event = EventResults(), happening()
    assert not isinstance(await ask(results, "maker { number }", event), SharedResult)


async def test_other_variables_are_another_question() -> None:
    results, event = EventResults(), happening()
    selection = "part @include(if: $yes) { number }"
    with_part = await ask(results, selection, event, variables={"yes": True})
    without = await ask(results, selection, event, variables={"yes": False})
    assert with_part.data == {"happenings": {"text": "news", "part": {"number": 1}}}
    assert without.data == {"happenings": {"text": "news"}}


async def test_events_that_are_equal_but_not_the_same_are_run_each() -> None:
    results = EventResults()
    first, second = await ask(results, "", happening()), await ask(results, "", happening())
    assert first == second
    assert first is not second


async def test_a_result_with_errors_is_not_shared() -> None:
    results, event = EventResults(), happening(text=None)
    first, second = await ask(results, "", event), await ask(results, "", event)
    assert first is not second
    assert first.errors is not None
    assert "non-nullable" in first.errors[0].message


async def test_variables_that_are_no_json_share_nothing() -> None:
    assert fingerprint("{ a }", None, {"file": object()}) is None
    assert fingerprint("{ a }", None, {"number": 2**70}) is None
    results, event = EventResults(), happening()
    first = await ask(results, "", event, operation=None)
    assert first.data == (await ask(results, "", event, operation=None)).data
    assert not isinstance(first, SharedResult)


async def test_what_was_made_for_one_is_handed_on_to_who_asks_the_same() -> None:
    results, event, got = EventResults(), happening(), list[SharedResult]()

    def take(result: SharedResult) -> bool:
        got.append(result)
        return len(got) < 2

    deliver = results.deliverer(b"same", take)
    assert not deliver(event)
    first = await ask(results, "", event, operation=b"same")
    assert deliver(event)
    assert not deliver(event)
    assert got == [first, first]
    assert not results.deliverer(b"other", take)(event)
    assert not deliver(happening())


async def test_who_has_only_the_source_of_an_event_is_handed_what_was_made_of_it() -> None:
    results, source = EventResults(), object()
    event, again = (Sourced(**vars(happening()), source=source) for _ in range(2))
    deliver = results.deliverer(b"same", lambda _result: True)
    assert not deliver(source)
    first = await ask(results, "", event, operation=b"same")
    assert deliver(source)
    # Whoever has not made the event of it yet makes another one, but needs no other result.
    assert await ask(results, "", again, operation=b"same") is first
    assert not deliver(object())


async def test_what_depends_on_the_reader_is_never_handed_on() -> None:
    results, event, got = EventResults(), happening(), list[SharedResult]()
    deliver = results.deliverer(b"same", lambda result: got.append(result) is None)
    await ask(results, "reader", event, operation=b"same")
    assert not deliver(event)
    assert got == []


async def test_without_a_fingerprint_nothing_is_handed_on() -> None:
    results, event = EventResults(), happening()
    await ask(results, "", event, operation=None)
    assert not results.deliverer(None, lambda _result: True)(event)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=5,
)
VARIABLES = st.dictionaries(st.text("abc", max_size=2), JSON, max_size=3)
OPERATIONS = st.tuples(st.sampled_from(["{ a }", "{ b }"]), st.sampled_from([None, "A"]), VARIABLES)


@given(OPERATIONS, OPERATIONS)
def test_two_operations_have_one_fingerprint_only_when_they_are_the_same(
    first: tuple[str, str | None, dict[str, object]], second: tuple[str, str | None, dict[str, object]]
) -> None:
    def written(operation: object) -> bytes:
        return orjson.dumps(operation, option=orjson.OPT_SORT_KEYS)

    assert (fingerprint(*first) == fingerprint(*second)) == (written(first) == written(second))


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 8))
def test_only_the_newest_are_kept_and_each_is_its_own(wanted: list[int], maximum: int) -> None:
    made: MadeOnce[str] = MadeOnce(maximum)
    sources = [object() for _ in range(10)]
    kept: list[int] = []
    for number in wanted:
        found = made.find(sources[number], "name")
        assert found == (f"made of {number}" if number in kept else None)
        if number not in kept:
            made.keep(sources[number], "name", f"made of {number}")
            kept = [*kept, number][-maximum:]
        assert made.find(sources[number], "name") == f"made of {number}"
        assert made.find(sources[number], "another purpose") is None


def test_an_identity_is_not_taken_over_while_it_counts() -> None:
    made: MadeOnce[int] = MadeOnce(4)
    for number in range(100):
        source = [number]
        assert made.find(source, None) is None
        made.keep(source, None, number)
        assert made.find(source, None) == number
