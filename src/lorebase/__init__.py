"""Lorebase: a GraphQL knowledge platform."""

__version__ = "0.1.0"
