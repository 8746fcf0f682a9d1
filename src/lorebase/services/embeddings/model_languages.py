"""Which languages an embedding model understands, told by its name, and how far its leg is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lorebase.schemas.embeddings import EmbeddingModel

TRUSTED_WEIGHT = 0.4
DOUBTED_WEIGHT = 0.2

# Families published for English alone. Anything else is taken for multilingual, as hosted models are.
_ENGLISH_ONLY = re.compile(
    r"all-minilm|all-mpnet|multi-qa-|msmarco-|gtr-t5|sentence-t5|nomic-embed-text-v1"
    r"|[-_]en([-_.]|$)|english|(^|/)e5-(small|base|large)(-v2)?$|(^|/)gte-(small|base|large)$"
)


def vector_weight(models: Iterable[EmbeddingModel], language: str | None, query: str) -> float:
    """Weight of the vector leg from 0 to 1 for a query in a language; None is an undecided one.

    What is undecided passes for English when no letter says otherwise: names and code have no stop words,
    and neither have most short questions in Turkish or Vietnamese (measured in ADR 0006).
    """
    english = language == "en" or (language is None and _is_plain(query))
    understood = english or all(not _ENGLISH_ONLY.search(model.name.lower()) for model in models)
    return TRUSTED_WEIGHT if understood else DOUBTED_WEIGHT


def _is_plain(text: str) -> bool:
    return all(letter.isascii() for letter in text if letter.isalpha())
