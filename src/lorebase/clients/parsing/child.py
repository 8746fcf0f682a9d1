"""A parsing process: reads a request, answers with text or a refusal, and so on until told to stop."""

from __future__ import annotations

import os
import socket

import orjson

from lorebase.clients.parsing import sandbox
from lorebase.clients.parsing.extract import extract
from lorebase.clients.parsing.extraction import Limits
from lorebase.clients.parsing.messages import ParseRequest, receive, send
from lorebase.core.errors import DocumentRefused, ErrorCode


def serve(connection: socket.socket, limits: Limits, documents: int) -> None:
    """Answers up to `documents` requests, or as many as come before the other side closes."""
    sandbox.restrict(limits)
    for _ in range(documents):
        request = receive(connection)
        if request is None:
            return
        sandbox.start_clock(limits)
        send(connection, _answer(ParseRequest(**orjson.loads(request)), limits))
        sandbox.stop_clock()


def _answer(request: ParseRequest, limits: Limits) -> bytes:
    try:
        return orjson.dumps({"extraction": extract(request.path, request.media_type, limits)})
    except DocumentRefused as refusal:
        return _refused(refusal)
    except FileNotFoundError:
        return orjson.dumps({"missing": True})
    except MemoryError:
        message = "The file takes more memory to read than is allowed."
        return _refused(DocumentRefused(message, code=ErrorCode.DECOMPRESSION_LIMIT))
    except Exception as error:  # noqa: BLE001 - the process exists to contain any failure of a parser
        # Only where it happened is told: an exception's own words may quote the document.
        return orjson.dumps({"crashed": f"{type(error).__name__} in {_place(error)}"})


def _refused(refusal: DocumentRefused) -> bytes:
    return orjson.dumps({"refused": {"code": refusal.code, "message": refusal.message}})


def _place(error: BaseException) -> str:
    step = error.__traceback__
    if step is None:
        return "an unknown place"
    while step.tb_next is not None:
        step = step.tb_next
    return f"{os.path.basename(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}"
