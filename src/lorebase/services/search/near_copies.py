"""Whether two passages say nearly the same: boilerplate with another date, a footer changed, two revisions.

Resemblance is that of Broder, "On the resemblance and containment of documents" (1997): the Jaccard index
of the runs of four words (characters in Han, Kana and Hangul). It tells how much of two texts is the same,
not whether what differs matters, so what may matter has to be equal: headings, numbers, signs such as "<"
and "€", and the words that turn a sentence round. ADR 0022 has what was measured.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache, cached_property
from zlib import crc32

from lorebase.schemas.documents import Chunk
from lorebase.services.keywords.keyword_languages import stop_words
from lorebase.services.search.stamps import without_stamps

RESEMBLANCE = 0.8
# Of fewer words each counts: rows of tables, questions, single sentences.
UNITS_LEAST = 40
SHINGLE = 4
# With more marks among marks and words than this, a text is code or a table: there every word counts.
MARKS_SHARE = 0.4

_CHARACTERS = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = rf"[^\W{_CHARACTERS}]++"
_UNIT = re.compile(rf"[{_CHARACTERS}]|{_WORD}")
_MARK = re.compile(r"[^\w\s]")
# Words that marks join between digits (1,000.50 and 10:30), numerals in Han, a minus or a "not" before
# something, "times" and "by" between two, and any other mark.
_DETAIL = re.compile(
    rf"{_WORD}(?:(?<=\d)[.,:/'’-](?=\d){_WORD})*+|[〇零一二三四五六七八九十百千万萬亿億两兩半]"
    r"|(?P<sign>(?<!\w)-(?=\d)|!(?=[\w=(])|(?<=[\w)]) ?[*/] ?(?=[\w(]))|[^\w\s]"
)
_MATTERING = frozenset("%&@\\()[]{}")
_HIRAGANA = re.compile(r"[\u3041-\u309f]")
# "Not", "without" and "except" where spaces do not part words.
_TURNING = frozenset("不没沒無无非未否勿莫別别禁除안못없않아니")

Details = tuple[tuple[str, ...], tuple[str, ...]]


class Sense:
    """What of a passage is compared. Near copies have at least their `details` in common."""

    def __init__(self, chunk: Chunk) -> None:
        folded = " ".join(unicodedata.normalize("NFKC", chunk.text.casefold()).casefold().split())
        self._text, stamps = without_stamps(folded)
        headings = tuple(" ".join(title.casefold().split()) for title in chunk.section)
        found = _DETAIL.finditer(self._text)
        self.details: Details = (headings, tuple(each.group() for each in found if _matters(each)))
        self.units = tuple(_UNIT.findall(self._text))
        # What is equal for passages with the same words.
        self.words = (self.details, stamps, self.units)

    @cached_property
    def is_prose(self) -> bool:
        """Whether there are words enough, and few enough marks, for some of the words to matter little."""
        marks = len(_MARK.findall(self._text))
        return len(self.units) >= UNITS_LEAST and marks <= MARKS_SHARE * (marks + len(self.units))

    @cached_property
    def shingles(self) -> frozenset[int]:
        """CRC-32 of each run of four units: the same in every process."""
        runs = range(max(1, len(self.units) - SHINGLE + 1))
        return frozenset(crc32(" ".join(self.units[start : start + SHINGLE]).encode()) for start in runs)

    def resemblance(self, other: Sense) -> float:
        """How much of the two is the same, from 0 to 1; 1 for equal words."""
        shared = len(self.shingles & other.shingles)
        return shared / (len(self.shingles) + len(other.shingles) - shared)

    def is_near(self, other: Sense) -> bool:
        """Whether one may stand for the other. Symmetric; true of equal words."""
        if self.words == other.words:
            return True
        if self.details != other.details or not (self.is_prose and other.is_prose):
            return False
        return self.resemblance(other) >= RESEMBLANCE and not self._turns(other)

    def _turns(self, other: Sense) -> bool:
        ours, theirs = Counter(self.units), Counter(other.units)
        differing = (ours - theirs) + (theirs - ours)
        return any(unit in _turning_words() or _HIRAGANA.match(unit) for unit in differing)


@cache
def _turning_words() -> frozenset[str]:
    """Stop words of all languages: "not", "kein", "sans" and "only" are among them; names are not."""
    return _TURNING.union(*stop_words().values())


def _matters(detail: re.Match[str]) -> bool:
    text = detail.group()
    if detail.lastgroup == "sign":
        return True
    if _MARK.fullmatch(text):
        return _mark_matters(text)
    return any(map(str.isnumeric, text))


@cache
def _mark_matters(mark: str) -> bool:
    category = unicodedata.category(mark)
    return mark in _MATTERING or (category[0] == "S" and category != "Sk")
