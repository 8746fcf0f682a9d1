"""Compares the documents of a workspace with their vectors, batch by batch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.reconciliation import Drift, DriftKind, IndexPlace, StoredDocument
from lorebase.schemas.search import PartitionAddress
from lorebase.services.indexes.keyword_places import keyword_collection
from lorebase.services.indexes.word_counts import count_words
from lorebase.services.reconciliation.drift import faults_of, is_stuck

Seen = Mapping[str, Mapping[UUID, Mapping[int, int]]]


@dataclass(frozen=True, slots=True)
class Picture:
    """What PostgreSQL says of some documents at one moment, and where their vectors are to be."""

    documents: Mapping[UUID, StoredDocument]
    indexes: Sequence[IndexPlace]
    addresses: Sequence[PartitionAddress]

    def places(self, document_id: UUID, collection: str) -> list[IndexPlace]:
        """The indexes of the document's knowledge base in a collection."""
        document = self.documents.get(document_id)
        base = document.knowledge_base_id if document else None
        return [
            place
            for place in self.indexes
            if (place.knowledge_base_id, place.collection) == (base, collection)
        ]

    def drifts(self, document_id: UUID, seen: Seen) -> Iterator[Drift]:
        """What is wrong about a document, given the number of its vectors by collection and generation."""
        document = self.documents.get(document_id)
        if document is not None and is_stuck(document):
            yield Drift(
                kind=DriftKind.STUCK_DOCUMENTS, document_id=document_id, generation=document.generation
            )
        for address in self.addresses:
            collection = address.collection
            vectors = seen.get(collection, {}).get(document_id, {})
            for kind, generation, count in faults_of(document, self.places(document_id, collection), vectors):
                yield Drift(
                    kind=kind,
                    document_id=document_id,
                    collection=collection,
                    generation=generation,
                    vectors=count,
                )


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch of documents showed; `last` is where the next one begins, None at the end."""

    drifts: Sequence[Drift]
    documents: int
    vectors: int
    last: UUID | None


async def picture_of(uow: UnitOfWork, documents: Sequence[StoredDocument], settings: Settings) -> Picture:
    """The picture of these documents, read in the transaction that read them.

    Where the vector store keeps weights of terms, an index owes those of its analyser as it owes vectors.
    """
    workspace = await uow.workspaces.get()
    collections = list(await uow.reconciliation.collections())
    indexes = await uow.reconciliation.indexes()
    keywords: list[IndexPlace] = []
    if settings.keywords_in_milvus:
        collections += [keyword_collection(known.version) for known in await uow.analysers.all()]
        keywords = [
            place.model_copy(update={"collection": keyword_collection(place.analyser_version)})
            for place in indexes
        ]
    addresses = [
        PartitionAddress(collection=collection, partition=workspace.partition, workspace_id=workspace.id)
        for collection in collections
    ]
    counted = await _with_postings(uow, documents, indexes)
    return Picture({one.id: one for one in counted}, [*indexes, *keywords], addresses)


async def _with_postings(
    uow: UnitOfWork, documents: Sequence[StoredDocument], indexes: Sequence[IndexPlace]
) -> list[StoredDocument]:
    """The documents with the number of their postings, as far as an index is recorded to hold them."""
    passages: dict[int, dict[UUID, int]] = defaultdict(dict)
    versions = {place.index_id: place.analyser_version for place in indexes}
    for document in documents:
        # Whatever a job may be changing is no finding, whatever it says.
        for version in {versions[one] for one in document.held if one in versions and not document.busy}:
            passages[version][document.id] = document.chunk_count
    postings: dict[UUID, dict[int, int]] = defaultdict(dict)
    for version, sizes in passages.items():
        found = await count_words(uow, sizes, version)
        for document_id in sizes:
            postings[document_id][version] = found.get(document_id, 0)
    return [one.model_copy(update={"postings": postings.get(one.id, {})}) for one in documents]


class VectorAudit:
    """Finds vectors that miss and vectors that nobody needs, past what running jobs are changing."""

    def __init__(self, *, units: UnitOfWorkFactory, index: ChunkIndex, settings: Settings) -> None:
        self._units = units
        self._index = index
        self._batch_documents = settings.reconcile_batch_documents
        self._settings = settings

    async def batch(self, workspace_id: UUID, after: UUID | None) -> Batch:
        """The next documents by id, and whatever vectors there are in their range of ids."""
        async with self._units.for_workspace(workspace_id) as uow:
            page = await uow.reconciliation.documents_after(after, self._batch_documents)
            picture = await picture_of(uow, page, self._settings)
        through = page[-1].id if len(page) == self._batch_documents else None
        seen = {
            address.collection: await self._count_all(address, after, through)
            for address in picture.addresses
        }
        everything = set(picture.documents).union(*seen.values())
        suspects = [one for one in sorted(everything) if any(picture.drifts(one, seen))]
        drifts = await self._confirmed(workspace_id, suspects, seen) if suspects else []
        vectors = sum(sum(counts.values()) for found in seen.values() for counts in found.values())
        return Batch(drifts, len(page), vectors, through)

    async def _count_all(
        self, address: PartitionAddress, after: UUID | None, through: UUID | None
    ) -> dict[UUID, Counter[int]]:
        found: dict[UUID, Counter[int]] = defaultdict(Counter)
        async for page in self._index.identities(address, after=after, through=through):
            for row in page:
                found[row.document_id][row.generation] += 1
        return found

    async def _confirmed(self, workspace_id: UUID, suspects: Sequence[UUID], seen: Seen) -> list[Drift]:
        """The stores were read one after the other: what moved meanwhile only looks like a disagreement."""
        before = await self._look(workspace_id, suspects)
        counted: dict[str, dict[UUID, dict[int, int]]] = {}
        for address in before.addresses:
            seen_there = seen.get(address.collection, {})
            found = await self._index.count_each(address, suspects)
            counted[address.collection] = {
                one: _of(_generations(before.documents.get(one), seen_there.get(one)), found.get(one, {}))
                for one in suspects
            }
        now = await self._look(workspace_id, suspects)
        if now.indexes != before.indexes:
            return []
        still = (one for one in suspects if now.documents.get(one) == before.documents.get(one))
        return [drift for one in still for drift in now.drifts(one, counted)]

    async def _look(self, workspace_id: UUID, ids: Sequence[UUID]) -> Picture:
        async with self._units.for_workspace(workspace_id) as uow:
            documents = await uow.reconciliation.documents(ids)
            return await picture_of(uow, documents, self._settings)


def _of(generations: Collection[int], counts: Mapping[int, int]) -> dict[int, int]:
    return {generation: counts.get(generation, 0) for generation in generations}


def _generations(document: StoredDocument | None, seen: Mapping[int, int] | None) -> set[int]:
    live = document.live_generation if document is not None else None
    return set(seen or ()) | ({live} if live is not None else set())
