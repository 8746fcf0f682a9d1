"""Dates and years of copyright: they say when a text was made, and are no part of what it says."""

from __future__ import annotations

import re

# More dates than this are a table of dates.
DATES_MAXIMUM = 2

_MONTH = (
    "(?:jan|feb|fév|fev|mar|mär|apr|avr|abr|ma[iy]|mag|mei|jun|jui|giu|jul|lug|aug|ago|aoû|sep|set|oct|okt|ott"
    r"|out|nov|dec|déc|dez|dic|ene|gen)[^\W\d_]*+\.?"
)
_DAY, _YEAR = r"\d{1,2}(?:st|nd|rd|th|er|º)?", r"(?:19|20)\d\d"
_TIME = r"(?:[ t]\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m)?z?)?"
_DATE = re.compile(
    rf"(?<!\d)(?:{_YEAR}([-/.])\d{{1,2}}\1\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\2{_YEAR}"
    rf"|{_DAY}\.? (?:de )?{_MONTH},? (?:de )?{_YEAR}|{_MONTH} {_DAY},? {_YEAR}"
    rf"|{_YEAR} ?年 ?\d{{1,2}} ?月 ?\d{{1,2}} ?日){_TIME}(?!\d)"
)
_COPYRIGHT = re.compile(
    rf"(?:©|\(c\)|copyright)(?: ?©| ?\(c\))? ?{_YEAR}(?: ?[-–,] ?(?:{_YEAR}|\d\d))*+(?!\d)"
)

Stamps = tuple[str, ...]


def without_stamps(text: str) -> tuple[str, Stamps]:
    """A casefolded text, its white space single blanks, without stamps; and the stamps in their order.

    Only whole dates count, of the years 1900 to 2099, and only when they are few. Linear in its length.
    """
    owners = [match.group() for match in _COPYRIGHT.finditer(text)]
    text = _COPYRIGHT.sub(" ", text)
    dates = [match.group() for match in _DATE.finditer(text)]
    if len(dates) > DATES_MAXIMUM:
        return text, tuple(owners)
    return _DATE.sub(" ", text), (*owners, *dates)
