"""The credentials of the first workspace, kept for the CLI and for scripts."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lorebase.embedded.errors import StackError
from lorebase.embedded.home import Home
from lorebase.embedded.private_file import write_private


class FirstWorkspace(BaseModel):
    """What the command that makes the first workspace prints as one JSON line."""

    model_config = ConfigDict(populate_by_name=True)

    workspace_id: str = Field(alias="workspaceId", min_length=1)
    knowledge_base_id: str = Field(alias="knowledgeBaseId", min_length=1)
    api_key: str = Field(alias="apiKey", min_length=1)


class Credentials(FirstWorkspace):
    """The content of credentials.json; `url` is the GraphQL endpoint."""

    url: str


def read_credentials(home: Home) -> Credentials | None:
    """The kept credentials; None when there are none."""
    try:
        return Credentials.model_validate_json(home.credentials.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise StackError(
            f"{home.credentials} cannot be read: mend it, or remove it to get a new key."
        ) from error


def keep_first_workspace(home: Home, url: str, output: str) -> None:
    """Writes the credentials from what the command printed; other lines before the JSON are ignored."""
    lines = output.strip().splitlines()
    try:
        first = FirstWorkspace.model_validate_json(lines[-1] if lines else "")
    except ValidationError as error:
        # The output may hold a key, so the message does not repeat it.
        raise StackError("The command that makes the first workspace printed no credentials.") from error
    _write(home, Credentials(url=url, **first.model_dump()))


def refresh_url(home: Home, url: str) -> None:
    """Corrects the address when the port has changed; nothing else is touched."""
    kept = read_credentials(home)
    if kept and kept.url != url:
        _write(home, kept.model_copy(update={"url": url}))


def _write(home: Home, credentials: Credentials) -> None:
    values = credentials.model_dump(by_alias=True)
    ordered = {name: values[name] for name in ("url", "workspaceId", "knowledgeBaseId", "apiKey")}
    write_private(home.credentials, json.dumps(ordered, indent=2) + "\n")
