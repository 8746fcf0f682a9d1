"""What form an answer has, judging by the question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.embedded.models.question_forms import (
    BEST_BONUS,
    INSTRUCTION,
    NAME,
    NUMBER,
    Form,
    asked_action,
    expected_forms,
)


@pytest.mark.parametrize(
    ("question", "forms"),
    [
        ("How many rooms are there?", [NUMBER]),
        ("When was it built?", [NUMBER]),
        ("In what year did it open?", [NUMBER]),
        ("Who wrote the book?", [NAME]),
        ("To whom does it belong?", [NAME]),
        ("How do I cancel a task?", [INSTRUCTION]),
        ("how to install it", [INSTRUCTION]),
        ("When and by whom was it built?", [NUMBER, NAME]),
        ("What does the finally clause do?", []),
        ("Show me the whole thing", []),
        ("", []),
    ],
)
def test_the_first_words_tell_the_form(question: str, forms: list[Form]) -> None:
    assert expected_forms(question) == forms


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (NUMBER, "It has 12 rooms."),
        (NAME, "It was written by Ada Lovelace herself."),
        (INSTRUCTION, "To cancel a running Task use the cancel() method."),
        (INSTRUCTION, "Call the method twice."),
        (INSTRUCTION, "The task can be cancelled at any time."),
    ],
)
def test_answers_of_a_form_are_known(form: Form, text: str) -> None:
    assert form.fits(text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (NUMBER, "It has a dozen rooms."),
        (NAME, "Nobody knows the author."),
        (INSTRUCTION, "When a task is cancelled, an error is raised."),
    ],
)
def test_other_sentences_are_not(form: Form, text: str) -> None:
    assert not form.fits(text)


@given(st.text(), st.text())
def test_no_bonus_is_larger_than_the_best(question: str, text: str) -> None:
    bonuses = [form.bonus for form in expected_forms(question) if form.fits(text)]
    assert all(0 < bonus <= BEST_BONUS for bonus in bonuses)


@pytest.mark.parametrize(
    ("question", "action"),
    [
        ("How do I cancel an asyncio task?", "cancel"),
        ("How can you copy a tree?", "copy"),
        ("So how to sort a list?", "sort"),
        ("HOW DO WE WAIT?", "wait"),
        ("How many rooms are there?", ""),
        ("What does cancel do?", ""),
        ("How do", ""),
        ("", ""),
    ],
)
def test_the_action_asked_for_is_the_verb_of_a_how_to_question(question: str, action: str) -> None:
    assert asked_action(question) == action
