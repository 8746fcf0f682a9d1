"""Rendering prompt templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import JsonValue

from lorebase.schemas.chat import ChatPrompt


class PromptTemplates(Protocol):
    """Versioned template files."""

    def render(self, template: str, variables: Mapping[str, JsonValue]) -> ChatPrompt:
        """Renders a template by name and version, such as `answer_with_citations.v1`."""
        ...
