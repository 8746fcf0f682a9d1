"""Accept headers, as clients really send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from lorebase.api.transports.negotiation import (
    EVENT_STREAM,
    GRAPHQL_RESPONSE,
    HTML,
    JSON,
    MIXED,
    Accepted,
)

MEDIA_TYPES = st.sampled_from(
    [GRAPHQL_RESPONSE, JSON, EVENT_STREAM, HTML, "*/*", "application/*", "image/png"]
)
PARTS = st.tuples(MEDIA_TYPES, st.sampled_from(["", ";q=0", ";q=0.5", "; q=1.0", ";charset=utf-8", ";q=x"]))
APOLLO = f"{MIXED};boundary=graphql;subscriptionSpec=1.0,{GRAPHQL_RESPONSE},{JSON};q=0.9"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def accepted(header: str | None) -> Accepted:
    return Accepted(Headers({"accept": header} if header is not None else {}))


@pytest.mark.parametrize(
    ("header", "response_type", "stream_type", "page"),
    [
        (None, JSON, None, False),
        ("", JSON, None, False),
        ("*/*", JSON, None, False),
        (BROWSER, JSON, None, True),
        ("text/html", None, None, True),
        ("text/html;q=0.1, application/json", JSON, None, False),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE, None, False),
        (EVENT_STREAM, None, EVENT_STREAM, False),
        (f"{EVENT_STREAM}, {JSON}", JSON, EVENT_STREAM, False),
        (f"{EVENT_STREAM};q=0, {JSON}", JSON, None, False),
        ("APPLICATION/JSON", JSON, None, False),
        ("image/png", None, None, False),
        ("application/json;q=0", None, None, False),
        ("application/json;q=0, */*", None, None, False),
        (f"{MIXED};subscriptionSpec=1.0", None, MIXED, False),
        (APOLLO, GRAPHQL_RESPONSE, MIXED, False),
        (f'{MIXED};boundary="-";subscriptionSpec="1.0", {JSON}', JSON, MIXED, False),
        (f"{MIXED};deferSpec=20220824, {JSON}", JSON, None, False),
        (f"{MIXED};subscriptionSpec=1.0, {EVENT_STREAM}", None, EVENT_STREAM, False),
        (f"{MIXED};subscriptionSpec=1.0, {EVENT_STREAM};q=0.5", None, MIXED, False),
        (";;;,,,q=", None, None, False),
    ],
)
def test_what_a_client_wants(
    header: str | None, response_type: str | None, stream_type: str | None, page: bool
) -> None:
    wanted = accepted(header)
    assert (wanted.response_type, wanted.stream_type, wanted.page) == (response_type, stream_type, page)


@given(st.lists(PARTS, max_size=6))
def test_a_type_that_is_answered_with_was_accepted(parts: list[tuple[str, str]]) -> None:
    wanted = accepted(", ".join(name + parameters for name, parameters in parts))
    if wanted.response_type is not None:
        assert wanted.weight(wanted.response_type) > 0


@given(st.text(st.characters(codec="latin-1")))
def test_no_header_breaks_the_reading_of_it(header: str) -> None:
    assert accepted(header).response_type in {None, JSON, GRAPHQL_RESPONSE}
