"""The real model behind the real server, spoken to by OpenAI's own client."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from threading import Event

import httpx
import numpy as np
import openai
import pytest
from openai import AsyncOpenAI

from lorebase.core.config import process_environment

EMBEDDER = "all-MiniLM-L6-v2"
CHAT = "lorebase-extractive"
START_SECONDS = 60

TEXTS = [
    "asyncio",
    "To cancel a running Task use the cancel() method.",
    "Bread is made of flour, water and salt, and needs patience. " * 3,
    "The event loop runs callbacks and network input and output operations, and it runs subprocesses. " * 8,
    "Ein Satz auf Deutsch mit Umlauten: Äpfel, Öl und Übermut.",
    "東京は日本の首都です。",
    "x" * 300,
    "🙂 emoji, tabs\tand\nnew lines",
    "word " * 2000,
]

PASSAGES = {
    1: "The event loop is the core of every asyncio application. Event loops run asynchronous tasks.",
    2: "Note:\n\nTask Cancellation\n\nTo cancel a running Task use the\ncancel() method. It raises an error.",
    3: "Bread needs flour, water and salt. Knead the dough for ten minutes &amp; let it rest.",
}


def prompt(question: str, passages: dict[int, str] = PASSAGES) -> str:
    parts = [f'<question token="5eed">{question}</question>']
    parts += [f'<passage index="{n}" token="5eed">{text}</passage>' for n, text in passages.items()]
    return "\n".join(parts)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("models") / "server.log"
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "lorebase.embedded.models", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=process_environment({"HOME": str(home)})
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}"
        assert [*home.rglob("*")] == [], "the server wrote into the home folder"
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert "ERROR" not in log.read_text()


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            # A refused connection returns at once: give the core back to the server that starts.
            Event().wait(0.05)
    pytest.fail(f"not healthy in {START_SECONDS} s: {log.read_text()}")


@pytest.fixture
async def client(server_url: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        api_key="unused", base_url=f"{server_url}/v1", max_retries=0, timeout=100
    ) as opened:
        yield opened


async def embed(client: AsyncOpenAI, texts: list[str]) -> np.ndarray:
    response = await client.embeddings.create(model=EMBEDDER, input=texts)
    return np.array([entry.embedding for entry in response.data], np.float32)


async def test_vectors_have_length_one_and_meaning(client: AsyncOpenAI) -> None:
    vectors = await embed(client, ["How do I stop a coroutine?", TEXTS[1], "A recipe for fresh bread"])
    assert vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


async def test_a_batch_gives_the_same_vectors_as_one_by_one(client: AsyncOpenAI) -> None:
    together = await embed(client, TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        assert float((await embed(client, [text]))[0] @ vector) > 0.9999


async def test_base64_and_float_agree(client: AsyncOpenAI) -> None:
    plain = await client.embeddings.create(model=EMBEDDER, input=TEXTS[1], encoding_format="float")
    packed = await embed(client, [TEXTS[1]])
    assert np.allclose(plain.data[0].embedding, packed[0], atol=1e-6)


async def test_fewer_dimensions_keep_length_one(client: AsyncOpenAI) -> None:
    cut = await client.embeddings.create(model=EMBEDDER, input=TEXTS[1], dimensions=128)
    whole = (await embed(client, [TEXTS[1]]))[0]
    expected = whole[:128] / np.linalg.norm(whole[:128])
    assert np.allclose(cut.data[0].embedding, expected, atol=1e-5)


async def test_usage_counts_what_the_model_read(client: AsyncOpenAI) -> None:
    short = await client.embeddings.create(model=EMBEDDER, input="hello world")
    long = await client.embeddings.create(model=EMBEDDER, input="word " * 5000)
    assert short.usage.prompt_tokens == 4
    assert long.usage.prompt_tokens == 256


async def test_a_word_of_five_megabytes_is_embedded(client: AsyncOpenAI) -> None:
    vectors = await embed(client, ["w" * 5_000_000])
    assert abs(float(np.linalg.norm(vectors[0])) - 1) < 1e-5


async def test_control_characters_do_no_harm(client: AsyncOpenAI) -> None:
    vectors = await embed(client, ["clean text", "clean\x00 text", "\x00", " \u200b\ufeff"])
    assert np.isfinite(vectors).all()
    assert float(vectors[0] @ vectors[1]) > 0.9999


async def test_a_lone_surrogate_is_refused(server_url: str) -> None:
    body = b'{"model": "all-MiniLM-L6-v2", "input": ["fine", "\\ud800"]}'
    async with httpx.AsyncClient(trust_env=False) as raw:
        response = await raw.post(f"{server_url}/v1/embeddings", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_json"


async def test_errors_arrive_as_the_client_s_own_classes(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not embed here"):
        await client.embeddings.create(model="gpt-4", input="x")
    with pytest.raises(openai.BadRequestError, match="empty") as empty:
        await client.embeddings.create(model=EMBEDDER, input=["fine", ""])
    with pytest.raises(openai.BadRequestError) as tokens:
        await client.embeddings.create(model=EMBEDDER, input=[[1, 2, 3]])
    assert empty.value.param == "input"
    assert tokens.value.code == "unsupported_parameter"


async def test_both_models_are_listed(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == [EMBEDDER, CHAT]
    extra = (await client.models.retrieve(EMBEDDER)).model_extra
    assert extra is not None
    assert (extra["dimensions"], extra["max_input_tokens"]) == (384, 256)


async def test_a_query_is_answered_while_a_large_batch_runs(client: AsyncOpenAI) -> None:
    batch = asyncio.create_task(embed(client, [f"{number} {TEXTS[3]}" for number in range(300)]))
    await embed(client, ["let the batch begin"])
    assert (await embed(client, ["a query"])).shape == (1, 384)
    answer = await client.chat.completions.create(
        model=CHAT, messages=[{"role": "user", "content": prompt("How do I cancel a task?")}]
    )
    assert "cancel()" in (answer.choices[0].message.content or "")
    assert not batch.done()
    assert (await batch).shape == (300, 384)


async def test_an_answer_is_quoted_verbatim_and_cited(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=CHAT,
        messages=[
            {"role": "system", "content": "Answer from the passages."},
            {"role": "user", "content": prompt("How do I cancel a running task?")},
        ],
    )
    content = answer.choices[0].message.content or ""
    assert content.splitlines()[0] == "To cancel a running Task use the cancel() method. [2]"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens > 50


async def test_a_streamed_answer_is_the_same_in_many_pieces(client: AsyncOpenAI) -> None:
    messages = [{"role": "user", "content": prompt("What does bread need?")}]
    whole = await client.chat.completions.create(model=CHAT, messages=messages)  # type: ignore[arg-type]
    stream = await client.chat.completions.create(
        model=CHAT,
        messages=messages,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(words) == whole.choices[0].message.content
    assert len([word for word in words if word]) == len("".join(words).split())
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_a_question_without_evidence_is_refused(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=CHAT, messages=[{"role": "user", "content": prompt("Who won the chess olympiad in 1972?")}]
    )
    assert answer.choices[0].message.content == "NO_EVIDENCE"


async def test_structured_output_is_refused_by_name(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(
            model=CHAT,
            messages=[{"role": "user", "content": prompt("What does bread need?")}],
            response_format={"type": "json_object"},
        )
    assert refused.value.code == "unsupported_parameter"


async def test_a_stream_that_is_left_early_harms_nobody(client: AsyncOpenAI) -> None:
    for _ in range(5):
        stream = await client.chat.completions.create(
            model=CHAT, messages=[{"role": "user", "content": prompt("What does bread need?")}], stream=True
        )
        await anext(aiter(stream))
        await stream.close()
    assert (await embed(client, ["still here"])).shape == (1, 384)


def run_python(code: str, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = process_environment({"HOME": str(home), **settings})
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_runtime_reports_to_nobody(tmp_path: Path) -> None:
    code = "import os, lorebase.embedded.models.encoder; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    finished = run_python(code, tmp_path)
    assert finished.stdout.strip() == "1", finished.stderr
    assert [*tmp_path.rglob("*")] == []


def test_without_model_files_it_says_how_to_make_them(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['models', '--port', '1']; "
        "from lorebase.embedded.models.__main__ import main; sys.exit(main())"
    )
    finished = run_python(code, tmp_path, LOREBASE_MODELS_DIRECTORY=str(tmp_path))
    assert finished.returncode == 1
    assert "build_minilm.py" in finished.stderr
