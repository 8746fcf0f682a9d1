"""What a command can fail with, said in one line."""

from __future__ import annotations

from lorebase.core.errors import ErrorCode, LorebaseError


class CommandFailed(LorebaseError):
    """The command cannot do what was asked; the message says why and what to do."""

    code = ErrorCode.BAD_USER_INPUT


class ApiUnreachable(CommandFailed):
    """Nobody answers at the URL."""

    code = ErrorCode.OVERLOADED


class ApiRefused(CommandFailed):
    """The API answered with an error; `api_code` is its code."""

    def __init__(self, message: str, api_code: str) -> None:
        super().__init__(message)
        self.api_code = api_code
