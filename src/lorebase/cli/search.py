"""`lorebase search`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from lorebase.cli.connection.responses import Json
from lorebase.cli.connection.session import Session, open_session, run
from lorebase.cli.output import console, highlighted, one_line
from lorebase.cli.search_filters import HELP, names_metadata, search_filter
from lorebase.cli.tables import Row, show_rows

PASSAGE_CHARACTERS = 280
TITLE_CHARACTERS = 60
PROFILE = "Retrieval profile by name, or name@version: `lorebase profiles` lists them."
MODE = "By meaning, by words, or both: as the profile says, else both."
WIDE = {"document": 1, "passage": 2}


class Mode(StrEnum):
    """How candidates are found."""

    HYBRID = "HYBRID"
    KEYWORD = "KEYWORD"
    VECTOR = "VECTOR"


def search(  # noqa: PLR0917 (each parameter is an option of the command)
    query: Annotated[str, typer.Argument(help="A question or words.")],
    knowledge_base: Annotated[
        str | None, typer.Option("--knowledge-base", help="Slug or id of the knowledge base to search.")
    ] = None,
    filters: Annotated[list[str] | None, typer.Option("--filter", help=HELP)] = None,
    mode: Annotated[Mode | None, typer.Option(case_sensitive=False, help=MODE)] = None,
    profile: Annotated[str | None, typer.Option("--profile", help=PROFILE)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many passages at most.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the API answered.")] = False,
) -> None:
    """Find passages by meaning and by words. In a pipe: a line a passage, fields parted by tabs."""
    found = run(_search(query, knowledge_base, filters or [], mode, profile, limit))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif found["nodes"]:
        _show(query, found)
    else:
        typer.echo("Nothing found.", err=True)


async def _search(  # noqa: PLR0917 (each parameter is an option of the command)
    query: str,
    knowledge_base: str | None,
    filters: list[str],
    mode: Mode | None,
    profile: str | None,
    limit: int,
) -> Json:
    if not names_metadata(filters):
        # What is wrong with a filter is said before anybody is asked.
        search_filter(filters, {})
    async with open_session() as session:
        chosen = await session.knowledge_base(knowledge_base)
        types = await _metadata_types(session, chosen["id"]) if names_metadata(filters) else {}
        asked: dict[str, object] = {"knowledgeBaseIds": [chosen["id"]], "query": query}
        if mode is not None:
            asked["mode"] = mode.value
        if profile is not None:
            asked["profile"] = profile
        condition = search_filter(filters, types)
        if condition is not None:
            asked["filter"] = condition
        data = await session.client.run("search", {"input": asked, "first": limit})
    result: Json = data["search"]
    return result


async def _metadata_types(session: Session, knowledge_base_id: str) -> dict[str, str]:
    shown = (await session.client.run("show-knowledge-base", {"id": knowledge_base_id}))["node"]
    return {field["path"]: field["type"] for field in shown["metadataFields"]}


def _show(query: str, found: Json) -> None:
    more = ", and more" if found["pageInfo"]["hasNextPage"] else ""
    count = f"{len(found['nodes'])} passage{'s' * (len(found['nodes']) > 1)}{more}"
    title = f"{count} in {found['tookMs']} ms for “{one_line(query, TITLE_CHARACTERS)}”"
    rows = [_row(hit) for hit in found["nodes"]]
    show_rows(console(), ("score", "document", "passage"), rows, title=title, wide=WIDE)


def _row(hit: Json) -> Row:
    chunk = hit["chunk"]
    passage = highlighted(chunk["text"], hit["highlights"], PASSAGE_CHARACTERS)
    return (f"{hit['score']:.2f}", place(chunk), passage)


def place(chunk: Json) -> str:
    """Where a passage stands, a line each: title, key, headings and page."""
    document = chunk["documentVersion"]["document"]
    parts = [one_line(document["title"])]
    if document["externalId"] and document["externalId"] != document["title"]:
        parts.append(one_line(document["externalId"]))
    if chunk["section"]:
        parts.append(" › ".join(one_line(title, TITLE_CHARACTERS) for title in chunk["section"]))
    if chunk["page"]:
        parts.append(f"page {chunk['page']}")
    return "\n".join(parts)
