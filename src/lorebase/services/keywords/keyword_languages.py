"""Languages of the analyser: their stemmers and stop words, and how the language of a text is told."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import chain

_STOP_WORDS_FILE = "keyword_stop_words.txt"
_LETTERS_LOOKED_AT = 4000
_KANA_SHARE = 0.05
_DECIDING_STOP_WORDS = 2
_LETTER = re.compile(r"[^\W\d_]")
_WORDS_LOOKED_AT = 1000


class Script(StrEnum):
    """Scripts that say something about the language."""

    LATIN = "latin"
    CYRILLIC = "cyrillic"
    GREEK = "greek"
    ARMENIAN = "armenian"
    ARABIC = "arabic"
    DEVANAGARI = "devanagari"
    TAMIL = "tamil"
    HAN = "han"
    KANA = "kana"
    OTHER = "other"


_RANGES: tuple[tuple[int, int, Script], ...] = (
    (0x0041, 0x024F, Script.LATIN),
    (0x0370, 0x03FF, Script.GREEK),
    (0x0400, 0x052F, Script.CYRILLIC),
    (0x0530, 0x058F, Script.ARMENIAN),
    (0x0600, 0x077F, Script.ARABIC),
    (0x0900, 0x097F, Script.DEVANAGARI),
    (0x0B80, 0x0BFF, Script.TAMIL),
    (0x1E00, 0x1EFF, Script.LATIN),
    (0x1F00, 0x1FFF, Script.GREEK),
    (0x2E80, 0x2FDF, Script.HAN),
    (0x3005, 0x3007, Script.HAN),
    (0x3040, 0x30FF, Script.KANA),
    (0x31F0, 0x31FF, Script.KANA),
    (0x3400, 0x4DBF, Script.HAN),
    (0x4E00, 0x9FFF, Script.HAN),
    (0xF900, 0xFAFF, Script.HAN),
    (0xFF21, 0xFF5A, Script.LATIN),
    (0xFF66, 0xFF9F, Script.KANA),
    (0x20000, 0x323AF, Script.HAN),
)
_STARTS = [start for start, _, _ in _RANGES]

# By BCP 47 primary subtag: the Snowball stemmer, and the script that the language is written in.
STEMMERS: dict[str, tuple[str, Script]] = {
    "en": ("english", Script.LATIN),
    "de": ("german", Script.LATIN),
    "fr": ("french", Script.LATIN),
    "es": ("spanish", Script.LATIN),
    "it": ("italian", Script.LATIN),
    "pt": ("portuguese", Script.LATIN),
    "nl": ("dutch", Script.LATIN),
    "sv": ("swedish", Script.LATIN),
    "da": ("danish", Script.LATIN),
    "no": ("norwegian", Script.LATIN),
    "fi": ("finnish", Script.LATIN),
    "hu": ("hungarian", Script.LATIN),
    "tr": ("turkish", Script.LATIN),
    "ru": ("russian", Script.CYRILLIC),
    "el": ("greek", Script.GREEK),
    "hy": ("armenian", Script.ARMENIAN),
    "ar": ("arabic", Script.ARABIC),
    "hi": ("hindi", Script.DEVANAGARI),
    "ta": ("tamil", Script.TAMIL),
}
_ALIASES = {"nb": "no", "nn": "no"}


@cache
def stop_words() -> dict[str, frozenset[str]]:
    """Stop words by language; a language without a list has none."""
    text = (files("lorebase.services.keywords") / _STOP_WORDS_FILE).read_text("utf-8")
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {code: frozenset(words.split()) for code, _, words in lines}


def script_of(character: str) -> Script:
    """The script of one character."""
    point = ord(character)
    index = bisect_right(_STARTS, point) - 1
    if index >= 0 and point <= _RANGES[index][1]:
        return _RANGES[index][2]
    return Script.OTHER


def ranges_of(*scripts: Script) -> list[tuple[int, int]]:
    """The code points of scripts, first and last of each range."""
    return [(start, end) for start, end, script in _RANGES if script in scripts]


def main_script(text: str) -> Script | None:
    """The commonest script among the first letters; None without letters. Any Kana makes Japanese of Han."""
    letters = Counter(_LETTER.findall(text[: 4 * _LETTERS_LOOKED_AT])[:_LETTERS_LOOKED_AT])
    if not letters:
        return None
    counts: Counter[Script] = Counter()
    for letter, count in letters.items():
        counts[script_of(letter)] += count
    east_asian = counts[Script.HAN] + counts[Script.KANA]
    if counts[Script.KANA] > _KANA_SHARE * east_asian:
        counts[Script.KANA], counts[Script.HAN] = east_asian, 0
    return max(counts, key=lambda script: counts[script])


def known_language(tag: str | None) -> str | None:
    """The primary subtag of a BCP 47 tag when the analyser stems it or it needs no stemming."""
    primary = (tag or "").replace("_", "-").partition("-")[0].lower()
    return _ALIASES.get(primary, primary) or None


def detect_language(text: str, words: Sequence[str]) -> str | None:
    """The language of a text by its script, then by its stop words; None when that does not decide.

    `words` are the text's casefolded words.
    """
    script = main_script(text)
    if script in (Script.HAN, Script.KANA):
        return "zh" if script is Script.HAN else "ja"
    candidates = languages_of(script)
    if len(candidates) == 1:
        return candidates[0]
    return _by_stop_words(candidates, words)


def languages_of(script: Script | None) -> tuple[str, ...]:
    """Languages with a stemmer that are written in the script."""
    return tuple(code for code, (_, its_script) in STEMMERS.items() if its_script is script)


@cache
def _languages_by_stop_word() -> dict[str, tuple[str, ...]]:
    lists = stop_words()
    words = frozenset().union(*lists.values())
    return {word: tuple(code for code, stops in lists.items() if word in stops) for word in words}


def _by_stop_words(candidates: Collection[str], words: Sequence[str]) -> str | None:
    languages = _languages_by_stop_word()
    codes = chain.from_iterable(languages.get(word, ()) for word in words[:_WORDS_LOOKED_AT])
    counts = Counter(code for code in codes if code in candidates)
    ranked = counts.most_common(2)
    if not ranked or ranked[0][1] < _DECIDING_STOP_WORDS:
        return None
    return ranked[0][0] if len(ranked) == 1 or ranked[0][1] > ranked[1][1] else None
