"""Places where text may be cut without parting a letter from its marks."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_LONGEST_CLUSTER = 32


def continues_cluster(text: str, position: int) -> bool:
    """Whether the character at `position` belongs to the one before it: a mark, a joined or coloured emoji,
    the second half of a flag, a Hangul vowel or final (a close reading of Unicode Annex 29, GB3 to GB13)."""
    character = text[position]
    before = text[position - 1]
    if character < "\u0300":
        return character == "\n" and before == "\r"
    if unicodedata.category(character) in ("Mn", "Me", "Mc") or character == _JOINER:
        return True
    if (
        before == _JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    ):
        return True
    if "\u1160" <= character <= "\u11ff":
        return "\u1100" <= before <= "\u11ff"
    return _is_flag_half(character) and _flag_halves_before(text, position) % 2 == 1


def cut_near(text: str, position: int, earliest: int) -> int:
    """The last place at or before `position`, but after `earliest`, where no cluster is parted; `position`
    itself if there is none within 32 characters, longer than any real cluster."""
    for place in range(position, max(earliest, position - _LONGEST_CLUSTER), -1):
        if place >= len(text) or not continues_cluster(text, place):
            return place
    return position


def cut_after(text: str, position: int, latest: int) -> int:
    """The first place from `position` to `latest` where no cluster is parted, else `position`."""
    for place in range(position, min(latest, position + _LONGEST_CLUSTER) + 1):
        if place >= len(text) or not continues_cluster(text, place):
            return place
    return position


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_halves_before(text: str, position: int) -> int:
    first = position
    while first > max(0, position - _LONGEST_CLUSTER) and _is_flag_half(text[first - 1]):
        first -= 1
    return position - first
