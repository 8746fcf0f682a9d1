"""How far the vector leg is trusted for a query's language."""

from __future__ import annotations

import pytest

from lorebase.services.embeddings.model_languages import DOUBTED_WEIGHT, TRUSTED_WEIGHT, vector_weight
from lorebase.services.keywords.keyword_languages import Script
from tests.factories import make_model


@pytest.mark.parametrize(
    "name", ["all-MiniLM-L6-v2", "BAAI/bge-small-en-v1.5", "intfloat/e5-small-v2", "thenlper/gte-base"]
)
def test_an_english_model_is_doubted_in_other_languages(name: str) -> None:
    model = make_model(name=name)
    assert vector_weight([model], "en", Script.LATIN) == TRUSTED_WEIGHT
    assert vector_weight([model], "de", Script.LATIN) == DOUBTED_WEIGHT
    assert vector_weight([model], "zh", Script.HAN) == DOUBTED_WEIGHT


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
    assert vector_weight([model], "de", Script.LATIN) == TRUSTED_WEIGHT
    assert vector_weight([model], "ja", Script.KANA) == TRUSTED_WEIGHT


def test_an_undecided_query_in_latin_letters_passes_for_english() -> None:
    model = make_model(name="all-MiniLM-L6-v2")
    assert vector_weight([model], None, Script.LATIN) == TRUSTED_WEIGHT
    assert vector_weight([model], None, None) == TRUSTED_WEIGHT
    assert vector_weight([model], None, Script.OTHER) == DOUBTED_WEIGHT


def test_one_model_that_does_not_understand_is_enough_to_doubt() -> None:
    models = [make_model(name="text-embedding-3-small"), make_model(name="all-MiniLM-L6-v2")]
    assert vector_weight(models, "fr", Script.LATIN) == DOUBTED_WEIGHT
