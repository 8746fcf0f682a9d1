"""Finds the databases of the stack that runs on this machine, for commands that work on them directly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from lorebase.cli.errors import NotRunning
from lorebase.core.config import Settings
from lorebase.embedded import supervisor
from lorebase.embedded.home import Home
from lorebase.embedded.plan import APP
from lorebase.embedded.postgres import OWNER, database_url
from lorebase.embedded.status import StackStatus

FOR_SERVICES = ("database_url", "redis_url", "milvus_uri", "secret_key")
FOR_MIGRATION = ("database_url", "database_owner_url", "milvus_uri")


def with_running_stack(settings: Settings, needed: tuple[str, ...]) -> Settings:
    """The settings with what is not set taken from the running stack. NotRunning when `needed` ones miss."""
    filled = filled_in(settings, supervisor.status(settings))
    missing = [f"LOREBASE_{name.upper()}" for name in needed if getattr(filled, name) is None]
    if missing:
        raise NotRunning(
            f"Lorebase does not run here, and not set: {', '.join(missing)}. "
            "Start it with `make run` or `lorebase up --detach`, or name your servers."
        )
    return filled


def filled_in(settings: Settings, stack: StackStatus | None) -> Settings:
    """The settings with what is not set taken from the stack; unchanged without one."""
    if stack is None:
        return settings
    home = Home(stack.home)
    places = {part.name: part.address for part in stack.parts if part.address}
    found = {**_database(home, places), **_others(places)}
    if (secret := home.folder("secret_key")).is_file():
        found["secret_key"] = SecretStr(_kept(secret))
    absent = {name: value for name, value in found.items() if getattr(settings, name) is None}
    return settings.model_copy(update={"home": stack.home, **absent})


def _database(home: Home, places: Mapping[str, str]) -> dict[str, object]:
    if "postgres" not in places:
        return {}
    sockets = Path(places["postgres"])
    login, owner = (_kept(home.folder(name)) for name in ("database_password", "database_owner_password"))
    return {
        "database_url": SecretStr(database_url(sockets, APP, login)),
        "database_owner_url": SecretStr(database_url(sockets, OWNER, owner)),
    }


def _others(places: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    if "valkey" in places:
        found["redis_url"] = SecretStr(f"unix://{places['valkey']}")
    if "milvus" in places:
        found["milvus_uri"] = f"unix:{places['milvus']}"
    if "models" in places:
        found["local_models_url"] = places["models"]
    return found


def _kept(secret: Path) -> str:
    return secret.read_text(encoding="utf-8").strip()
