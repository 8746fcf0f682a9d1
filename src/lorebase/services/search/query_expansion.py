"""Has a chat model add to a query: a clearer wording, other wordings, or a passage that might answer it."""

from __future__ import annotations

import asyncio
import logging
import secrets

from pydantic import JsonValue

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LorebaseError
from lorebase.ports.chat_model import ChatModel
from lorebase.ports.prompts import PromptTemplates
from lorebase.schemas.chat import ChatPrompt
from lorebase.schemas.retrieval_profiles import (
    ExpansionMethod,
    HypotheticalPassage,
    QueryVariants,
    RetrievalProfile,
    RewrittenQuery,
)
from lorebase.schemas.search import Expansion, QueryKind, SearchedQuery
from lorebase.services.text_rules import tidied

REWRITE_TEMPLATE = "rewrite_query.v1"
VARY_TEMPLATE = "vary_query.v1"
HYDE_TEMPLATE = "hypothetical_passage.v1"
# What is longer would make the cursors that carry it too long, and says no more.
QUERY_CHARACTERS = 300
PASSAGE_CHARACTERS = 1200

_KINDS = {
    ExpansionMethod.REWRITE: QueryKind.REWRITTEN,
    ExpansionMethod.MULTI_QUERY: QueryKind.VARIANT,
    ExpansionMethod.HYDE: QueryKind.HYPOTHETICAL,
}
_log = logging.getLogger(__name__)


def searched_queries(query: str, method: ExpansionMethod, expansion: Expansion) -> tuple[SearchedQuery, ...]:
    """What to search for: the query itself, always and first, then what the model made of it."""
    original = SearchedQuery(kind=QueryKind.ORIGINAL, text=query)
    return (original, *(SearchedQuery(kind=_KINDS[method], text=text) for text in expansion.texts))


class QueryExpander:
    """Asks the chat model, within bounds of time and tokens; it never fails a search."""

    def __init__(self, *, chat: ChatModel, templates: PromptTemplates, settings: Settings) -> None:
        self._chat = chat
        self._templates = templates
        self._settings = settings

    async def expand(self, profile: RetrievalProfile, query: str) -> Expansion:
        """What the model makes of the query; `failed` when it fails, is late or says nothing of use."""
        try:
            async with asyncio.timeout(self._settings.expansion_timeout_seconds):
                said = await self._ask(profile, query)
        except LorebaseError as error:
            return _failed(error.code)
        except TimeoutError:
            return _failed(ErrorCode.MODEL_UNAVAILABLE)
        of_use = [text for text in map(tidied, said) if any(map(str.isalnum, text))]
        if not of_use:
            return _failed(ErrorCode.MODEL_MISBEHAVED)
        hyde = profile.expansion is ExpansionMethod.HYDE
        return Expansion(texts=_different(query, of_use, PASSAGE_CHARACTERS if hyde else QUERY_CHARACTERS))

    async def _ask(self, profile: RetrievalProfile, query: str) -> list[str]:
        longest = self._settings.expansion_max_tokens
        if profile.expansion is ExpansionMethod.REWRITE:
            prompt = self._prompt(REWRITE_TEMPLATE, query=query)
            return [(await self._chat.complete(prompt, RewrittenQuery, longest)).query]
        if profile.expansion is ExpansionMethod.MULTI_QUERY:
            prompt = self._prompt(VARY_TEMPLATE, query=query, count=profile.variants)
            return (await self._chat.complete(prompt, QueryVariants, longest)).queries[: profile.variants]
        prompt = self._prompt(HYDE_TEMPLATE, query=query)
        return [(await self._chat.complete(prompt, HypotheticalPassage, longest)).passage]

    def _prompt(self, template: str, **variables: JsonValue) -> ChatPrompt:
        return self._templates.render(template, {"token": secrets.token_hex(8), **variables})


def _failed(code: ErrorCode) -> Expansion:
    _log.warning("query not expanded", extra={"code": code.value})
    return Expansion(failed=True)


def _different(query: str, texts: list[str], longest: int) -> tuple[str, ...]:
    """The texts, cut, without those that repeat the query or one before."""
    kept = {tidied(query).casefold(): ""}
    for text in texts:
        kept.setdefault(text[:longest].strip().casefold(), text[:longest].strip())
    return tuple(filter(None, kept.values()))
