"""JSON logs with one trace id from request to worker; never document text, questions or keys."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

trace_id_variable: ContextVar[str] = ContextVar("trace_id", default="")


def new_trace_id() -> str:
    """32 hexadecimal characters, as in W3C Trace Context."""
    return secrets.token_hex(16)


def current_trace_id() -> str:
    """The trace id of the running request or job; empty outside both."""
    return trace_id_variable.get()


def begin_trace() -> None:
    """Gives everything logged from now on in this task a trace id of its own."""
    trace_id_variable.set(new_trace_id())


@contextmanager
def trace(trace_id: str | None = None) -> Iterator[str]:
    """Gives everything logged inside one trace id."""
    value = trace_id or new_trace_id()
    token = trace_id_variable.set(value)
    try:
        yield value
    finally:
        trace_id_variable.reset(token)


class _TraceFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.trace_id = trace_id_variable.get()
        return True


def configure_logging(level: str, log_format: str) -> None:
    """Sets the process up to log lines to stderr, as JSON or as text for people."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_TraceFilter())
    if log_format == "json":
        fields = "%(asctime)s %(levelname)s %(name)s %(message)s %(trace_id)s"
        renamed = {"asctime": "timestamp", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter(fields, rename_fields=renamed))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # These log filter text, URLs or statements with values: content that must never reach a log.
    for name in ("pymilvus", "httpx", "httpx2", "openai", "sqlalchemy.engine", "arq.worker"):
        logging.getLogger(name).setLevel(logging.CRITICAL if name == "pymilvus" else logging.WARNING)
