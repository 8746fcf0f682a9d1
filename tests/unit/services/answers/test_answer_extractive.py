"""The local model's answers, from the prompt that it reads to the citations that readers see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.embedded.models.extractive import render, select
from lorebase.embedded.models.prompt_reading import read_prompt
from lorebase.embedded.models.ranking import Scored, gather
from lorebase.services.answers.answer_text import AnswerText
from lorebase.services.answers.citations import Evidence, find_evidence
from tests.unit.test_prompts import a_passage, the_prompt

PAPER = "Many tasks starve [3]. As shown by Smith [2], they may wait for ever.[1] Nobody knows why [1, 2]."
WIKI = "Tasks were introduced in 1990.[12][13] They replaced threads[2] in most programs of that time."


def answer(question: str, *texts: str) -> tuple[AnswerText, Evidence]:
    """Every sentence scores the same, so the choice is the order of promise."""
    passages = [a_passage(text) for text in texts]
    prompt = read_prompt(the_prompt(*passages, question=question).user)
    assert prompt is not None
    quotes = select([Scored(candidate, 1.0) for candidate in gather(prompt)], 0.0)
    said = AnswerText(len(passages))
    said.feed(render(quotes))
    said.end()
    return said, find_evidence(said.text, said.markers, [passages[n - 1].chunk for n in said.cited])


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What did Smith show?", "As shown by Smith [2], they may wait for ever."),
        ("Who knows why?", "Nobody knows why [1, 2]."),
        ("When were tasks introduced in 1990?", "Tasks were introduced in 1990."),
    ],
)
def test_references_of_a_source_are_quoted_and_never_followed(question: str, sentence: str) -> None:
    said, evidence = answer(question, "An unrelated first passage here.", PAPER, WIKI)
    source = PAPER if sentence in PAPER else WIKI
    first = evidence.citations[0]
    assert first.quote in source
    assert sentence.rstrip(".") in source[: source.index(first.quote) + len(first.quote) + 1]
    numbers = {marker.number for marker in said.markers}
    assert numbers == {*range(1, len(said.cited) + 1)}
    lines = said.text.splitlines()
    assert all(line.endswith("]") for line in lines)
    assert len(said.markers) == len(lines)
    assert evidence.support == 1.0


SENTENCES = st.sampled_from(
    [
        *("Tasks wait [3] here.", "See [1, 2] for more of it.", "NO_EVIDENCE was found there."),
        *(
            "It ends so.[12]",
            "Use argv[0] in your code.",
            "Press ` to quote it.",
            "Call `x[1]` for that one.",
        ),
        *("<b>Bold</b> words are so.", "[1] begins this sentence.", "Read [the manual](http://x) of it."),
        *("等待任务结束。", "It costs [ 2 ] coins."),
    ]
)


@given(st.lists(st.lists(SENTENCES, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=3))
def test_whatever_the_sources_say_each_quote_is_cited_once_from_its_own_passage(texts: list[str]) -> None:
    said, evidence = answer("Which tasks wait, and see what of it?", *texts)
    assert not said.is_refusal
    lines = said.text.splitlines()
    assert len(said.markers) == len(lines)
    for line, marker in zip(lines, said.markers, strict=True):
        assert line.endswith(f" [{marker.number}]")
    for citation in evidence.citations:
        source = texts[said.cited[citation.index - 1] - 1]
        assert source[citation.document_range.start : citation.document_range.end] == citation.quote
