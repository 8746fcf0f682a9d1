"""CPU time of one HTTP request, by what the server's process spends on many."""

from __future__ import annotations

import http.client
import json

from tests.bench.edge.processes import Server
from tests.bench.edge.schema import HELLO, ITEMS, LIST
from tests.unit.api.fake_services import SECRET

WARM_UP = 200
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Authorization": f"Bearer {SECRET}",
}


def measure_query(server: Server, query: str, number: int) -> float:
    """Microseconds of the API for a query that it has seen before."""
    return _measure(server, "/graphql", {"query": query}, number)


def measure_bare(server: Server, path: str, number: int) -> float:
    """Microseconds of the bare endpoint."""
    return _measure(server, path, {"first": ITEMS}, number)


def _measure(server: Server, path: str, content: object, number: int) -> float:
    body = json.dumps(content)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for _ in range(WARM_UP):
        _request(connection, path, body)
    before = server.cpu_seconds()
    for _ in range(number):
        _request(connection, path, body)
    spent = server.cpu_seconds() - before
    connection.close()
    return spent / number * 1e6


def _request(connection: http.client.HTTPConnection, path: str, body: str) -> None:
    connection.request("POST", path, body, HEADERS)
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content
    assert b'"errors"' not in content, content


CASES = {"hello": (HELLO, "/hello", 4.0), "list of 100": (LIST, "/list", 3.0)}
