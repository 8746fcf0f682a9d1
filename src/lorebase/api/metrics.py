"""Counters of the edge, in the text format of Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import Response

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass
class Outcome:
    """How an operation went."""

    failed: bool = False


class Metrics:
    """What one application counts; no label ever holds what a client sent."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lorebase_http_requests", "HTTP requests.", ("method", "status"), registry=self._registry
        )
        self._operations = Histogram(
            "lorebase_graphql_operation_seconds",
            "Time of queries and mutations.",
            ("kind", "outcome"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._streams = Gauge(
            "lorebase_graphql_open_streams", "Open subscriptions.", ("transport",), registry=self._registry
        )

    def request(self, method: str, status: int) -> None:
        """Counts an answered request."""
        known = method if method in {"GET", "POST", "HEAD", "OPTIONS"} else "other"
        self._requests.labels(known, str(status)).inc()

    @contextmanager
    def operation(self, kind: str) -> Iterator[Outcome]:
        """Times one operation."""
        outcome, began = Outcome(failed=True), time.perf_counter()
        try:
            yield outcome
        finally:
            name = "errors" if outcome.failed else "ok"
            self._operations.labels(kind, name).observe(time.perf_counter() - began)

    @contextmanager
    def stream(self, transport: str) -> Iterator[None]:
        """Counts a subscription as open for as long as it is."""
        with self._streams.labels(transport).track_inprogress():
            yield

    def expose(self, request: Request) -> Response:
        """The endpoint `/metrics`: the edge's counters and those of the process."""
        text = generate_latest(self._registry) + generate_latest(REGISTRY)
        return Response(text, media_type=CONTENT_TYPE_LATEST)
