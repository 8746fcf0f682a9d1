"""Accept headers, as clients really send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from lorebase.api.transports.negotiation import EVENT_STREAM, GRAPHQL_RESPONSE, HTML, JSON, Accepted

MEDIA_TYPES = st.sampled_from(
    [GRAPHQL_RESPONSE, JSON, EVENT_STREAM, HTML, "*/*", "application/*", "image/png"]
)
PARTS = st.tuples(MEDIA_TYPES, st.sampled_from(["", ";q=0", ";q=0.5", "; q=1.0", ";charset=utf-8", ";q=x"]))
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def accepted(header: str | None) -> Accepted:
    return Accepted(Headers({"accept": header} if header is not None else {}))


@pytest.mark.parametrize(
    ("header", "response_type", "streams", "page"),
    [
        (None, JSON, False, False),
        ("", JSON, False, False),
        ("*/*", JSON, False, False),
        (BROWSER, JSON, False, True),
        ("text/html", None, False, True),
        ("text/html;q=0.1, application/json", JSON, False, False),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE, False, False),
        (EVENT_STREAM, None, True, False),
        (f"{EVENT_STREAM}, {JSON}", JSON, True, False),
        (f"{EVENT_STREAM};q=0, {JSON}", JSON, False, False),
        ("APPLICATION/JSON", JSON, False, False),
        ("image/png", None, False, False),
        ("application/json;q=0", None, False, False),
        ("application/json;q=0, */*", None, False, False),
        (";;;,,,q=", None, False, False),
    ],
)
def test_what_a_client_wants(
    header: str | None, response_type: str | None, streams: bool, page: bool
) -> None:
    wanted = accepted(header)
    assert (wanted.response_type, wanted.streams, wanted.page) == (response_type, streams, page)


@given(st.lists(PARTS, max_size=6))
def test_a_type_that_is_answered_with_was_accepted(parts: list[tuple[str, str]]) -> None:
    wanted = accepted(", ".join(name + parameters for name, parameters in parts))
    if wanted.response_type is not None:
        assert wanted.weight(wanted.response_type) > 0


@given(st.text(st.characters(codec="latin-1")))
def test_no_header_breaks_the_reading_of_it(header: str) -> None:
    assert accepted(header).response_type in {None, JSON, GRAPHQL_RESPONSE}
