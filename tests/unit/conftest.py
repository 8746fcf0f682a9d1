"""Options of the unit tests."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--contract", metavar="PATH", help="the full GraphQL contract to compare the schema with"
    )
