"""POST /v1/chat/completions."""

from __future__ import annotations

import json
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.embedded.models.chat import ChatRequest, Completion

from .fake_encoder import FakeEncoder

MODEL = "lorebase-extractive"
PROMPT = (
    '<question token="a1">Who painted the Mona Lisa?</question>\n'
    '<passage index="1" token="a1">The Louvre is in Paris.</passage>\n'
    '<passage index="2" token="a1" title="Art">'
    "Many visit it. Leonardo painted\nthe &lt;Mona&gt; Lisa.</passage>"
)
ANSWER = "Leonardo painted the <Mona> Lisa. [2]"


def request(content: object = PROMPT, **fields: object) -> dict[str, object]:
    messages = [{"role": "system", "content": "Quote and cite."}, {"role": "user", "content": content}]
    return {"model": MODEL, "messages": messages, **fields}


async def ask(client: httpx.AsyncClient, content: object = PROMPT, **fields: object) -> httpx.Response:
    return await client.post("/v1/chat/completions", json=request(content, **fields))


def events(response: httpx.Response) -> list[dict[str, object]]:
    lines = response.text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


async def test_the_answer_is_verbatim_and_cited(client: httpx.AsyncClient) -> None:
    body = (await ask(client)).json()
    assert body["object"] == "chat.completion"
    assert body["model"] == MODEL
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": ANSWER, "refusal": None},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ]


async def test_usage_adds_up(client: httpx.AsyncClient, encoder: FakeEncoder) -> None:
    usage = (await ask(client)).json()["usage"]
    assert usage["prompt_tokens"] == encoder.count_tokens(["Quote and cite.", PROMPT])
    assert usage["completion_tokens"] == len(ANSWER.split())
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize(
    "content",
    [
        "What is the capital of France?",
        '<question token="a1">Who painted it?</question>',
        '<question token="a">Who painted it?</question><passage index="1" token="a">Salt, oil.</passage>',
        None,
    ],
)
async def test_without_evidence_it_says_so_and_nothing_else(
    client: httpx.AsyncClient, content: object
) -> None:
    body = (await ask(client, content)).json()
    assert body["choices"][0]["message"]["content"] == "NO_EVIDENCE"
    assert body["choices"][0]["finish_reason"] == "stop"


async def test_content_may_come_in_parts(client: httpx.AsyncClient) -> None:
    parts = [{"type": "text", "text": PROMPT}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    assert (await ask(client, parts)).json()["choices"][0]["message"]["content"] == ANSWER


async def test_the_last_user_message_is_answered(client: httpx.AsyncClient) -> None:
    messages = [
        {"role": "user", "content": "<question>old</question>"},
        {"role": "assistant", "content": "NO_EVIDENCE"},
        {"role": "user", "content": PROMPT},
    ]
    response = await client.post("/v1/chat/completions", json={"model": MODEL, "messages": messages})
    assert response.json()["choices"][0]["message"]["content"] == ANSWER


async def test_a_stream_has_one_event_a_word(client: httpx.AsyncClient) -> None:
    response = await ask(client, stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    chunks = events(response)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert [choice["delta"]["content"] for choice in choices[1:-1]] == [
        "Leonardo",
        " painted",
        " the",
        " <Mona>",
        " Lisa.",
        " [2]",
    ]
    assert choices[-1]["delta"] == {}
    assert [choice["finish_reason"] for choice in choices] == [None] * 7 + ["stop"]
    assert not any("usage" in chunk for chunk in chunks)


async def test_a_stream_tells_its_usage_when_asked(client: httpx.AsyncClient) -> None:
    whole = (await ask(client)).json()["usage"]
    chunks = events(await ask(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == whole
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


async def test_no_evidence_is_streamed_too(client: httpx.AsyncClient) -> None:
    chunks = events(await ask(client, "hello", stream=True))
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "NO_EVIDENCE", None]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_a_token_limit_ends_the_answer_between_words(client: httpx.AsyncClient, field: str) -> None:
    body = (await ask(client, **{field: 3})).json()
    assert body["choices"][0]["message"]["content"] == "Leonardo painted the"
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
async def test_structured_output_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    response = await ask(client, response_format={"type": kind, "json_schema": {"name": "x"}})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_parameter", "response_format")


async def test_plain_text_may_be_asked_for(client: httpx.AsyncClient) -> None:
    assert (await ask(client, response_format={"type": "text"}, temperature=0, n=1)).status_code == 200


@pytest.mark.parametrize(
    ("param", "value"), [("n", 2), ("tools", [{"type": "function"}]), ("stop", ["x"]), ("logprobs", True)]
)
async def test_what_quoting_cannot_do_is_refused(
    client: httpx.AsyncClient, param: str, value: object
) -> None:
    error = (await ask(client, **{param: value})).json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_parameter", param)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": None}, "model"),
    ],
)
async def test_a_wrong_field_is_named(
    client: httpx.AsyncClient, change: dict[str, object], param: str
) -> None:
    response = await client.post("/v1/chat/completions", json={**request(), **change})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


async def test_another_model_is_not_found(client: httpx.AsyncClient) -> None:
    response = await ask(client, model="gpt-4", stream=True)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"


async def test_a_failure_comes_before_the_stream_begins(
    client: httpx.AsyncClient, encoder: FakeEncoder
) -> None:
    encoder.failure = RuntimeError("broken")
    response = await ask(client, stream=True)
    assert response.status_code == 500
    assert response.json()["error"]["type"] == "server_error"


@given(st.lists(st.sampled_from(["system", "user", "assistant"]), min_size=1, max_size=6))
def test_the_prompt_is_what_the_user_said_last(roles: list[str]) -> None:
    messages = [{"role": role, "content": str(position)} for position, role in enumerate(roles)]
    positions = [position for position, role in enumerate(roles) if role == "user"]
    expected = str(positions[-1]) if positions else ""
    assert ChatRequest.model_validate({"model": MODEL, "messages": messages}).prompt == expected


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_total_tokens_are_the_sum(prompt: int, completion: int) -> None:
    usage = Completion([], "stop", prompt, completion).usage
    assert usage["total_tokens"] == prompt + completion


async def test_every_answer_has_an_identifier_of_its_own(client: httpx.AsyncClient) -> None:
    found = [(await ask(client)).json()["id"] for _ in range(3)]
    assert all(first != second for first, second in pairwise(found))
