"""What a caller may still spend."""

from __future__ import annotations

from datetime import datetime

from lorebase.schemas.base import Value


class Taken(Value):
    """Whether a bucket held enough, and what it holds now."""

    granted: bool
    left: float


class Budget(Value):
    """Points of one key: what this request cost, what is left, and when the bucket is full again."""

    cost: int
    limit: int
    remaining: int
    resets_at: datetime
