"""What is still open when a process is told to stop."""

from __future__ import annotations

from lorebase.asgi import server_config
from lorebase.core.config import Settings


def test_open_streams_are_cut_early_enough_for_the_api_to_end_in_time() -> None:
    settings = Settings(drain_seconds=20.0)
    cut = server_config(settings).timeout_graceful_shutdown
    assert cut is not None
    assert 1 <= cut < settings.drain_seconds
