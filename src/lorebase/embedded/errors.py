"""What can go wrong while the parts start, said in words that help."""

from __future__ import annotations

from lorebase.core.errors import LorebaseError


class StackError(LorebaseError):
    """The embedded stack cannot do what was asked; the message says why and what to do."""


class AlreadyRunning(StackError):
    """Another supervisor holds the lock of this home."""


class PortTaken(StackError):
    """Something else listens where the API should."""


class StartFailed(StackError):
    """A part could not start; the message carries the end of its log."""
