"""Slugs: short names for addresses, given or made from a name."""

from __future__ import annotations

import re
import unicodedata

from lorebase.core.errors import BadInput

SLUG_CHARACTERS = 63

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BETWEEN = re.compile(r"[^a-z0-9]+")


def checked_slug(slug: str) -> str:
    """The slug when it is well-formed: lower-case letters, digits and single hyphens, at most 63."""
    if len(slug) > SLUG_CHARACTERS or not _SLUG.fullmatch(slug):
        message = f"A slug has lower-case letters, digits and single hyphens, at most {SLUG_CHARACTERS}."
        raise BadInput(message, field=["slug"])
    return slug


def slug_from(name: str, fallback: str) -> str:
    """A slug made from a name; `fallback` where nothing of the name can be kept."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _BETWEEN.sub("-", plain).strip("-")[:SLUG_CHARACTERS].strip("-") or fallback


def numbered(slug: str, number: int) -> str:
    """The slug with a number at its end, within the limit; the first stays as it is."""
    if number == 1:
        return slug
    ending = f"-{number}"
    return slug[: SLUG_CHARACTERS - len(ending)].rstrip("-") + ending
