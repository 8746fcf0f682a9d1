"""What may be said about a document: title, tags, language, external id."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, ErrorCode, LimitExceeded
from lorebase.services.text_rules import refuse_unstorable, tidy_label

EXTERNAL_ID_CHARACTERS = 512

_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,6}")
_LANGUAGE_TAG_CHARACTERS = 35


def checked_title(title: str, settings: Settings) -> str:
    """The title, tidied. TITLE_TOO_LONG past the limit, BAD_USER_INPUT when nothing visible is left."""
    limit = settings.title_max_characters
    # Anything far too long is refused before the work of tidying it.
    tidy = tidy_label(title, ["title"]) if len(title) <= 4 * limit else title
    if len(tidy) > limit:
        message = f"The title is longer than {limit} characters."
        raise BadInput(message, code=ErrorCode.TITLE_TOO_LONG, field=["title"], details={"limit": limit})
    if not tidy:
        raise BadInput("The title is empty.", field=["title"])
    return tidy


def checked_tags(tags: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """The tags, tidied, each once, in the order given. LIMIT_EXCEEDED for too many or too long ones."""
    if len(tags) > settings.tags_maximum:
        raise _too_much(f"There are more than {settings.tags_maximum} tags.", ["tags"], settings.tags_maximum)
    limit = settings.tag_max_characters
    tidy: dict[str, None] = {}
    for number, tag in enumerate(tags):
        field = ["tags", str(number)]
        if len(tag) > 4 * limit or len(label := tidy_label(tag, field)) > limit:
            raise _too_much(f"A tag is longer than {limit} characters.", field, limit)
        if not label:
            raise BadInput("A tag is empty.", field=field)
        tidy[label] = None
    return tuple(tidy)


def checked_language(language: str | None) -> str | None:
    """The BCP 47 tag (RFC 5646) when it is well-formed; BAD_USER_INPUT otherwise."""
    if language is None:
        return None
    if len(language) > _LANGUAGE_TAG_CHARACTERS or not _LANGUAGE_TAG.fullmatch(language):
        raise BadInput("The language is not a BCP 47 tag, such as en or pt-BR.", field=["language"])
    return language


def checked_external_id(external_id: str | None) -> str | None:
    """The caller's own key, unchanged. BAD_USER_INPUT when empty, LIMIT_EXCEEDED past 512 characters."""
    if external_id is None:
        return None
    field = ["externalId"]
    if len(external_id) > EXTERNAL_ID_CHARACTERS:
        message = f"The external id is longer than {EXTERNAL_ID_CHARACTERS} characters."
        raise _too_much(message, field, EXTERNAL_ID_CHARACTERS)
    refuse_unstorable(external_id, field)
    if not external_id.strip():
        raise BadInput("The external id is empty.", field=field)
    return external_id


def _too_much(message: str, field: list[str], limit: int) -> LimitExceeded:
    return LimitExceeded(message, field=field, details={"limit": limit})
