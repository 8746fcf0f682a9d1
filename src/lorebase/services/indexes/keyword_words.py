"""The words of a document as each analyser version makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.search import KeywordPosting
from lorebase.services.indexes.index_content import IndexContent
from lorebase.services.indexes.index_writer import IndexTarget
from lorebase.services.keywords.analysers import analyser_of

# Postings by analyser version.
Words = Mapping[int, Sequence[KeywordPosting]]


async def words_of(content: IndexContent, versions: Collection[int]) -> dict[int, list[KeywordPosting]]:
    """The postings of a document in these versions; analysing takes processor time, so in threads.

    Permanent for a version that this release does not know.
    """
    document = content.document
    return {
        version: await asyncio.to_thread(
            analyser_of(version).postings, content.chunks, document.title, document.language
        )
        for version in sorted(versions)
    }


async def commit_content(
    uow: UnitOfWork, content: IndexContent, words: Words, targets: Sequence[IndexTarget]
) -> None:
    """Puts the words in place of those the document had, and records that the indexes hold the content.

    `words` has the version of every target. The caller holds the set of indexes and the document.
    """
    document, generation = content.document, content.version.generation
    for version in sorted({target.index.analyser_version for target in targets}):
        await uow.keywords.replace(document.knowledge_base_id, document.id, version, words[version])
    for target in targets:
        postings = words[target.index.analyser_version]
        await uow.embeddings.commit_document(
            target.index.id, document.id, generation, len(content.chunks), len(postings)
        )
