"""Compiled filters, run by Milvus Lite: never less than plain Python finds, and the same where exact."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from lorebase.repositories.milvus.collection import MilvusCollections
from lorebase.repositories.milvus.conditions import is_exact
from lorebase.repositories.milvus.filters import FilterCompiler, filter_condition
from lorebase.repositories.milvus.library import MilvusClient
from lorebase.repositories.milvus.rendering import LITE, Dialect, render
from lorebase.repositories.milvus.rows import row
from lorebase.schemas.filters import (
    DocumentFilter,
    MetadataFilter,
    MetadataValueFilter,
    SearchFilter,
    StringFilter,
    StringListFilter,
)
from lorebase.services.filters.filter_evaluation import matches_chunk
from tests.contracts.chunk_rows import HOSTILE, Passage, varied_passages
from tests.contracts.filter_strategies import search_filters
from tests.integration.embedded_parts import EmbeddedSession
from tests.integration.milvus.conftest import TIMEOUT_SECONDS, embedding_model

PASSAGES = 80

# Asks for arrays and JSON too, as of a server, but in literals, so that Lite can answer.
EVERYTHING = replace(LITE, row_functions=True)


@dataclass(frozen=True)
class Shelf:
    """A collection filled with varied passages."""

    client: MilvusClient
    collection: str
    passages: list[Passage]

    def found(self, given: SearchFilter, dialect: Dialect) -> set[UUID]:
        """What the compiled filter finds."""
        expression = render(filter_condition(given, dialect), dialect)
        rows = self.client.query(
            self.collection,
            filter=expression.text,
            output_fields=["chunk_id"],
            consistency_level="Strong",
            limit=1000,
            timeout=TIMEOUT_SECONDS,
        )
        return {UUID(entry["chunk_id"]) for entry in rows}

    def meant(self, given: SearchFilter) -> set[UUID]:
        """What the filter means."""
        return {
            entry.chunk.id for entry in self.passages if matches_chunk(given, entry.chunk, entry.document)
        }

    def inexact(self) -> set[UUID]:
        """Rows that always match, for Milvus cannot hold them exactly."""
        return {entry.chunk.id for entry in self.passages if row(entry.row)["inexact"]}


@pytest.fixture(scope="module")
def shelf(embedded_session: EmbeddedSession) -> Iterator[Shelf]:
    uri = embedded_session.milvus_uri
    collections = MilvusCollections(uri, None, TIMEOUT_SECONDS)
    name = f"filters_{secrets.token_hex(6)}"
    asyncio.run(collections.create(embedding_model(name)))
    client = MilvusClient(uri=uri, timeout=TIMEOUT_SECONDS, dedicated=True)
    passages = varied_passages(uuid4(), PASSAGES)
    client.upsert(name, [row(entry.row) for entry in passages], timeout=TIMEOUT_SECONDS)
    yield Shelf(client, name, passages)
    client.close()
    asyncio.run(collections.drop(name))


def check(shelf: Shelf, given: SearchFilter, dialect: Dialect) -> None:
    found, meant = shelf.found(given, dialect), shelf.meant(given)
    assert found >= meant
    if is_exact(FilterCompiler(dialect).search(given)):
        assert found - shelf.inexact() == meant - shelf.inexact()


examples = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@examples
@given(search_filters)
def test_a_filter_with_arrays_and_json_finds_what_it_means(shelf: Shelf, given: SearchFilter) -> None:
    check(shelf, given, EVERYTHING)


@examples
@given(search_filters)
def test_a_filter_as_sent_to_lite_never_finds_less_than_it_means(shelf: Shelf, given: SearchFilter) -> None:
    check(shelf, given, LITE)


def of(document: DocumentFilter) -> SearchFilter:
    return SearchFilter(document=document)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_compared_and_never_executed(shelf: Shelf, text: str) -> None:
    for comparison in (StringFilter(eq=text), StringFilter(in_=(text, "x")), StringFilter(neq=text)):
        given = of(DocumentFilter(title=comparison))
        assert shelf.found(given, LITE) - shelf.inexact() == shelf.meant(given) - shelf.inexact()
        check(shelf, of(DocumentFilter(title=StringFilter(contains=text))), LITE)
        check(shelf, of(DocumentFilter(title=StringFilter(starts_with=text))), LITE)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_tags_and_metadata_are_compared_and_never_executed(shelf: Shelf, text: str) -> None:
    for wanted in (
        of(DocumentFilter(tags=StringListFilter(has_any=(text,)))),
        of(DocumentFilter(tags=StringListFilter(has_none=(text,)))),
        of(DocumentFilter(metadata=(metadata("value", StringFilter(eq=text)),))),
        of(DocumentFilter(metadata=(metadata("author.team", StringFilter(neq=text)),))),
    ):
        assert shelf.found(wanted, EVERYTHING) - shelf.inexact() == shelf.meant(wanted) - shelf.inexact()


def metadata(path: str, comparison: StringFilter) -> MetadataFilter:
    return MetadataFilter(path=path, value=MetadataValueFilter(string=comparison))


@pytest.mark.parametrize("path", ['a"] or true or metadata["b', "a\\", "", "a/b~c", "{v0}"])
def test_a_path_that_cannot_be_named_safely_finds_everything(shelf: Shelf, path: str) -> None:
    given = of(DocumentFilter(metadata=(metadata(path, StringFilter(eq="x")),)))
    everything = {entry.chunk.id for entry in shelf.passages}
    assert filter_condition(given, EVERYTHING) == filter_condition(SearchFilter(), EVERYTHING)
    assert shelf.found(SearchFilter(), EVERYTHING) == everything
