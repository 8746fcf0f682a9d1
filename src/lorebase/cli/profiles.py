"""`lorebase profiles`: the ways of searching that an installation offers."""

from __future__ import annotations

from lorebase.cli.connection.responses import Json
from lorebase.cli.connection.session import open_session, run
from lorebase.cli.output import console, one_line
from lorebase.cli.tables import Row, show_rows

HEADINGS = ("profile", "usable", "what it does")


def profiles() -> None:
    """List the retrieval profiles, and what those lack that cannot be used here."""
    show_rows(console(), HEADINGS, list(map(_row, run(_list()))), wide={"what it does": 1})


async def _list() -> list[Json]:
    async with open_session() as session:
        found: list[Json] = (await session.client.run("list-retrieval-profiles", {}))["retrievalProfiles"]
    return found


def _row(profile: Json) -> Row:
    lacking = profile["unavailableReason"]
    said = [one_line(profile["description"]), *([one_line(lacking)] if lacking else [])]
    return (profile["key"], "yes" if profile["isAvailable"] else "no", " ".join(said))
