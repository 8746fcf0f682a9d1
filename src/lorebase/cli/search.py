"""`lorebase search`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from lorebase.cli.output import clean, console, highlighted, one_line
from lorebase.cli.search_filters import HELP, search_filter
from lorebase.cli.session import open_session, run

PASSAGE_CHARACTERS = 280


class Mode(StrEnum):
    """How candidates are found."""

    HYBRID = "HYBRID"
    KEYWORD = "KEYWORD"
    VECTOR = "VECTOR"


def search(  # noqa: PLR0917 (each parameter is an option of the command)
    query: Annotated[str, typer.Argument(help="A question or words.")],
    knowledge_base: Annotated[str | None, typer.Option("--knowledge-base", help="Slug or id.")] = None,
    filters: Annotated[list[str] | None, typer.Option("--filter", help=HELP)] = None,
    mode: Annotated[Mode, typer.Option(case_sensitive=False)] = Mode.HYBRID,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the API answered.")] = False,
) -> None:
    """Find passages by meaning and by words."""
    found = run(_search(query, knowledge_base, filters or [], mode, limit))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    console().print(_table(query, found) if found["nodes"] else "Nothing found.")


async def _search(
    query: str, knowledge_base: str | None, filters: list[str], mode: Mode, limit: int
) -> dict[str, Any]:
    async with open_session() as session:
        chosen = await session.knowledge_base(knowledge_base)
        types: dict[str, str] = {}
        if any(expression.startswith("metadata.") for expression in filters):
            shown = (await session.client.run("show-knowledge-base", {"id": chosen["id"]}))["node"]
            types = {field["path"]: field["type"] for field in shown["metadataFields"]}
        asked: dict[str, object] = {"knowledgeBaseIds": [chosen["id"]], "query": query, "mode": mode.value}
        condition = search_filter(filters, types)
        if condition is not None:
            asked["filter"] = condition
        data = await session.client.run("search", {"input": asked, "first": limit})
    result: dict[str, Any] = data["search"]
    return result


def _table(query: str, found: dict[str, Any]) -> Table:
    more = ", and more" if found["pageInfo"]["hasNextPage"] else ""
    title = f"{len(found['nodes'])} passages{more} in {found['tookMs']} ms for “{one_line(query, 60)}”"
    table = Table(title=escape(title), title_justify="left", show_lines=True)
    table.add_column("score", justify="right")
    table.add_column("document", ratio=1, overflow="fold")
    table.add_column("passage", ratio=3, overflow="fold")
    for hit in found["nodes"]:
        chunk = hit["chunk"]
        passage = highlighted(chunk["text"], hit["highlights"], PASSAGE_CHARACTERS)
        table.add_row(f"{hit['score']:.2f}", escape(place(chunk)), passage)
    return table


def place(chunk: dict[str, Any]) -> str:
    """Where a passage stands: title, key, headings and page."""
    document = chunk["documentVersion"]["document"]
    parts = [clean(document["title"])]
    if document["externalId"] and document["externalId"] != document["title"]:
        parts.append(clean(document["externalId"]))
    if chunk["section"]:
        parts.append(" › ".join(one_line(title, 60) for title in chunk["section"]))
    if chunk["page"]:
        parts.append(f"page {chunk['page']}")
    return "\n".join(parts)
