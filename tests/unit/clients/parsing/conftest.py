"""Limits for tests of the parsers."""

from __future__ import annotations

import pytest

from lorebase.clients.parsing.extraction import Limits


@pytest.fixture
def limits() -> Limits:
    return Limits(
        cpu_seconds=20, wall_seconds=30.0, memory_bytes=1 << 30, max_characters=1_000_000, max_pages=50
    )
