"""Vectors that are paid for once, and lists of models and indexes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.core.errors import ErrorCode, Forbidden, Transient
from lorebase.core.ids import new_id
from lorebase.schemas.embeddings import EmbeddingModel, Embeddings
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.embeddings.embeddings import CachedEmbedder, EmbeddingService, text_hash
from lorebase.services.indexes.chunk_ids import chunk_id
from tests.factories import WORKSPACE_ID, Tenant, add_tenant, make_model, make_principal
from tests.fakes.embedder import FakeEmbedder, word_vector
from tests.fakes.world import World

MODEL = make_model(dimensions=4)


class OddEmbedder:
    """Answers with the vectors it was given."""

    def __init__(self, *vectors: tuple[float, ...]) -> None:
        self.vectors = vectors

    async def embed(self, model: EmbeddingModel, texts: object) -> Embeddings:
        return Embeddings(vectors=self.vectors, tokens=1)


def paid(embedder: FakeEmbedder) -> list[str]:
    return [text for _, texts in embedder.calls for text in texts]


async def test_a_text_is_paid_for_once_and_vectors_come_in_order(world: World) -> None:
    cached = CachedEmbedder(units=world.units, embedder=world.embedder)
    first = await cached.embed_cached(WORKSPACE_ID, MODEL, ["a", "b", "a"])
    second = await cached.embed_cached(WORKSPACE_ID, MODEL, ["c", "b", "a"])
    assert paid(world.embedder) == ["a", "b", "c"]
    assert first == [second[2], second[1], second[2]]
    for vector, text in zip(second, ["c", "b", "a"], strict=True):
        assert vector == pytest.approx(word_vector(text, 4), abs=1e-6)


async def test_vectors_are_the_same_whether_fresh_or_kept(world: World) -> None:
    cached = CachedEmbedder(units=world.units, embedder=world.embedder)
    fresh = await cached.embed_cached(WORKSPACE_ID, MODEL, ["words"])
    assert await cached.embed_cached(WORKSPACE_ID, MODEL, ["words"]) == fresh


async def test_tenants_and_models_share_no_vectors(world: World) -> None:
    cached = CachedEmbedder(units=world.units, embedder=world.embedder)
    for workspace_id, model in ((WORKSPACE_ID, MODEL), (new_id(), MODEL), (WORKSPACE_ID, make_model())):
        await cached.embed_cached(workspace_id, model, ["a"])
    assert paid(world.embedder) == ["a", "a", "a"]


async def test_nothing_asked_costs_nothing(world: World) -> None:
    cached = CachedEmbedder(units=world.units, embedder=world.embedder)
    assert await cached.embed_cached(WORKSPACE_ID, MODEL, []) == []
    assert world.embedder.calls == []


@pytest.mark.parametrize(
    "vectors",
    [
        (),
        ((1.0, 0.0, 0.0, 0.0),) * 2,
        ((1.0,),),
        ((0.0,) * 4,),
        ((math.nan, 1, 1, 1),),
        ((math.inf, 1, 1, 1),),
    ],
)
async def test_vectors_that_cannot_be_used_are_refused_and_not_kept(
    world: World, vectors: tuple[tuple[float, ...], ...]
) -> None:
    cached = CachedEmbedder(units=world.units, embedder=OddEmbedder(*vectors))
    with pytest.raises(Transient) as refused:
        await cached.embed_cached(WORKSPACE_ID, MODEL, ["a"])
    assert refused.value.code is ErrorCode.MODEL_MISBEHAVED
    assert world.database.state.vectors == {}


async def test_a_kept_vector_that_cannot_be_used_is_made_anew(world: World) -> None:
    world.database.state.vectors[WORKSPACE_ID, MODEL.id, text_hash("a")] = (0.0,) * 4
    cached = CachedEmbedder(units=world.units, embedder=world.embedder)
    [vector] = await cached.embed_cached(WORKSPACE_ID, MODEL, ["a"])
    assert vector == pytest.approx(word_vector("a", 4), abs=1e-6)


async def test_models_are_shared_and_indexes_are_not(world: World, tenant: Tenant) -> None:
    service, other = EmbeddingService(units=world.units), await add_tenant(world.database, name="Other")
    page = await service.models(other.principal, PageRequest(limit=5))
    assert page.items == (tenant.model,)
    assert await service.count_models(other.principal) == 1
    assert await service.get_models(other.principal, [tenant.model.id, new_id()]) == [tenant.model]
    index_id = tenant.knowledge_base.active_index_id
    assert await service.get_indexes(other.principal, [index_id]) == []
    [index] = await service.get_indexes(tenant.principal, [index_id])
    listed = await service.index_page(tenant.principal, tenant.knowledge_base.id, PageRequest(limit=5))
    assert listed.items == (index,)
    with pytest.raises(Forbidden):
        await service.models(make_principal(WORKSPACE_ID, ApiScope.ASK), PageRequest(limit=1))


IDS = st.tuples(st.uuids(), st.uuids(), st.integers(0, 2**40), st.integers(0, 2**20))


@given(one=IDS, other=IDS)
@settings(max_examples=200)
def test_a_passage_has_the_same_id_in_every_run_and_no_other_has_it(one: object, other: object) -> None:
    first, again, second = chunk_id(*one), chunk_id(*one), chunk_id(*other)  # type: ignore[misc]
    assert first == again
    assert (first == second) == (one == other)
    assert first.version == 8
