"""The worker tells whoever asks over HTTP that it lives and what it counts, when a port is set."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import httpx
import pytest

from lorebase.core.config import Settings
from lorebase.core.metrics import JOBS_ENDED
from lorebase.workers.exposition import exposed
from lorebase.workers.heartbeat import STALE_SECONDS


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings(port: int, tmp_path: Path) -> Settings:
    beat = tmp_path / "worker.heartbeat"
    beat.touch()
    return Settings(worker_metrics_port=port, worker_heartbeat_file=beat)


def ask(settings: Settings, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{settings.worker_metrics_port}{path}", trust_env=False)


def test_its_metrics_are_those_of_the_process(settings: Settings) -> None:
    JOBS_ENDED.labels("INGEST", "SUCCEEDED").inc()
    with exposed(settings):
        answer = ask(settings, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'lorebase_jobs_ended_total{kind="INGEST",outcome="SUCCEEDED"}' in answer.text
    assert "process_cpu_seconds_total" in answer.text


def test_it_is_alive_while_its_event_loop_turns(settings: Settings) -> None:
    with exposed(settings):
        alive = ask(settings, "/livez")
        assert settings.worker_heartbeat_file is not None
        os.utime(settings.worker_heartbeat_file, (0, 0))
        stuck = ask(settings, "/livez")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (stuck.status_code, stuck.json()) == (503, {"status": "stuck"})
    assert STALE_SECONDS > 0


def test_nothing_else_is_served(settings: Settings) -> None:
    with exposed(settings):
        assert ask(settings, "/").status_code == 404


def test_nothing_listens_afterwards_or_without_a_port(settings: Settings) -> None:
    with exposed(settings):
        assert ask(settings, "/livez").status_code == 200
    with (
        exposed(settings.model_copy(update={"worker_metrics_port": None})),
        pytest.raises(httpx.ConnectError),
    ):
        ask(settings, "/livez")
