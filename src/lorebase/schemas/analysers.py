"""Versions of the keyword analyser, as they are named and registered."""

from __future__ import annotations

from datetime import datetime

from lorebase.schemas.base import Value

# What knowledge bases use unless an operator chose another.
FIRST_ANALYSER = 1


def analyser_name(version: int) -> str:
    """The name of a version, as clients and collections have it."""
    return f"kw{version}"


class RegisteredAnalyser(Value):
    """A version that indexes may name, after `deprecated_at` no new one; new knowledge bases the default."""

    version: int
    is_default: bool
    deprecated_at: datetime | None
    created_at: datetime

    @property
    def name(self) -> str:
        """Its name."""
        return analyser_name(self.version)


class ListedAnalyser(Value):
    """A version that this release knows, with what it does; not registered: operators may add it."""

    version: int
    description: str
    registered: RegisteredAnalyser | None

    @property
    def name(self) -> str:
        """Its name."""
        return analyser_name(self.version)
