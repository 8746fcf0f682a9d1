"""What a command can fail with, said in one line, and the exit code it ends with."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

from lorebase.core.errors import ErrorCode, LorebaseError


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    DRIFT = 4
    INTERRUPTED = 130


class CommandFailed(LorebaseError):
    """The command cannot do what was asked; the message says why and what to do."""

    code = ErrorCode.BAD_USER_INPUT
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class UsageFailed(CommandFailed):
    """An argument, an option or a setting cannot be used."""

    exit_code = ExitCode.USAGE


class NotRunning(CommandFailed):
    """There is no Lorebase to talk to."""

    code = ErrorCode.OVERLOADED
    exit_code = ExitCode.NOT_RUNNING


class ApiUnreachable(NotRunning):
    """Nobody answers at the URL."""


class FileChanged(CommandFailed):
    """A file became shorter while it was being sent."""


class ApiRefused(CommandFailed):
    """The API answered with an error.

    `api_code` is its code; `retryable` says whether the same request may succeed later, and
    `retry_after_seconds` when, if the API said so.
    """

    def __init__(
        self,
        message: str,
        api_code: str,
        *,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, retryable=retryable)
        self.api_code = api_code
        self.retry_after_seconds = retry_after_seconds

    @property
    def reason(self) -> str:
        """Code and message, for a list of what failed."""
        return f"{self.api_code}: {self.message}"
