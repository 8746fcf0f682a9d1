"""Which parts are needed, and the environment that each child is given."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pydantic import SecretStr

from lorebase.core.config import Settings
from lorebase.embedded.home import Home
from lorebase.embedded.ports import LOOPBACK

_OWNER_URL = "LOREBASE_DATABASE_OWNER_URL"
_STORES = (
    *("LOREBASE_DATABASE_URL", _OWNER_URL, "LOREBASE_REDIS_URL"),
    *("LOREBASE_MILVUS_URI", "LOREBASE_MILVUS_TOKEN", "LOREBASE_BLOB_URL", "LOREBASE_SECRET_KEY"),
)

# Settings with a remote model and without its key are refused, and the key is not for every child.
_REMOTE_MODELS = ("LOREBASE_EMBEDDING_MODEL", "LOREBASE_CHAT_MODEL")


@dataclass(frozen=True)
class NeededParts:
    """The parts that run here, since no URL names one elsewhere."""

    postgres: bool
    valkey: bool
    milvus: bool
    models: bool


@dataclass(frozen=True)
class Addresses:
    """Where the parts that run here listen, and their secrets; None for a part that runs elsewhere."""

    database_url: str | None
    database_owner_url: str | None
    redis_url: str | None
    milvus_uri: str | None
    local_models_url: str | None
    secret_key: str


@dataclass(frozen=True)
class ChildEnvironments:
    """Whole environments: each child is told what it needs and no more."""

    binary: dict[str, str]
    """For PostgreSQL and Valkey, which a stranger's locale would upset."""
    plain: dict[str, str]
    """For the model server and the owner of Milvus Lite: no URLs, no keys."""
    service: dict[str, str]
    """For the API and the worker."""
    migrate: dict[str, str]
    """That of a service, with the owner of the database."""


def needed_parts(settings: Settings) -> NeededParts:
    """What must be started for these settings."""
    return NeededParts(
        postgres=settings.database_url is None,
        valkey=settings.redis_url is None,
        milvus=settings.milvus_uri is None,
        models=not (settings.embedding_model and settings.chat_model),
    )


def uses_remote_models(settings: Settings) -> bool:
    """Whether text may leave this machine for a model; a key alone does not allow it."""
    return bool(settings.embedding_model or settings.chat_model)


def child_environments(
    settings: Settings, home: Home, addresses: Addresses, inherited: Mapping[str, str]
) -> ChildEnvironments:
    """Composes the environments from the settings, what runs here and what was inherited."""
    everything = {**_for_python(inherited), **settings_environment(settings)}
    everything["LOREBASE_HOME"] = str(home.path)
    everything.setdefault("LOREBASE_BLOB_URL", home.folder("blobs").as_uri())
    if not uses_remote_models(settings):
        everything = {key: value for key, value in everything.items() if not key.startswith("OPENAI_")}
    migrate = {**everything, **_of_addresses(addresses)}
    service = {key: value for key, value in migrate.items() if key != _OWNER_URL}
    hidden = (*_STORES, "LOREBASE_LOCAL_MODELS_URL", *_REMOTE_MODELS)
    plain = {
        key: value for key, value in everything.items() if key not in hidden and not key.startswith("OPENAI_")
    }
    return ChildEnvironments(_for_binaries(inherited, home), plain, service, migrate)


def settings_environment(settings: Settings) -> dict[str, str]:
    """The environment from which a child reads the same settings; only what was set, not the defaults."""
    environment: dict[str, str] = {}
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        if value is not None:
            alias = type(settings).model_fields[name].validation_alias
            environment[str(alias or f"LOREBASE_{name.upper()}")] = _as_text(value)
    return environment


def with_absolute_python_path(inherited: Mapping[str, str]) -> dict[str, str]:
    """A copy whose PYTHONPATH holds in every folder: children do not run in ours."""
    environment = dict(inherited)
    if paths := inherited.get("PYTHONPATH"):
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths.split(os.pathsep)))
    return environment


def _as_text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Enum():
            return str(value.value)
        case Path():
            return os.path.abspath(value)
        case list() | dict():
            return json.dumps(value)
        case _:
            return str(value)


def _of_addresses(addresses: Addresses) -> dict[str, str]:
    named = {
        "LOREBASE_DATABASE_URL": addresses.database_url,
        _OWNER_URL: addresses.database_owner_url,
        "LOREBASE_REDIS_URL": addresses.redis_url,
        "LOREBASE_MILVUS_URI": addresses.milvus_uri,
        "LOREBASE_LOCAL_MODELS_URL": addresses.local_models_url,
        "LOREBASE_SECRET_KEY": addresses.secret_key,
    }
    return {name: value for name, value in named.items() if value is not None}


def _for_python(inherited: Mapping[str, str]) -> dict[str, str]:
    environment = with_absolute_python_path(inherited)
    environment["PYTHONUTF8"] = "1"
    environment["PYTHONUNBUFFERED"] = "1"
    # pymilvus would read a .env found above its own folder.
    environment["PYTHON_DOTENV_DISABLED"] = "1"
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, (inherited.get(name), LOOPBACK, "localhost")))
    return environment


def _for_binaries(inherited: Mapping[str, str], home: Home) -> dict[str, str]:
    kept = {name: inherited[name] for name in ("PATH", "TZ") if name in inherited}
    return {**kept, "LC_ALL": "C", "HOME": str(home.path)}
