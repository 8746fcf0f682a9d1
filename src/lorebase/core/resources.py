"""Finds files shipped with the package, installed or in a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def resource_directory(name: str) -> Path:
    """The folder `schema` or `migrations`: packaged below `lorebase/_resources`, or the checkout's own."""
    packaged = Path(str(files("lorebase"))) / "_resources" / name
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[3] / name


def read_operation(name: str) -> str:
    """The GraphQL operation of a user story, such as `search` or `ask-question`."""
    return (resource_directory("schema") / "operations" / f"{name}.graphql").read_text(encoding="utf-8")
