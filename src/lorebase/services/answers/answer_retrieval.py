"""What is searched for an answer, checked when it is asked for and used when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, NotFound
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.search import SearchRequest
from lorebase.services.filters.filter_rules import validate
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from lorebase.services.search.search_rules import KNOWLEDGE_BASES_MAXIMUM, check_request

FIELD = ("input", "retrieval")


def retrieval_request(given: SearchRequest, question: str, settings: Settings) -> SearchRequest:
    """The search for a question: its own words, unless the retrieval names others.

    A model has room for a few passages only, so none of them repeats another.
    """
    query = given.query.strip() or question
    return given.model_copy(
        update={
            "query": query[: settings.search_query_max_characters],
            "limit": settings.answer_passages,
            "offset": 0,
            "collapse_copies": True,
        }
    )


async def check_retrieval(
    uow: UnitOfWork, given: SearchRequest, question: str, settings: Settings, profiles: RetrievalProfiles
) -> None:
    """Refuses now what a worker could only fail at later: BadInput, NotFound, with the field."""
    await check_knowledge_bases(uow, given.knowledge_base_ids)
    try:
        _, applied = profiles.applied(retrieval_request(given, question, settings))
        check_request(applied, settings)
    except BadInput as error:
        raise BadInput(error.message, code=error.code, field=[*FIELD, *(error.field or [])]) from error
    if given.filter is not None:
        bases = await uow.knowledge_bases.get_many(given.knowledge_base_ids)
        fields = [field for base in bases for field in base.metadata_fields]
        validate(given.filter, fields, settings, [*FIELD, "filter"])


async def check_knowledge_bases(uow: UnitOfWork, ids: Sequence[UUID]) -> None:
    """BadInput for none or too many, NotFound for one that is not in the workspace."""
    field = [*FIELD, "knowledgeBaseIds"]
    if not 1 <= len(set(ids)) <= KNOWLEDGE_BASES_MAXIMUM:
        raise BadInput(f"Name 1 to {KNOWLEDGE_BASES_MAXIMUM} knowledge bases.", field=field)
    if len(await uow.knowledge_bases.get_many(ids)) != len(set(ids)):
        raise NotFound("There is no such knowledge base.", field=field)
