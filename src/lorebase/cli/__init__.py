"""The `lorebase` command."""

from lorebase.cli.app import main

__all__ = ["main"]
