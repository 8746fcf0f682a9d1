"""A small schema with endless, counted and failing subscriptions, as protocol suites need them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.schema.config import StrawberryConfig

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.nodes import Node
from lorebase.api.graphql.pagination import Connection, Paging, connection, describe_pages
from lorebase.api.graphql.scalars import SCALARS, Upload
from lorebase.api.graphql.schema import core_schema
from lorebase.schemas.pagination import Page, Position

SECRET = "secret internal detail"


@dataclass
class Gauge:
    """How many subscriptions run now, and how many ended."""

    running: int = 0
    ended: int = 0


GAUGE = Gauge()


@strawberry.type
class Doc(Node):
    """An entity of the fixture."""

    title: str

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Doc | None:
        return DOCS.get(object_id.int)


DOCS = {number: Doc(id=strawberry.ID(str(number)), title=f"doc {number}") for number in range(1, 51)}


def find_doc(number: str) -> Doc | None:
    return DOCS.get(int(number)) if number.isdecimal() else None


@strawberry.input(one_of=True)
class DocBy:
    """One way to name a document."""

    id: strawberry.ID | None = strawberry.UNSET
    title: str | None = strawberry.UNSET


@strawberry.type
class Started:
    seq: int


@strawberry.type
class Delta:
    seq: int
    text: str


@strawberry.type
class Completed:
    seq: int


@strawberry.type
class Letter:
    """An event with a cursor."""

    cursor: str
    letter: str


LETTERS = "abcde"
TokenEvent = Annotated[Started | Delta | Completed, strawberry.union("TokenEvent")]


async def _count() -> int:
    return len(DOCS)


@strawberry.type
class Query:
    """Reads of the fixture."""

    @strawberry.field
    def node(self, id: strawberry.ID) -> Node | None:  # noqa: A002 - the argument's public name
        return find_doc(id)

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Node | None]:
        return [find_doc(each) for each in ids]

    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @connection("Documents of the fixture.")
    async def docs(self, info: Info, paging: Paging) -> Connection[Doc]:
        numbers, request = list(DOCS), paging.request
        start = request.after.id.int if request.after else 0
        stop = request.before.id.int if request.before else len(numbers) + 1
        wanted = [number for number in numbers if start < number < stop]
        cut = wanted[-request.limit :] if request.backward else wanted[: request.limit]
        page = Page[int](
            items=tuple(cut),
            positions=tuple(Position(sort_value="", id=UUID(int=number)) for number in cut),
            has_next=bool(cut) and cut[-1] < numbers[-1],
            has_previous=bool(cut) and cut[0] > numbers[0],
        )
        return paging.connection(page, DOCS.__getitem__, _count)

    @strawberry.field
    def doc_by(self, by: DocBy) -> Doc | None:
        return DOCS.get(1)

    @strawberry.field
    def boom(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def active_subs(self) -> list[int]:
        return [GAUGE.running, GAUGE.ended]


@strawberry.type
class Mutation:
    """Changes of the fixture."""

    @strawberry.mutation
    def add_doc(self, title: str) -> Doc:
        number = len(DOCS) + 1
        DOCS[number] = Doc(id=strawberry.ID(str(number)), title=title)
        return DOCS[number]

    @strawberry.mutation
    async def upload(self, file: Upload) -> str:
        content = await file.read()
        return f"{file.filename}:{len(content)}"


@strawberry.type
class Subscription:
    """Streams of the fixture."""

    @strawberry.subscription
    async def count(self, to: int = 3, delay: float = 0.01) -> AsyncGenerator[int, None]:
        GAUGE.running += 1
        try:
            for number in range(to):
                await asyncio.sleep(delay)
                yield number
        finally:
            GAUGE.running -= 1
            GAUGE.ended += 1

    @strawberry.subscription
    async def tokens(self, prompt: str, after: int = 0) -> AsyncGenerator[TokenEvent, None]:
        words = prompt.split()
        deltas = [Delta(seq=place, text=word) for place, word in enumerate(words, start=2)]
        for event in (Started(seq=1), *deltas, Completed(seq=len(words) + 2)):
            if event.seq > after:
                await asyncio.sleep(0.005)
                yield event

    @strawberry.subscription
    async def letters(self, after: str | None = None) -> AsyncGenerator[Letter, None]:
        for letter in LETTERS[LETTERS.index(after) + 1 :] if after else LETTERS:
            yield Letter(cursor=letter, letter=letter)

    @strawberry.subscription
    async def fails_midway(self) -> AsyncGenerator[int, None]:
        yield 1
        raise RuntimeError(SECRET)

    @strawberry.subscription
    async def big(self, n: int = 1000, kb: int = 64) -> AsyncGenerator[str, None]:
        for _ in range(n):
            yield "x" * (kb * 1024)

    @strawberry.subscription
    async def idle(self) -> AsyncGenerator[int, None]:
        GAUGE.running += 1
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            GAUGE.running -= 1
            GAUGE.ended += 1


def fixture_schema() -> strawberry.Schema:
    """The schema of the fixture."""
    config = StrawberryConfig(scalar_map=SCALARS)
    schema = strawberry.Schema(Query, Mutation, Subscription, config=config)
    describe_pages(core_schema(schema))
    return schema
