"""Reads GraphQL requests from query strings, JSON bodies and multipart forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request

from lorebase.api.transports.problems import Problem

VARIABLES_DEPTH = 64


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What a client asks to run."""

    query: str
    operation_name: str | None = None
    variables: dict[str, object] = field(default_factory=dict)


def read_json(body: bytes | str, what: str) -> object:
    """Reads JSON strictly: no NaN, no lone surrogates, no endless nesting. Problem 400 otherwise."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"{what} is not valid JSON.") from error


def request_from(payload: object) -> GraphQLRequest:
    """The request of a decoded JSON object. Problem 400 when it is none."""
    if not isinstance(payload, dict):
        raise Problem(400, "A GraphQL request is a JSON object; batches are not supported.")
    query, name = payload.get("query"), payload.get("operationName")
    variables, extensions = payload.get("variables"), payload.get("extensions")
    if not isinstance(query, str) or not query:
        raise Problem(400, "`query` must be a text.")
    if not isinstance(name, str | None):
        raise Problem(400, "`operationName` must be a text.")
    if not isinstance(variables, dict | None) or not isinstance(extensions, dict | None):
        raise Problem(400, "`variables` and `extensions` must be objects.")
    check_depth(variables)
    return GraphQLRequest(query, name or None, variables or {})


def request_from_url(request: Request) -> GraphQLRequest:
    """The request of a GET."""
    parameters = request.query_params
    payload: dict[str, object] = {"query": parameters.get("query")}
    payload["operationName"] = parameters.get("operationName")
    for name in ("variables", "extensions"):
        if name in parameters:
            payload[name] = read_json(parameters[name], f"`{name}`")
    return request_from(payload)


def check_depth(variables: Mapping[str, object] | None) -> None:
    """Problem 400 for variables nested deeper than any input of the schema."""
    level: list[object] = [variables]
    for _ in range(VARIABLES_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise Problem(400, "`variables` is nested too deep.")


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return [inner for inner in value.values() if isinstance(inner, dict | list)]
    if isinstance(value, list):
        return [inner for inner in value if isinstance(inner, dict | list)]
    return []
