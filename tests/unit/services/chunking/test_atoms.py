"""Texts in measured pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.chunking.atoms import Atoms, measure
from lorebase.services.chunking.boundaries import Cut, boundaries_of
from tests.fakes.tokenizer import FakeTokenizer


def atoms_of(text: str, max_tokens: int = 16, max_characters: int = 128) -> Atoms:
    boundaries = boundaries_of(text, [], lines_are_units=False, barrier_level=3)
    return measure(text, boundaries, FakeTokenizer(), max_tokens, max_characters)


def pieces(text: str, atoms: Atoms) -> list[str]:
    return [text[start:end] for start, end in zip(atoms.positions, atoms.positions[1:], strict=False)]


def test_sentences_that_fit_stay_whole() -> None:
    text = "One fine sentence. Another fine sentence.\n\nA third one here."
    atoms = atoms_of(text)
    assert pieces(text, atoms) == ["One fine sentence. ", "Another fine sentence.\n\n", "A third one here."]
    assert list(atoms.tokens) == [0, 5, 11, 16]
    assert list(atoms.cuts) == [Cut.SECTION, Cut.SENTENCE, Cut.PARAGRAPH]


def test_a_sentence_that_does_not_fit_is_parted_between_words() -> None:
    text = "word " * 40 + "end"
    atoms = atoms_of(text)
    assert all(piece.endswith(" ") for piece in pieces(text, atoms)[:-1])
    assert set(atoms.cuts[1:]) == {Cut.WORD}
    assert atoms.tokens[-1] == 41


def test_a_word_that_does_not_fit_is_parted_anywhere() -> None:
    text = "x" * 1_000
    atoms = atoms_of(text)
    assert {len(piece) for piece in pieces(text, atoms)} <= set(range(1, 17))
    assert set(atoms.cuts[1:]) == {Cut.ANYWHERE}


def test_letters_and_marks_stay_together_where_words_are_parted() -> None:
    text = "e\u0301\u0323" * 200
    assert all(piece.startswith("e") for piece in pieces(text, atoms_of(text)))


def test_the_tokenizer_sees_the_text_once_in_few_calls() -> None:
    tokenizer = FakeTokenizer()
    text = "This is a sentence of some words. " * 10_000
    measure(text, boundaries_of(text, [], lines_are_units=False, barrier_level=3), tokenizer, 256, 2048)
    assert tokenizer.characters == len(text)
    assert tokenizer.calls <= len(text) / 4096 / 16


@given(st.text(alphabet="abc é\u0301.\n漢", max_size=500), st.sampled_from([8, 16, 40]))
def test_atoms_are_the_whole_text_and_none_is_too_large(text: str, max_tokens: int) -> None:
    atoms = atoms_of(text, max_tokens, max_tokens * 8)
    assert "".join(pieces(text, atoms)) == text
    assert len(atoms.tokens) == len(atoms) + 1
    for place, piece in enumerate(pieces(text, atoms)):
        assert len(piece) <= max_tokens * 8
        assert atoms.tokens[place + 1] - atoms.tokens[place] <= max_tokens
