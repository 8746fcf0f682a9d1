"""The worker's /metrics and /livez, for those who watch it from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from lorebase.core.config import Settings
from lorebase.workers.heartbeat import heartbeat_file, is_alive

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: whoever watches asks every few seconds."""


@contextmanager
def exposed(settings: Settings) -> Iterator[None]:
    """Answers on the port of the settings, in a thread of its own; nothing listens when none is set."""
    if settings.worker_metrics_port is None:
        yield
        return

    def answer(environment: Mapping[str, object], start: StartResponse) -> Iterable[bytes]:
        status, kind, body = _response(str(environment.get("PATH_INFO", "")), settings)
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    place = (settings.worker_metrics_host, settings.worker_metrics_port)
    with make_server(*place, answer, server_class=_Server, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _response(path: str, settings: Settings) -> tuple[str, str, bytes]:
    if path == "/metrics":
        return "200 OK", CONTENT_TYPE_LATEST, generate_latest()
    if path != "/livez":
        return "404 Not Found", "application/json", b'{"status":"not found"}'
    # As the health command: the event loop touches the file, so a loop that hangs is not alive.
    if is_alive(heartbeat_file(settings)):
        return "200 OK", "application/json", b'{"status":"alive"}'
    return "503 Service Unavailable", "application/json", b'{"status":"stuck"}'
