"""Connections: keyset pages with signed cursors, and a total that is counted only when selected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import strawberry
from graphql import GraphQLSchema
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from lorebase.api.graphql.context import Context, Info
from lorebase.api.graphql.cursors import PositionCursors
from lorebase.api.graphql.directives import Cost
from lorebase.api.graphql.fields import FieldDecorator, computed
from lorebase.core.errors import BadInput
from lorebase.schemas.pagination import Page, PageRequest

Item = TypeVar("Item")
Stored = TypeVar("Stored")


@strawberry.type(description="How a connection page relates to the whole list.")
class PageInfo:
    """Where a page stands."""

    end_cursor: str | None = strawberry.field(description="Cursor of the last edge; null on an empty page.")
    has_next_page: bool = strawberry.field(description="Whether edges follow the page.")
    has_previous_page: bool = strawberry.field(description="Whether edges precede the page.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first edge; null on an empty page."
    )


@strawberry.type(description="A {name} and its position.")
class Edge(Generic[Item]):
    """An object with its cursor."""

    cursor: str = strawberry.field(description="Opaque position, stable across inserts.")
    node: Item = strawberry.field(description="The object.")


@strawberry.type(description="A page of {name} objects.")
class Connection(Generic[Item]):
    """A page; cursors are signed only when they are selected."""

    nodes: list[Item] = strawberry.field(description="The page, without cursors.")
    cursors: strawberry.Private[Callable[[int], str]]
    has_next: strawberry.Private[bool]
    has_previous: strawberry.Private[bool]
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @computed("The page, with cursors.")
    def edges(self) -> list[Edge[Item]]:
        """Every object with its position."""
        return [Edge(cursor=self.cursors(place), node=node) for place, node in enumerate(self.nodes)]

    @computed("Position of the page in the list.")
    def page_info(self) -> PageInfo:
        """Whether there is more, and from where to go on."""
        last = len(self.nodes) - 1
        return PageInfo(
            start_cursor=self.cursors(0) if self.nodes else None,
            end_cursor=self.cursors(last) if self.nodes else None,
            has_next_page=self.has_next,
            has_previous_page=self.has_previous,
        )

    @computed("Number of matching objects, capped at 10000; computed only when selected.")
    async def total_count(self) -> int:
        """Counts, capped."""
        return await self.count()


@dataclass(frozen=True)
class Paging:
    """What a resolver of a connection receives: the page asked for, and how to answer with one."""

    request: PageRequest
    cursors: PositionCursors

    def connection(
        self,
        page: Page[Stored],
        show: Callable[[Stored], Item],
        count: Callable[[], Awaitable[int]],
    ) -> Connection[Item]:
        """The page as clients see it."""
        positions = page.positions
        return Connection(
            nodes=[show(item) for item in page.items],
            cursors=lambda place: self.cursors.write(positions[place]),
            has_next=page.has_next,
            has_previous=page.has_previous,
            count=count,
        )


def _argument(name: str, kind: type, description: str) -> StrawberryArgument:
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(kind | None),
        description=description,
    )


PAGE_ARGUMENTS = (
    _argument("after", str, "Return edges after this cursor."),
    _argument("before", str, "Return edges before this cursor."),
    _argument(
        "first", int, "Number of edges from the start, at most 100; defaults to 20 when `last` is absent."
    ),
    _argument("last", int, "Number of edges from the end, at most 100."),
)
PAGE_NAMES = tuple(argument.python_name for argument in PAGE_ARGUMENTS)


class PagedField(FieldExtension):
    """Adds `first`, `last`, `after` and `before` to a field and hands its resolver a `Paging` instead."""

    def apply(self, field: StrawberryField) -> None:
        """Swaps the resolver's `paging` parameter for the four arguments."""
        kept = [each for each in field.arguments if each.python_name not in {"paging", *PAGE_NAMES}]
        field.arguments = [*PAGE_ARGUMENTS, *kept]

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: Any, info: Info, **arguments: Any
    ) -> object:
        """Reads the four arguments; BadInput when they make no sense."""
        given = {name: arguments.pop(name, None) for name in PAGE_NAMES}
        purpose = list_purpose(info, getattr(source, "id", ""), arguments.get("order_by"))
        cursors = PositionCursors(info.context.services.signer, purpose)
        paging = Paging(page_request(info.context, cursors, **given), cursors)
        return await next_(source, info, paging=paging, **arguments)


def list_purpose(info: Info, parent_id: str, order: object) -> str:
    """Names a list: its field, the object it hangs on, its order and the workspace."""
    ordering = f"{getattr(order, 'field', '')}:{getattr(order, 'direction', '')}" if order else ""
    field = f"{info._raw_info.parent_type.name}.{info.field_name}"
    return f"{field}:{parent_id}:{ordering}:{info.context.principal.workspace_id}"


def page_request(
    context: Context,
    cursors: PositionCursors,
    *,
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
) -> PageRequest:
    """The page asked for. BadInput unless `first` or `last`, not both, is within bounds."""
    if first is not None and last is not None:
        raise BadInput("Give `first` or `last`, not both.", field=["last"])
    name, size = ("last", last) if last is not None else ("first", first)
    limit = context.settings.page_size_default if size is None else size
    check_size(context, limit, name)
    return PageRequest(
        limit=limit,
        after=cursors.read(after, "after") if after is not None else None,
        before=cursors.read(before, "before") if before is not None else None,
        backward=last is not None,
    )


def check_size(context: Context, size: int, argument: str) -> None:
    """BadInput unless the size of a page is from 1 to the maximum."""
    maximum = context.settings.page_size_maximum
    if not 1 <= size <= maximum:
        raise BadInput(f"`{argument}` must be from 1 to {maximum}.", field=[argument])


def connection(description: str) -> FieldDecorator:
    """A field that answers with a connection; its resolver takes a `paging: Paging`."""
    cost = Cost(weight=1, multipliers=["first", "last"])
    return computed(description, cost=cost, extensions=[PagedField()])


def describe_pages(schema: GraphQLSchema) -> None:
    """Gives each connection and edge type a description that names what it holds."""
    for name, defined in schema.type_map.items():
        if defined.description and "{name}" in defined.description:
            noun = name.removesuffix("Connection").removesuffix("Edge")
            defined.description = defined.description.replace("{name}", noun)
