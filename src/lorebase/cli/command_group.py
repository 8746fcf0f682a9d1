"""Turns what a command raises into one clear line and the right exit code."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from lorebase.cli.errors import ApiRefused, CommandFailed, ExitCode
from lorebase.cli.output import clean
from lorebase.core.errors import LorebaseError


class CommandGroup(TyperGroup):
    """A group whose commands never end in a traceback for an expected failure."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; ends with the exit code of its failure."""
        try:
            return super().invoke(ctx)
        except LorebaseError as error:
            typer.echo(f"Error: {clean(_sentence(error))}", err=True)
            raise typer.Exit(_exit_code(error)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            # A home that belongs to someone else, a full disk: the system's own words say it best.
            place = f" ({error.filename})" if error.filename else ""
            typer.echo(f"Error: {clean(error.strerror or error)}{clean(place)}.", err=True)
            raise typer.Exit(ExitCode.FAILED) from error
        except KeyboardInterrupt as interrupt:
            typer.echo("\nStopped.", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from interrupt


def _sentence(error: LorebaseError) -> str:
    if isinstance(error, ApiRefused):
        return f"{error.message} ({error.api_code})"
    return error.message if isinstance(error, CommandFailed) else f"{error.message} ({error.code})"


def _exit_code(error: LorebaseError) -> ExitCode:
    return error.exit_code if isinstance(error, CommandFailed) else ExitCode.FAILED
