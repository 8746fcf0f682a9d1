"""The stack as a client measures it: searches through the public API, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from lorebase.cli.connection.session import Session
from lorebase.schemas.evaluations import CaseScores
from lorebase.services.evaluations.retrieval_metrics import RANKED, score_case

PAGE = 100
AT_ONCE = 2


async def search_all(
    session: Session,
    knowledge_base_id: str,
    queries: Mapping[str, str],
    grades: Mapping[str, Mapping[str, int]],
) -> list[CaseScores]:
    """The scores of every question, a few at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(key: str) -> CaseScores:
        async with turns:
            ranked = await documents(session, knowledge_base_id, queries[key])
        return score_case(ranked, grades[key])

    return list(await asyncio.gather(*map(one, queries)))


async def documents(session: Session, knowledge_base_id: str, query: str) -> Sequence[str]:
    """External ids of the first 100 documents, each where its best passage stands."""
    found: dict[str, None] = {}
    variables: dict[str, object] = {
        "input": {"knowledgeBaseIds": [knowledge_base_id], "query": query},
        "first": PAGE,
    }
    while True:
        page = (await session.client.run("search", variables))["search"]
        versions = (hit["chunk"]["documentVersion"] for hit in page["nodes"])
        found |= dict.fromkeys(version["document"]["externalId"] for version in versions)
        if len(found) >= RANKED or not page["pageInfo"]["hasNextPage"]:
            return list(found)[:RANKED]
        variables["after"] = page["pageInfo"]["endCursor"]
