"""Which languages an embedding model understands, told by its name, and how far its leg is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.services.keywords.keyword_languages import Script

TRUSTED_WEIGHT = 0.4
DOUBTED_WEIGHT = 0.2

# Families published for English alone. Anything else is taken for multilingual, as hosted models are.
_ENGLISH_ONLY = re.compile(
    r"all-minilm|all-mpnet|multi-qa-|msmarco-|gtr-t5|sentence-t5|nomic-embed-text-v1"
    r"|[-_]en([-_.]|$)|english|(^|/)e5-(small|base|large)(-v2)?$|(^|/)gte-(small|base|large)$"
)


def vector_weight(models: Iterable[EmbeddingModel], language: str | None, script: Script | None) -> float:
    """Weight of the vector leg from 0 to 1 for a query in a language; None is an undecided one."""
    understood = all(_understands(model, language, script) for model in models)
    return TRUSTED_WEIGHT if understood else DOUBTED_WEIGHT


def _understands(model: EmbeddingModel, language: str | None, script: Script | None) -> bool:
    if not _ENGLISH_ONLY.search(model.name.lower()):
        return True
    # Names and code have no stop words: in Latin letters they are more often English than not.
    return language == "en" or (language is None and script in (Script.LATIN, None))
