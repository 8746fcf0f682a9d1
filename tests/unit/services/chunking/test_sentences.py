"""Where sentences end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.chunking.graphemes import continues_cluster, cut_after, cut_near
from lorebase.services.chunking.sentences import sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["One.", "Two!", "Three?", "Four…", "Five"],
        ['He said "Stop."', "Then he left.", "(It rained.)", "All day."],
        ["See e.g. the manual, i.e. this one.", "Fig. 3 shows it."],
        ["Dr. J. Smith of Acme Inc. Berlin came.", "Nobody knew."],
        ["Version 3.11.2 is out.", "Call os.path.join() first."],
        ["It ended at 5 p.m. on Monday."],
        ["今天很好。", "我们走吧！", "去哪里？", "「好。」", "完"],
        ["هل أنت بخير؟", "نعم."],
        ["यह अच्छा है।", "ठीक।"],
        ["Wait... what?", "Yes."],
    ],
)
def test_sentences_are_found(expected: list[str]) -> None:
    wide = expected[0][0] > "\u3000"
    assert sentences(("" if wide else " ").join(expected)) == expected


def test_numbers_of_list_items_end_nothing() -> None:
    assert sentences("1. First thing.\n2. Second thing.") == ["1. First thing.", "2. Second thing."]


def test_offsets_are_those_of_the_text() -> None:
    assert sentence_spans("  One.  Two.  ") == [(2, 6), (8, 12)]


@given(st.text(alphabet="aB1. !?。\n\"')é\u0301", max_size=200))
def test_sentences_hold_every_visible_character_in_order(text: str) -> None:
    spans = sentence_spans(text)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    kept = {place for start, end in spans for place in range(start, end)}
    assert all(letter.isspace() for place, letter in enumerate(text) if place not in kept)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


@pytest.mark.parametrize(
    "cluster",
    [
        "e\u0301",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f44d\U0001f3fd",
        "\U0001f1e9\U0001f1ea",
        "\u2764\ufe0f",
        "\u1112\u1161\u11ab",
        "\r\n",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
        "\u0915\u094d",
    ],
)
def test_clusters_are_not_parted(cluster: str) -> None:
    text = "a" + cluster + "b"
    inside = range(2, 1 + len(cluster))
    assert all(continues_cluster(text, place) for place in inside)
    assert not continues_cluster(text, 1)
    assert not continues_cluster(text, 1 + len(cluster))
    assert [cut_near(text, place, 0) for place in inside] == [1] * len(inside)
    assert [cut_after(text, place, len(text)) for place in inside] == [1 + len(cluster)] * len(inside)


def test_two_flags_may_be_parted_but_not_one() -> None:
    flags = "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7"
    assert [continues_cluster(flags, place) for place in (1, 2, 3)] == [True, False, True]


def test_an_endless_cluster_is_cut_where_asked() -> None:
    text = "a" + "\u0301" * 1000
    assert cut_near(text, 500, 0) == 500
    assert cut_after(text, 500, 1001) == 500
