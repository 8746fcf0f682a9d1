"""The keyword analyser: which terms a passage is found by, with their BM25 weights, and a query's terms.

What differs between its versions is in analysers.py beside it. A change of anything that changes terms or
weights (code, stop words, stemmer, Unicode data, parameters) is a new version; terms of two versions are
never compared.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

import Stemmer  # type: ignore[import-not-found]

from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import KeywordPosting
from lorebase.services.keywords.keyword_languages import (
    STEMMERS,
    detect_language,
    known_language,
    languages_of,
    main_script,
    stop_words,
)
from lorebase.services.keywords.keyword_tokens import Word, words

# BM25 (Robertson and Zaragoza, 2009) with k1 = 1.2, b = 0.75 and a fixed average length, so that a weight
# depends on its passage alone.
K1 = 1.2
B = 0.75
AVERAGE_LENGTH = 100

# What a text in an undecided language of this script is taken for.
_FALLBACK = "en"

_local = threading.local()

Terms = tuple[str, ...]


def _as_they_are(terms: Terms) -> Terms:
    return terms


class KeywordAnalyser:
    """One version of the analyser. Stateless; may be shared by threads."""

    def __init__(
        self,
        *,
        cut: Callable[[str], Iterator[Word]] = words,
        finish: Callable[[Terms], Terms] = _as_they_are,
    ) -> None:
        """`cut` tells the words of a text, `finish` what becomes of their stems; kw1 without either."""
        self._cut = cut
        self._finish = finish

    def postings(self, chunks: Iterable[Chunk], title: str, language: str | None) -> list[KeywordPosting]:
        """The postings of passages, each analysed with its title and heading path.

        `language` is the document's BCP 47 tag; None lets each passage tell its own.
        """
        return list(chain.from_iterable(self._postings_of(chunk, title, language) for chunk in chunks))

    def _postings_of(self, chunk: Chunk, title: str, language: str | None) -> list[KeywordPosting]:
        counts = self.counts("\n".join((title, *chunk.section, chunk.text)), language)
        return [
            KeywordPosting(term=term_hash(term), chunk_id=chunk.id, weight=weight)
            for term, weight in sorted(weights(counts).items())
        ]

    def counts(self, text: str, language: str | None) -> Counter[str]:
        """How often each term stands in a text."""
        return Counter(chain.from_iterable(terms for _, terms in self.analysed(text, language)))

    def analysed(self, text: str, language: str | None) -> Iterator[tuple[Word, tuple[str, ...]]]:
        """The words of a text in order, with the terms of each."""
        found = list(self._cut(text))
        code = known_language(language) or _detect(text, found) or _FALLBACK
        return ((word, self._finish(stems(word, code))) for word in found)

    def query_terms(self, query: str) -> tuple[int, ...]:
        """Hashes of a query's terms, sorted, each once; none for a query of stop words or signs only."""
        return tuple(sorted({term_hash(term) for term in self.query_stems(query)}))

    def query_stems(self, query: str) -> frozenset[str]:
        """The terms of a query: in its language, or in every language it may be; and each word as it is."""
        found = list(self._cut(query))
        decided = _detect(query, found)
        languages = (decided,) if decided else languages_of(main_script(query)) or (_FALLBACK,)
        stemmed = {term for word in found for code in languages for term in stems(word, code)}
        return frozenset(self._finish(tuple(stemmed.union(*(_unstemmed(word, languages) for word in found)))))

    def detect_language(self, text: str) -> str | None:
        """The BCP 47 tag of a text's language; None when script and stop words do not decide."""
        return _detect(text, list(self._cut(text)))


def weights(counts: Counter[str]) -> dict[str, float]:
    """The part of BM25 that does not depend on the query, by term."""
    norm = K1 * (1 - B + B * counts.total() / AVERAGE_LENGTH)
    return {term: count * (K1 + 1) / (count + norm) for term, count in counts.items()}


def stems(word: Word, language: str) -> tuple[str, ...]:
    """The terms a word has in a language; none for a stop word."""
    return word.forms if word.pairs else _stems(word.forms, language)


@lru_cache(maxsize=1 << 16)
def _stems(forms: tuple[str, ...], language: str) -> tuple[str, ...]:
    stops = stop_words().get(language, frozenset())
    if forms[0] in stops:
        return ()
    kept = [form for form in forms if form not in stops]
    return tuple(_stemmer(language).stemWords(kept) if language in STEMMERS else kept)


@lru_cache(maxsize=1 << 16)
def term_hash(term: str) -> int:
    """BLAKE2b of 32 bits as a signed integer."""
    digest = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big", signed=True)


def _unstemmed(word: Word, languages: Sequence[str]) -> list[str]:
    lists = stop_words()
    return [form for form in word.forms if not all(form in lists.get(code, ()) for code in languages)]


def _detect(text: str, found: Sequence[Word]) -> str | None:
    return detect_language(text, [word.forms[0] for word in found if not word.pairs])


def _stemmer(language: str) -> Stemmer.Stemmer:
    # A stemmer keeps state between calls, so each thread has its own.
    stemmers: dict[str, Stemmer.Stemmer] = _local.__dict__.setdefault("stemmers", {})
    if language not in stemmers:
        stemmers[language] = Stemmer.Stemmer(STEMMERS[language][0])
    return stemmers[language]
