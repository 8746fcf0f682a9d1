"""The fixtures of the edge's own tests, on the real schema."""

from tests.unit.api.conftest import edge  # noqa: F401
