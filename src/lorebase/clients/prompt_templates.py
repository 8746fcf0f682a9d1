"""Prompt templates from files, rendered in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from jinja2 import StrictUndefined, Template
from jinja2.loaders import FileSystemLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

from lorebase.schemas.chat import ChatPrompt


class FilePromptTemplates:
    """Implements the PromptTemplates port over `lorebase/prompts/NAME.vN.jinja`.

    A file has the blocks `system` and `user`. Values are escaped as in XML, so that a document cannot close
    the tag it stands in; an unknown variable is an error.
    """

    def __init__(self) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(str(files("lorebase") / "prompts")),
            undefined=StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, template: str, variables: Mapping[str, JsonValue]) -> ChatPrompt:
        """Renders a template by name and version, such as `answer_with_citations.v1`."""
        loaded = self._environment.get_template(f"{template}.jinja")
        system, user = (_block(loaded, name, variables) for name in ("system", "user"))
        return ChatPrompt(template=template, system=system, user=user)


def _block(template: Template, name: str, variables: Mapping[str, JsonValue]) -> str:
    return "".join(template.blocks[name](template.new_context(dict(variables)))).strip()
