"""The language of a text when it is plain to see; otherwise nothing is said."""

from __future__ import annotations

import re

_SAMPLE = 20_000
_SCRIPTS = {
    "ko": re.compile("[\uac00-\ud7a3]"),
    "ja": re.compile("[\u3040-\u30ff]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
    "el": re.compile("[\u0370-\u03ff\u1f00-\u1fff]"),
    "he": re.compile("[\u05d0-\u05ea]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
# Frequent words that the other six do not use, or hardly.
_WORDS = {
    "en": "the of and is that for with are this be which from have not you",
    "de": "der die und das ist nicht mit auch eine sich auf dem ein wird zu",
    "fr": "les des est dans une pour que qui sur pas avec sont du au vous",
    "es": "los las que una por con para es del como más pero sus este está",
    "it": "che di il della sono per non gli nel alla anche una più dei questo",
    "pt": "que não uma os com para dos da do em são mais foi pelo também",
    "nl": "het een van en niet dat voor zijn met aan ook worden deze bij naar",
}
_LANGUAGE_OF_WORD: dict[str, list[str]] = {}
for _language, _list in _WORDS.items():
    for _word in _list.split():
        _LANGUAGE_OF_WORD.setdefault(_word, []).append(_language)


def language_of(text: str) -> str | None:
    """An ISO 639-1 code if script or frequent words of the first 20,000 characters leave no doubt."""
    sample = text[:_SAMPLE]
    letters = sum(map(str.isalpha, sample))
    if letters < 20:
        return None
    counts = {language: len(script.findall(sample)) for language, script in _SCRIPTS.items()}
    # Japanese mixes kana with Chinese characters; a tenth of kana never happens in Chinese.
    if counts["ja"] > letters / 10:
        return "ja"
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] > letters / 2 else _by_words(sample)


def _by_words(sample: str) -> str | None:
    hits = dict.fromkeys(_WORDS, 0)
    words = re.findall(r"\w++", sample.lower())
    for word in words:
        for language in _LANGUAGE_OF_WORD.get(word, ()):
            hits[language] += 1
    ranked = sorted(hits, key=hits.__getitem__, reverse=True)
    first, second = hits[ranked[0]], hits[ranked[1]]
    enough = first >= 8 and first >= len(words) / 25
    return ranked[0] if enough and first >= 2 * second else None
