"""Errors in the shape that OpenAI's clients understand."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

CLIENT_CLOSED_REQUEST = 499


class ApiError(Exception):
    """A request that cannot be served; `param` names the field at fault. Never carries the input's text."""

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code


def unsupported(param: str, why: str) -> ApiError:
    """The refusal of a parameter that this model cannot honour."""
    return ApiError(f"'{param}' is not supported: {why}", param=param, code="unsupported_parameter")


def error_response(error: ApiError) -> JSONResponse:
    """The error as OpenAI's API writes it."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    body = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    return JSONResponse({"error": body}, status_code=error.status)


async def on_api_error(_: Request, error: Exception) -> Response:
    """Handles the errors that the endpoints raise."""
    if isinstance(error, ApiError):
        return error_response(error)
    raise error


async def on_http_error(_: Request, error: Exception) -> Response:
    """Handles unknown paths and methods."""
    if isinstance(error, HTTPException):
        return error_response(ApiError(error.detail, status=error.status_code))
    raise error


async def on_disconnect(_: Request, __: Exception) -> Response:
    """Nobody is left to read an answer."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def on_unknown_error(_: Request, __: Exception) -> Response:
    """Masks a bug: the client learns only that there was one. Starlette passes it on to the server's log."""
    return error_response(ApiError("The model server failed.", status=500, code="internal_error"))


EXCEPTION_HANDLERS = {
    ApiError: on_api_error,
    HTTPException: on_http_error,
    ClientDisconnect: on_disconnect,
    Exception: on_unknown_error,
}
