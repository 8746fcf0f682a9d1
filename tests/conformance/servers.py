"""The servers that the suites are run against: the small schema and the whole stack."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from lorebase.embedded.ports import free_port
from tests.conformance.suites import FIXTURE, HERE, REAL, ROOT, Target
from tests.integration.embedded_parts import clean_environment, wait_until
from tests.stack import RunningStack, temporary_stack
from tests.unit.api.fake_services import SECRET

MAKE_KNOWLEDGE_BASE = """
mutation Make($input: CreateKnowledgeBaseInput!) {
  createKnowledgeBase(input: $input) { userErrors { code message } }
}
"""
START_SECONDS = 180.0
# Pages of three, twice, and something beyond them.
KNOWLEDGE_BASES = 8


@contextmanager
def fixture_target() -> Iterator[Target]:
    """The small schema on the API's own transports, in a process of its own."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.serve", "--port", str(port)],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(server, f"{base}/livez"), "the start of the small schema", START_SECONDS)
        yield Target(FIXTURE, f"{base}/graphql", SECRET, HERE / "operations.fixture.json")
    finally:
        server.terminate()
        server.wait()


@contextmanager
def real_target() -> Iterator[Target]:
    """The whole stack with a few empty knowledge bases."""
    with temporary_stack() as stack:
        _make_knowledge_bases(stack)
        known = stack.credentials
        values = {"workspaceId": known.workspace_id, "knowledgeBaseId": known.knowledge_base_id}
        yield Target(REAL, known.url, known.api_key, HERE / "operations.real.json", values)


def _answers(server: subprocess.Popen[bytes], url: str) -> bool:
    assert server.poll() is None, "the server of the small schema ended"
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _make_knowledge_bases(stack: RunningStack) -> None:
    known = stack.credentials
    headers = {"Authorization": f"Bearer {known.api_key}"}
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as client:
        for number in range(KNOWLEDGE_BASES):
            variables = {"input": {"workspaceId": known.workspace_id, "name": f"Shelf {number}"}}
            response = client.post(known.url, json={"query": MAKE_KNOWLEDGE_BASE, "variables": variables})
            assert response.json()["data"]["createKnowledgeBase"]["userErrors"] == []
