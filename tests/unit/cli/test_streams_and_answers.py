"""Event streams are cut where they say, and answers are written word by word, each word once."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.cli.answer_text import AnswerText
from lorebase.cli.connection.client import is_loopback
from lorebase.cli.connection.event_frames import event_frames
from lorebase.cli.connection.responses import checked, data_of, payload_of
from lorebase.cli.errors import ApiRefused, CommandFailed

FRAMES = (
    b':\n\nevent: next\nid: 1\ndata: {"a": 1}\n\n:\n\n'
    b"event: next\r\ndata:two\r\ndata: lines\r\n\r\nevent: complete\ndata:\n\n"
)
EVENTS = [("next", '{"a": 1}'), ("next", "two\nlines"), ("complete", "")]


async def collected(*chunks: bytes) -> list[tuple[str, str]]:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [event async for event in event_frames(stream())]


async def test_events_comments_and_line_ends_of_both_kinds_are_understood() -> None:
    assert await collected(FRAMES) == EVENTS


@given(st.lists(st.integers(min_value=0, max_value=len(FRAMES)), max_size=6).map(sorted))
async def test_events_are_the_same_however_the_bytes_are_cut(places: list[int]) -> None:
    bounds = [0, *places, len(FRAMES)]
    assert await collected(*(FRAMES[a:b] for a, b in itertools.pairwise(bounds))) == EVENTS


async def test_an_event_that_is_not_finished_is_dropped() -> None:
    assert await collected(b"event: next\ndata: whole\n\nevent: next\ndata: half") == [("next", "whole")]


@given(st.text())
async def test_any_text_comes_through_in_json(text: str) -> None:
    data = json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")
    ((_, received),) = await collected(b"event: next\ndata: " + data + b"\n\n")
    assert json.loads(received) == text.encode("utf-8", "replace").decode()


@settings(max_examples=50)
@given(st.text(min_size=1, max_size=40), st.data())
def test_whatever_is_repeated_the_answer_is_written_once(text: str, data: st.DataObject) -> None:
    out = io.StringIO()
    shown = AnswerText(out)
    place = 0
    while place < len(text):
        offset = data.draw(st.integers(0, place))
        end = data.draw(st.integers(offset + 1, len(text)))
        shown.grow(offset, text[offset:end])
        place = max(place, end)
    shown.finish(text)
    alone = io.StringIO()
    AnswerText(alone).finish(text)
    assert out.getvalue() == alone.getvalue()


def test_a_shorter_final_answer_is_written_anew() -> None:
    out = io.StringIO()
    shown = AnswerText(out)
    shown.grow(0, "One. Two, which was dropped.")
    shown.finish("One.")
    assert out.getvalue() == "One. Two, which was dropped.\n\nOne.\n"


def test_an_answer_that_breaks_off_ends_its_line_and_one_that_never_began_has_none() -> None:
    out = io.StringIO()
    AnswerText(out).break_off()
    assert out.getvalue() == ""
    shown = AnswerText(out)
    shown.grow(0, "half")
    shown.break_off()
    assert out.getvalue() == "half\n"


def response(content: bytes, status: int = 200, **headers: str) -> httpx.Response:
    request = httpx.Request("POST", "http://127.0.0.1/graphql")
    return httpx.Response(status, content=content, headers=headers, request=request)


def test_the_data_of_a_result_is_returned() -> None:
    assert data_of(response(b'{"data": {"a": 1}}')) == {"a": 1}


def test_an_error_keeps_its_code_and_when_to_come_back() -> None:
    extensions = {"code": "OVERLOADED", "retryable": True, "retryAfterSeconds": 3}
    with pytest.raises(ApiRefused) as refused:
        checked({"errors": [{"message": "Busy.", "extensions": extensions}]})
    assert (refused.value.api_code, refused.value.retryable) == ("OVERLOADED", True)
    assert refused.value.retry_after_seconds == 3.0
    assert refused.value.reason == "OVERLOADED: Busy."


@pytest.mark.parametrize(("status", "retryable"), [(200, False), (404, False), (429, True), (503, True)])
def test_an_answer_that_is_no_json_may_be_a_gateways(status: int, retryable: bool) -> None:
    with pytest.raises(ApiRefused) as refused:
        data_of(response(b"<html>", status, **{"Retry-After": "7"}))
    assert (refused.value.retryable, refused.value.retry_after_seconds) == (retryable, 7.0)


@pytest.mark.parametrize(
    ("code", "field", "passes"),
    [
        ("LIMIT_EXCEEDED", None, True),
        ("LIMIT_EXCEEDED", ["input", "tags"], False),
        ("TOO_LARGE", None, False),
    ],
)
def test_only_a_limit_on_the_whole_passes_by_waiting(
    code: str, field: list[str] | None, passes: bool
) -> None:
    problem = {"code": code, "field": field, "message": "No."}
    with pytest.raises(ApiRefused) as refused:
        payload_of({"upsertDocument": {"userErrors": [problem]}}, "upsertDocument")
    assert refused.value.retryable is passes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
)


@given(st.one_of(json_values, st.fixed_dictionaries({"errors": json_values}), st.binary(max_size=30)))
def test_whatever_a_server_answers_is_data_or_a_clear_error(answer: object) -> None:
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    try:
        found = data_of(response(content))
    except CommandFailed as refused:
        assert refused.message  # noqa: PT017
    else:
        assert isinstance(found, dict)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("example.org", False),
    ],
)
def test_this_machine_is_known_by_name_and_number(host: str, own: bool) -> None:
    assert is_loopback(host) is own
