"""The meaningful words of a text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lorebase.embedded.models.terms import STOP_WORDS, rarity, terms


def test_forms_of_a_word_meet() -> None:
    assert terms("cancelled") == terms("cancelling") == terms("Cancels")


def test_words_without_meaning_are_left_out() -> None:
    assert terms("How do I do this, and what is it?") == frozenset()


def test_names_with_underscores_are_taken_apart() -> None:
    assert terms("create_task") == terms("create task")


def test_width_and_case_do_not_matter() -> None:
    assert terms("ＡＰＩ") == terms("api")


def test_unspaced_scripts_become_pairs() -> None:
    assert terms("東京都") == {"東京", "京都"}
    assert terms("水") == {"水"}


def test_a_rare_term_tells_more_than_a_common_one() -> None:
    found = rarity([frozenset({"common", "rare"}), frozenset({"common"}), frozenset({"common"})])
    assert found["rare"] > found["common"] > 0


def test_no_documents_make_nothing_rare() -> None:
    assert rarity([]) == {}


@given(st.text())
def test_any_text_has_terms_that_are_neither_empty_nor_stop_words(text: str) -> None:
    assert all(term for term in terms(text))
    assert terms(text.upper()) & STOP_WORDS <= {"ani", "veri"}


@given(st.text(), st.text())
def test_terms_of_joined_texts_are_the_terms_of_both(first: str, second: str) -> None:
    assert terms(f"{first}\n{second}") == terms(first) | terms(second)
