"""`--metadata key=value` arguments become metadata, or an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.cli.errors import CommandFailed, UsageFailed
from lorebase.cli.ingesting.ingest_metadata import read_metadata

VALUES = {
    "word": "word",
    "": "",
    "a=b": "a=b",
    "true": True,
    "false": False,
    "True": "True",
    "7": 7,
    "-7": -7,
    "1.50": 1.5,
    "007": "007",
    "1_000": "1_000",
    "+7": "+7",
    "1e9": "1e9",
    "nan": "nan",
    "Infinity": "Infinity",
    "٣": "٣",
    "9" * 16: "9" * 16,
    "9" * 5000: "9" * 5000,
}


@pytest.mark.parametrize(("text", "value"), VALUES.items(), ids=[name[:20] for name in VALUES])
def test_a_value_is_read_as_json_would_read_it(text: str, value: object) -> None:
    read = read_metadata([f"key={text}"])
    assert read == {"key": value}
    assert type((read or {})["key"]) is type(value)


def test_dots_make_levels() -> None:
    given = ["author.name=Ada", "author.born=1815", "year=2026"]
    assert read_metadata(given) == {"author": {"name": "Ada", "born": 1815}, "year": 2026}


def test_without_arguments_there_is_no_metadata() -> None:
    assert read_metadata([]) is None


@pytest.mark.parametrize("argument", ["", "key", "=value", "a..b=1", ".a=1", "a.=1", "a.b.c.d.e.f.g.h.i=1"])
def test_what_is_no_pair_is_a_usage_error(argument: str) -> None:
    with pytest.raises(UsageFailed, match="--metadata needs key=value"):
        read_metadata([argument])


@pytest.mark.parametrize("arguments", [["a=1", "a.b=2"], ["a.b=1", "a=2"], ["a=1", "a=2"]])
def test_arguments_that_contradict_each_other_are_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(UsageFailed, match="contradicts another one"):
        read_metadata(arguments)


@given(st.lists(st.text(max_size=12), max_size=4))
def test_whatever_is_given_can_be_sent_as_json_or_is_refused(arguments: list[str]) -> None:
    try:
        read = read_metadata(arguments)
    except CommandFailed as refused:
        assert isinstance(refused, UsageFailed)  # noqa: PT017
    else:
        assert json.loads(json.dumps(read, allow_nan=False)) == read
