"""Versions of the keyword analyser. All stay runnable: an index is searched by the one that filled it.

A version never changes once it is released; what it should do better goes into the next.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from lorebase.core.errors import ErrorCode, Permanent
from lorebase.schemas.analysers import FIRST_ANALYSER, analyser_name
from lorebase.services.keywords.keyword_languages import Script, script_of
from lorebase.services.keywords.keyword_tokens import words_and_pairs
from lorebase.services.keywords.keywords import KeywordAnalyser, Terms

# A Cyrillic й is another letter than и, and marks of Indic scripts are vowels: there accents are kept.
_ACCENTED = frozenset({Script.LATIN, Script.GREEK, Script.ARABIC})


def without_accents(terms: Terms) -> Terms:
    """Terms without the accents of Latin, Greek and Arabic letters, and Cyrillic ё as е."""
    return tuple(map(_without_accents, terms))


@lru_cache(maxsize=1 << 16)
def _without_accents(term: str) -> str:
    if term.isascii():
        return term
    plain: list[str] = []
    for sign in unicodedata.normalize("NFD", term.replace("ё", "е")):
        is_accent = unicodedata.category(sign) == "Mn" and plain and script_of(plain[-1]) in _ACCENTED
        if not is_accent:
            plain.append(sign)
    return unicodedata.normalize("NFC", "".join(plain))


ANALYSERS: Mapping[int, KeywordAnalyser] = {
    FIRST_ANALYSER: KeywordAnalyser(),
    2: KeywordAnalyser(cut=words_and_pairs, finish=without_accents),
}
DESCRIPTIONS: Mapping[int, str] = {
    FIRST_ANALYSER: "Words with their stems by language, parts of identifiers, pairs of Han and Kana.",
    2: "As kw1, without accents, and in pairs of characters for Thai, Lao, Khmer, Myanmar and Hangul.",
}


def analyser_of(version: int) -> KeywordAnalyser:
    """The analyser of a version. Permanent when this release does not know it: a newer one made the index."""
    try:
        return ANALYSERS[version]
    except KeyError:
        message = f"This release does not know the keyword analyser {analyser_name(version)}."
        raise Permanent(message, code=ErrorCode.WRONG_STATE) from None


def version_named(name: str) -> int | None:
    """The version that this release knows by a name such as `kw2`."""
    return next((version for version in ANALYSERS if analyser_name(version) == name), None)
