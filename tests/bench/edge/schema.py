"""The smallest schema that asks everything of the edge: a field, a page, and the streams of jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import strawberry
from strawberry.schema.config import StrawberryConfig

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.job_events import JobSubscriptions
from lorebase.api.graphql.pagination import Connection, Paging, connection, describe_pages
from lorebase.api.graphql.scalars import SCALARS
from lorebase.api.graphql.schema import core_schema
from lorebase.schemas.pagination import Page, Position

ITEMS = 100
WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)

NumberPage = Page[int]

# What a repository gives: neither server reads a database.
NUMBERS = tuple(range(ITEMS))
POSITIONS = tuple(Position(sort_value="", id=UUID(int=number)) for number in NUMBERS)

HELLO = "query Hello { hello }"
LIST = "query List { items(first: 100) { nodes { id title status score createdAt } } }"
FOLLOW = """subscription Follow($workspaceId: ID!) {
  workspaceJobEvents(workspaceId: $workspaceId) {
    __typename
    ... on StreamEvent { cursor sequence }
    ... on JobProgressed { job { id status } progress { stage completed total } }
  }
}"""


@strawberry.type
class Item:
    id: strawberry.ID
    title: str
    status: str
    score: float
    created_at: datetime


def make_item(number: int) -> Item:
    title = f"Title of number {number}"
    return Item(
        id=strawberry.ID(str(number)), title=title, status="READY", score=number / 100, created_at=WHEN
    )


async def _count() -> int:
    return ITEMS


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello world"

    @connection("Items.")
    async def items(self, info: Info, paging: Paging) -> Connection[Item]:
        limit = paging.request.limit
        page = NumberPage(
            items=NUMBERS[:limit], positions=POSITIONS[:limit], has_next=False, has_previous=False
        )
        return paging.connection(page, make_item, _count)


@strawberry.type
class Subscription(JobSubscriptions):
    pass


def bench_schema() -> strawberry.Schema:
    """The schema of the benches."""
    schema = strawberry.Schema(Query, None, Subscription, config=StrawberryConfig(scalar_map=SCALARS))
    describe_pages(core_schema(schema))
    return schema
