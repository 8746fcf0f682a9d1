"""Profiles with a chat model over HTTP: structured output, repair, and servers that break off or hang."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import pytest

from lorebase.clients.openai_chat import OpenAIChatModel
from lorebase.clients.openai_connection import ModelConnections
from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.core.config import Settings
from lorebase.schemas.search import Expansion, SearchPart, SearchRequest, SearchResult
from lorebase.services.search.query_expansion import QueryExpander
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, add_tenant
from tests.fakes.openai_server import OpenAIServer, openai_server
from tests.fakes.world import World
from tests.integration.clients.test_openai_embedder import settings_for

QUERY = "How does one stop it?"
PASSAGE = "A task is cancelled by calling its cancel method."


class Library:
    """Two documents on fakes, searched with a chat model behind HTTP."""

    def __init__(self, world: World, tenant: Tenant, server: OpenAIServer, settings: Settings) -> None:
        self.world = world
        self.tenant = tenant
        self.server = server
        self.settings = settings
        self.connections = ModelConnections(settings)
        self.chat = OpenAIChatModel(
            connections=self.connections,
            templates=FilePromptTemplates(),
            provider="openai",
            name="some-chat",
            is_generative=True,
        )

    def service(self, seconds: float) -> SearchService:
        """With so much patience with the chat model."""
        settings = self.settings.model_copy(update={"expansion_timeout_seconds": seconds})
        return SearchService(
            units=self.world.units,
            embedder=self.world.embedder,
            index=self.world.index,
            settings=settings,
            clock=self.world.clock,
            expander=QueryExpander(chat=self.chat, templates=FilePromptTemplates(), settings=settings),
        )

    async def search(self, profile: str, seconds: float = 30.0, **given: object) -> SearchResult:
        request = SearchRequest(
            knowledge_base_ids=(self.tenant.knowledge_base.id,), query=QUERY, profile=profile
        )
        return await self.service(seconds).search(self.tenant.principal, request.model_copy(update=given))


@pytest.fixture
async def library() -> AsyncIterator[Library]:
    world = World()
    tenant = await add_tenant(world.database)
    for title, body in (("tasks", PASSAGE), ("queues", "A queue holds items until a worker takes them.")):
        await world.upsert(tenant, body, title=title)
    await world.run_all()
    async with openai_server() as server:
        bounds = {"chat_model": "some-chat", "expansion_max_tokens": 77, "model_timeout_seconds": 30.0}
        made = Library(world, tenant, server, settings_for(server).model_copy(update=bounds))
        yield made
        await made.connections.close()


async def test_what_the_model_made_up_finds_what_the_words_of_the_query_do_not(library: Library) -> None:
    library.server.completions = [json.dumps({"passage": PASSAGE})]
    result = await library.search("hyde")
    assert result.hits[0].scores.vector == pytest.approx(1.0, abs=0.2)
    assert [query.text for query in result.queries] == [QUERY, PASSAGE]
    assert (result.degraded, result.profile) == ((), "hyde@1")
    [sent] = library.server.requests
    assert sent["max_completion_tokens"] == 77
    asked_for = sent["response_format"]["json_schema"]  # type: ignore[index]
    assert (asked_for["name"], asked_for["strict"]) == ("HypotheticalPassage", True)
    assert asked_for["schema"]["required"] == ["passage"]


async def test_structured_output_that_is_malformed_is_repaired_once(library: Library) -> None:
    library.server.completions = ['{"queries": "one"}', json.dumps({"queries": ["stop a task", "end it"]})]
    result = await library.search("multi-query")
    assert [query.text for query in result.queries] == [QUERY, "stop a task", "end it"]
    assert len(library.server.requests) == 2
    assert result.degraded == ()


@pytest.mark.parametrize(
    ("script", "completions"),
    [
        ([], ["no JSON at all", '{"wrong": 1}']),
        ([], ['{"query": 7}', '{"query": null}']),
        (["malformed"] * 20, []),
        (["400"], []),
        (["401"], []),
        (["500"] * 50, []),
    ],
    ids=["prose", "types", "broken body", "refused", "key", "down"],
)
async def test_a_model_that_misbehaves_leaves_the_plain_query_and_is_named(
    library: Library, script: list[str], completions: list[str]
) -> None:
    plain = await library.search("default")
    library.server.script, library.server.completions = script, completions
    result = await library.search("rewrite")
    assert result.degraded == (SearchPart.EXPANSION,)
    assert [(hit.chunk_id, hit.score) for hit in result.hits] == [
        (hit.chunk_id, hit.score) for hit in plain.hits
    ]
    assert result.expansion == Expansion(failed=True)
    assert library.server.requests != []


async def test_a_model_that_hangs_costs_the_patience_that_is_set_and_no_more(library: Library) -> None:
    plain = await library.search("default")
    library.server.script = ["hang"]
    result = await library.search("multi-query", seconds=1.0)
    assert result.degraded == (SearchPart.EXPANSION,)
    assert [hit.chunk_id for hit in result.hits] == [hit.chunk_id for hit in plain.hits]


async def test_the_second_page_asks_the_model_nothing(library: Library) -> None:
    library.server.completions = [json.dumps({"query": "cancel a task"})]
    whole = await library.search("rewrite")
    library.server.completions = [json.dumps({"query": "a queue of items"})]
    first = await library.search("rewrite", limit=1, expansion=whole.expansion)
    second = await library.search("rewrite", limit=1, offset=1, expansion=whole.expansion)
    assert [*first.hits, *second.hits] == list(whole.hits)
    assert len(library.server.requests) == 1


async def test_a_plain_search_asks_no_chat_model(library: Library) -> None:
    await library.search("default@1")
    assert library.server.requests == []


async def test_tokens_and_latency_are_logged_and_no_text_is(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.server.completions = [json.dumps({"query": "Geheimnis"})]
    with caplog.at_level(logging.INFO, logger="lorebase"):
        await library.search("rewrite")
    [line] = [record.__dict__ for record in caplog.records if record.name == "lorebase.clients.openai_chat"]
    assert (line["prompt"], line["prompt_tokens"], line["completion_tokens"]) == ("rewrite_query.v1", 7, 3)
    assert line["latency_ms"] >= 0
    everything = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "Geheimnis" not in everything
    assert QUERY not in everything
