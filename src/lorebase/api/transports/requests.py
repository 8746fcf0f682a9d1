"""Reads GraphQL requests from query strings, JSON bodies and multipart forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request

from lorebase.api.transports.problems import Problem

VARIABLES_DEPTH = 64
DOCUMENT_ID_MAXIMUM = 200


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What a client asks to run: a text, the id of a persisted document, or both."""

    query: str
    operation_name: str | None = None
    variables: dict[str, object] = field(default_factory=dict)
    document_id: str | None = None


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
    if not isinstance(name, str | None):
        raise Problem(400, "`operationName` must be a text.")
    if not isinstance(variables, dict | None) or not isinstance(extensions, dict | None):
        raise Problem(400, "`variables` and `extensions` must be objects.")
    document_id = _document_id(payload.get("documentId"), extensions or {})
    if not isinstance(query, str | None) or not (query or document_id):
        raise Problem(400, "`query` must be a text.")
    check_depth(variables)
    return GraphQLRequest(query or "", name or None, variables or {}, document_id)


def request_from_url(request: Request) -> GraphQLRequest:
    """The request of a GET."""
    parameters = request.query_params
    payload: dict[str, object] = {"query": parameters.get("query")}
    payload["operationName"] = parameters.get("operationName")
    payload["documentId"] = parameters.get("documentId")
    for name in ("variables", "extensions"):
        if name in parameters:
            payload[name] = read_json(parameters[name], f"`{name}`")
    return request_from(payload)


def _document_id(given: object, extensions: Mapping[str, object]) -> str | None:
    persisted = extensions.get("persistedQuery")
    if given is None and persisted is not None:
        # https://github.com/apollographql/apollo-link-persisted-queries#protocol knows version 1 only.
        if not isinstance(persisted, dict) or persisted.get("version") != 1:
            raise Problem(400, "`persistedQuery` must be an object with `version` 1 and `sha256Hash`.")
        given = persisted.get("sha256Hash", "")
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= DOCUMENT_ID_MAXIMUM:
        raise Problem(400, "The id of a persisted document must be a short text.")
    return given.removeprefix("sha256:")


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
