"""Identifiers carry the time they were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from lorebase.core.ids import made_at, new_id


def test_an_id_tells_when_it_was_made_to_the_millisecond() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    made = made_at(new_id())
    assert before <= made <= datetime.now(UTC)


def test_an_id_of_another_kind_tells_no_time() -> None:
    with pytest.raises(ValueError, match="UUIDv7"):
        made_at(uuid4())
