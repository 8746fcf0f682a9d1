"""Uploads by the GraphQL multipart request specification, guarded against forged forms of other sites.

https://github.com/jaydenseric/graphql-multipart-request-spec
"""

from __future__ import annotations

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from lorebase.api.transports.problems import Problem
from lorebase.api.transports.requests import GraphQLRequest, read_json, request_from

FILES_MAXIMUM = 10
FIELDS_MAXIMUM = 10
# A page of another site cannot send any of these without the browser asking us first.
PREFLIGHT_HEADERS = (
    "x-requested-with",
    "apollo-require-preflight",
    "graphql-require-preflight",
    "x-apollo-operation-name",
)


def check_preflight(headers: Headers) -> None:
    """Problem 403 unless a header is there that makes browsers ask first; Authorization is no such header."""
    if not any(headers.get(name) for name in PREFLIGHT_HEADERS):
        raise Problem(403, "Multipart requests need a header such as `GraphQL-Require-Preflight: 1`.")


async def read_form(request: Request, part_bytes: int) -> FormData:
    """Parses the form; files are spooled to disk when large. Problem 400 when it is no form."""
    try:
        return await request.form(
            max_files=FILES_MAXIMUM, max_fields=FIELDS_MAXIMUM, max_part_size=part_bytes
        )
    except (HTTPException, MultiPartException, ValueError, KeyError) as error:
        raise Problem(400, "The multipart request cannot be read.") from error


def request_from_form(form: FormData) -> GraphQLRequest:
    """The request of a form, with its files put where `map` says. Problem 400 when they do not fit."""
    operations = read_json(_text(form, "operations"), "`operations`")
    places = read_json(_text(form, "map"), "`map`")
    request = request_from(operations)
    if not isinstance(places, dict):
        raise Problem(400, "`map` must be an object of lists of paths.")
    for name, paths in places.items():
        file = form.get(name)
        if not isinstance(file, UploadFile) or not isinstance(paths, list):
            raise Problem(400, "`map` must name file parts and list their paths.")
        for path in paths:
            _put(request.variables, path, file)
    return request


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str):
        raise Problem(400, f"The multipart request lacks the field `{name}`.")
    return value


def _put(variables: dict[str, object], path: object, file: UploadFile) -> None:
    root, *keys = path.split(".") if isinstance(path, str) else [""]
    target: object = variables
    for key in keys[:-1]:
        target = _inside(target, key)
    if root != "variables" or not keys or _inside(target, keys[-1]) is not None:
        raise _unfit()
    if isinstance(target, dict):
        target[keys[-1]] = file
    elif isinstance(target, list):
        target[int(keys[-1])] = file


def _inside(container: object, key: str) -> object:
    if isinstance(container, dict) and key in container:
        return container[key]
    if isinstance(container, list) and key.isdecimal() and int(key) < len(container):
        return container[int(key)]
    raise _unfit()


def _unfit() -> Problem:
    return Problem(400, "A path in `map` must lead to a variable that is null.")
