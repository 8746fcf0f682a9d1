"""Rendering template files: blocks, escaping, and what a template may not do."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, UndefinedError

from lorebase.clients.prompt_templates import FilePromptTemplates

TEMPLATE = "rewrite_question.v1"


def rendered(question: str) -> str:
    given = {"token": "k", "history": [], "question": question}
    return FilePromptTemplates().render(TEMPLATE, given).user


def test_a_prompt_has_the_text_of_both_blocks_and_names_its_template() -> None:
    prompt = FilePromptTemplates().render(TEMPLATE, {"token": "k1", "history": [], "question": "Why?"})
    assert prompt.template == TEMPLATE
    assert prompt.system.startswith("You turn the last question")
    assert prompt.user == '<question token="k1">Why?</question>'


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        FilePromptTemplates().render(TEMPLATE, {"token": "k", "question": "Why?"})


@pytest.mark.parametrize("name", ["unknown.v1", "../core/config", "rewrite_question.v99"])
def test_there_are_no_templates_but_the_files(name: str) -> None:
    with pytest.raises(TemplateNotFound):
        FilePromptTemplates().render(name, {})


def test_values_are_not_templates() -> None:
    assert rendered("{{ token }}{% raw %}") == '<question token="k">{{ token }}{% raw %}</question>'


@given(st.text())
def test_no_value_leaves_its_tag(value: str) -> None:
    user = rendered(value)
    assert user.count("<") == user.count(">") == 2
    inner = user.removeprefix('<question token="k">').removesuffix("</question>")
    assert html.unescape(inner) == value
