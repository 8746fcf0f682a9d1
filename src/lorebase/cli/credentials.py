"""Which Lorebase a command talks to, and as whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from lorebase.cli.errors import CommandFailed
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
    """Endpoint and key; the knowledge base is the default one, None when the settings named the endpoint."""

    url: str
    api_key: str
    knowledge_base_id: str | None = None


def find_target(settings: Settings) -> Target:
    """From LOREBASE_URL and LOREBASE_API_KEY, else from `credentials.json` of LOREBASE_HOME."""
    if settings.url and settings.api_key:
        return Target(settings.url, settings.api_key.get_secret_value())
    found = read_credentials(settings.home / "credentials.json")
    if found is None:
        raise CommandFailed(
            "There is no Lorebase to talk to: start one with `make run`, "
            "or set LOREBASE_URL and LOREBASE_API_KEY."
        )
    key = settings.api_key.get_secret_value() if settings.api_key else found.api_key
    return Target(settings.url or found.url, key, found.knowledge_base_id)


def read_credentials(path: Path) -> CredentialsFile | None:
    """The file that `up` wrote; None when there is none."""
    try:
        return CredentialsFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise CommandFailed(f"{path} cannot be read: delete it and start Lorebase again.") from error
