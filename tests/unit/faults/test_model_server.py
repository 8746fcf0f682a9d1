"""Each mood of the embedding server is one that the product's own client must tell from success."""

from __future__ import annotations

import math

import httpx
import pytest

from tests.fakes.openai_server import openai_server
from tests.faults.model_server import DIMENSIONS, MODEL, MoodyModels, vector_of


async def ask(mood: str, patience: float = 10) -> httpx.Response:
    server = MoodyModels()
    server.moods["embeddings"] = mood
    async with openai_server(server), httpx.AsyncClient(timeout=patience, trust_env=False) as http:
        return await http.post(f"{server.url}/embeddings", json={"model": MODEL, "input": ["one", "two"]})


async def test_well_it_sends_a_vector_for_each_text_in_order() -> None:
    rows = (await ask("well")).json()["data"]
    assert [row["embedding"] for row in rows] == [vector_of("one"), vector_of("two")]


async def test_slow_it_sends_the_same() -> None:
    assert (await ask("slow")).json() == (await ask("well")).json()


async def test_busy_it_says_when_to_come_again() -> None:
    response = await ask("busy")
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")


async def test_broken_it_answers_500() -> None:
    assert (await ask("broken")).status_code == 500


async def test_hanging_it_never_answers() -> None:
    with pytest.raises(httpx.ReadTimeout):
        await ask("hang", patience=0.2)


async def test_cut_it_breaks_off_in_the_middle() -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await ask("cut")


async def test_malformed_it_sends_half_of_the_json() -> None:
    response = await ask("malformed")
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        response.json()


async def test_short_it_sends_vectors_of_another_length() -> None:
    rows = (await ask("short")).json()["data"]
    assert {len(row["embedding"]) for row in rows} == {DIMENSIONS - 1}


async def test_with_nan_it_sends_what_is_no_number() -> None:
    rows = (await ask("nan")).json()["data"]
    assert all(math.isnan(row["embedding"][0]) for row in rows)
