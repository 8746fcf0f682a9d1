"""How far the vector leg is trusted for a query's language."""

from __future__ import annotations

import pytest

from lorebase.services.embeddings.model_languages import DOUBTED_WEIGHT, TRUSTED_WEIGHT, vector_weight
from tests.factories import make_model


@pytest.mark.parametrize(
    "name", ["all-MiniLM-L6-v2", "BAAI/bge-small-en-v1.5", "intfloat/e5-small-v2", "thenlper/gte-base"]
)
def test_an_english_model_is_doubted_in_other_languages(name: str) -> None:
    model = make_model(name=name)
    assert vector_weight([model], "en", "What is this?") == TRUSTED_WEIGHT
    assert vector_weight([model], "de", "Was ist das?") == DOUBTED_WEIGHT
    assert vector_weight([model], "zh", "这是什么？") == DOUBTED_WEIGHT


@pytest.mark.parametrize(
    "name",
    [
        "text-embedding-3-small",
        "multilingual-e5-small",
        "BAAI/bge-m3",
        "paraphrase-multilingual-MiniLM-L12-v2",
    ],
)
def test_any_other_model_is_trusted_in_every_language(name: str) -> None:
    model = make_model(name=name)
    assert vector_weight([model], "de", "Was ist das?") == TRUSTED_WEIGHT
    assert vector_weight([model], "ja", "これは何ですか") == TRUSTED_WEIGHT


@pytest.mark.parametrize("query", ["asyncio.gather", "Schrodinger equation", "“quoted” – 42 €", "", "1912"])
def test_an_undecided_query_whose_letters_say_nothing_passes_for_english(query: str) -> None:
    assert vector_weight([make_model(name="all-MiniLM-L6-v2")], None, query) == TRUSTED_WEIGHT


@pytest.mark.parametrize("query", ["Panthers kaç sayı verdi", "đội nào thắng", "ทีมใดชนะ", "Größe"])
def test_an_undecided_query_with_letters_that_english_has_not_is_doubted(query: str) -> None:
    assert vector_weight([make_model(name="all-MiniLM-L6-v2")], None, query) == DOUBTED_WEIGHT
    assert vector_weight([make_model(name="BAAI/bge-m3")], None, query) == TRUSTED_WEIGHT


def test_a_query_told_to_be_english_is_trusted_whatever_names_it_holds() -> None:
    assert vector_weight([make_model(name="all-MiniLM-L6-v2")], "en", "Who is Beyoncé?") == TRUSTED_WEIGHT


def test_one_model_that_does_not_understand_is_enough_to_doubt() -> None:
    models = [make_model(name="text-embedding-3-small"), make_model(name="all-MiniLM-L6-v2")]
    assert vector_weight(models, "fr", "Qui est là ?") == DOUBTED_WEIGHT
