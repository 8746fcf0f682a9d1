"""Finds the question and the passages in a rendered prompt."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TAG = re.compile(r'<(?P<end>/?)(?P<name>question|passage)(?P<attributes>(?:\s+[\w-]+="[^"]*")*)\s*>')
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_INDEX = re.compile(r"[0-9]{1,6}")
_HEADINGS = ("title", "section")


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage as the prompt numbers it, unescaped; `heading` is where it stands: title and section."""

    index: int
    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class AnswerPrompt:
    """What is asked, and what the answer may be taken from, best passage first."""

    question: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class _Element:
    name: str
    attributes: dict[str, str]
    text: str


def read_prompt(text: str) -> AnswerPrompt | None:
    """The question and its passages, or None where `text` holds no marked question.

    Only passages that carry the question's own random token count: text that imitates the marks is ignored.
    """
    elements = list(_elements(text))
    question = next((element for element in elements if element.name == "question"), None)
    if question is None:
        return None
    token = question.attributes.get("token")
    passages = (_read_passage(element) for element in elements if element.attributes.get("token") == token)
    return AnswerPrompt(question.text.strip(), tuple(passage for passage in passages if passage))


def _elements(text: str) -> Iterator[_Element]:
    """Each opening mark that is followed by its own closing mark, with what stands between."""
    opened: re.Match[str] | None = None
    for tag in _TAG.finditer(text):
        if opened and tag["end"] and tag["name"] == opened["name"]:
            attributes = {
                key: html.unescape(value) for key, value in _ATTRIBUTE.findall(opened["attributes"])
            }
            yield _Element(opened["name"], attributes, html.unescape(text[opened.end() : tag.start()]))
        opened = None if tag["end"] else tag


def _read_passage(element: _Element) -> Passage | None:
    index = element.attributes.get("index", "")
    if element.name != "passage" or not _INDEX.fullmatch(index):
        return None
    heading = " ".join(element.attributes[name] for name in _HEADINGS if name in element.attributes)
    return Passage(int(index), element.text, heading)
