"""What the server says about itself, and the shape of its errors."""

from __future__ import annotations

import httpx
import pytest

from .fake_encoder import DIMENSIONS, FakeEncoder


async def test_health_names_the_models_that_are_ready(client: httpx.AsyncClient) -> None:
    response = await client.get("/health")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "models": ["all-MiniLM-L6-v2", "lorebase-extractive"]}


async def test_the_models_are_listed_as_openai_lists_them(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/models")).json()
    assert body["object"] == "list"
    assert [(model["id"], model["object"], model["owned_by"]) for model in body["data"]] == [
        ("all-MiniLM-L6-v2", "model", "lorebase"),
        ("lorebase-extractive", "model", "lorebase"),
    ]
    assert all(isinstance(model["created"], int) for model in body["data"])


async def test_an_embedding_model_tells_its_version_and_limits(client: httpx.AsyncClient) -> None:
    model = (await client.get("/v1/models/all-MiniLM-L6-v2")).json()
    assert (model["version"], model["dimensions"], model["max_input_tokens"]) == ("fake-1", DIMENSIONS, 256)


async def test_an_unknown_model_is_not_found(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/models/gpt-9")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nope", 404), ("GET", "/v1/embeddings", 405)]
)
async def test_wrong_paths_and_methods_get_openai_s_error_shape(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"


async def test_a_bug_is_masked(client: httpx.AsyncClient, encoder: FakeEncoder) -> None:
    encoder.failure = RuntimeError("secret words of a document")
    response = await client.post("/v1/embeddings", json={"model": "all-MiniLM-L6-v2", "input": "x"})
    assert response.status_code == 500
    assert response.json() == {
        "error": {
            "message": "The model server failed.",
            "type": "server_error",
            "param": None,
            "code": "internal_error",
        }
    }
