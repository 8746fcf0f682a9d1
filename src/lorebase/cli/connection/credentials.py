"""Which Lorebase a command talks to, and as whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from lorebase.cli.errors import CommandFailed, NotRunning, UsageFailed
from lorebase.core.config import Settings


class CredentialsFile(BaseModel):
    """`credentials.json`, as `up` writes it."""

    model_config = ConfigDict(alias_generator=to_camel)

    url: str
    workspace_id: str
    knowledge_base_id: str
    api_key: str


@dataclass(frozen=True)
class Target:
    """Endpoint and key; the knowledge base is the default one, None when the settings named the key.

    `source` says where the key is from, for a message.
    """

    url: str
    api_key: str
    source: str
    knowledge_base_id: str | None = None


def find_target(settings: Settings) -> Target:
    """From LOREBASE_URL and LOREBASE_API_KEY, else from `credentials.json` of LOREBASE_HOME.

    NotRunning when there is neither, UsageFailed for a URL or key that cannot be used.
    """
    url = _checked_url(settings.url) if settings.url else None
    key = _checked_key(settings.api_key.get_secret_value()) if settings.api_key else None
    if url and key:
        return Target(url, key, "LOREBASE_API_KEY")
    path = settings.home / "credentials.json"
    found = read_credentials(path)
    if found is None:
        raise NotRunning(
            "There is no Lorebase to talk to: start one with `make run`, "
            "or set LOREBASE_URL and LOREBASE_API_KEY."
        )
    if url and url != found.url:
        # The key of the Lorebase on this machine is not sent to another one.
        raise UsageFailed("LOREBASE_URL names another Lorebase: set LOREBASE_API_KEY too.")
    if key:
        return Target(found.url, key, "LOREBASE_API_KEY")
    return Target(found.url, found.api_key, str(path), found.knowledge_base_id)


def read_credentials(path: Path) -> CredentialsFile | None:
    """The file that `up` wrote; None when there is none."""
    try:
        return CredentialsFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise CommandFailed(
            f"{path} cannot be read: mend it, or remove it and start Lorebase again to get a new key."
        ) from error


def _checked_url(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UsageFailed("LOREBASE_URL is not a URL such as http://127.0.0.1:8000/graphql.")
    return url


def _checked_key(key: str) -> str:
    if not key.isascii() or not key.isprintable():
        raise UsageFailed("LOREBASE_API_KEY holds characters that no key has.")
    return key
