"""What a search request may hold."""

from __future__ import annotations

import math
import unicodedata

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput
from lorebase.schemas.search import SearchMode, SearchRequest

KNOWLEDGE_BASES_MAXIMUM = 20
OFFSET_MAXIMUM = 1000


def check_request(request: SearchRequest, settings: Settings) -> None:
    """Raises BadInput, with the field, for the first rule that is broken."""
    _check_query(request.query, settings.search_query_max_characters)
    if not 1 <= len(set(request.knowledge_base_ids)) <= KNOWLEDGE_BASES_MAXIMUM:
        message = f"Name 1 to {KNOWLEDGE_BASES_MAXIMUM} knowledge bases."
        raise BadInput(message, field=["knowledgeBaseIds"])
    if not 1 <= request.limit <= settings.page_size_maximum:
        raise BadInput(f"Ask for 1 to {settings.page_size_maximum} hits.", field=["first"])
    if not 0 <= request.offset <= OFFSET_MAXIMUM:
        raise BadInput("The cursor lies outside the hits that are kept in order.", field=["after"])
    if request.rerank and not settings.reranks:
        raise BadInput("No reranker is configured.", field=["rerank"])
    _check_min_score(request)
    if request.mmr_lambda is not None and not 0 <= request.mmr_lambda <= 1:
        raise BadInput("Lambda lies between 0 and 1.", field=["mmrLambda"])


def _check_query(query: str, longest: int) -> None:
    if len(query) > longest:
        raise BadInput(f"The query is longer than {longest} characters.", field=["query"])
    if any(unicodedata.category(character) == "Cs" or character == "\0" for character in query):
        raise BadInput("The query holds characters that are not text.", field=["query"])
    if not any(unicodedata.category(character)[0] not in "CZ" for character in query):
        raise BadInput("The query is empty.", field=["query"])


def _check_min_score(request: SearchRequest) -> None:
    if request.min_score is None:
        return
    if not math.isfinite(request.min_score) or not -1 <= request.min_score <= 1:
        raise BadInput("A cosine similarity lies between -1 and 1.", field=["minScore"])
    if request.mode is SearchMode.KEYWORD:
        message = "Searching by keywords measures no cosine similarity: leave minScore out."
        raise BadInput(message, field=["minScore"])
