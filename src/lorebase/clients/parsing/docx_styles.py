"""What Word's styles say of a paragraph."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(r"heading ([1-9])")
_PLAIN_DEPTH = 20


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """A heading's level from 1, a list item's from 0, or neither."""

    heading_level: int | None = None
    list_level: int | None = None
    title: bool = False
    contents_entry: bool = False


class Styles:
    """The styles of a document, resolved along the styles that they are based on."""

    def __init__(self, root: etree._Element | None) -> None:
        self._elements: dict[str, etree._Element] = {}
        self._resolved: dict[str, ParagraphStyle] = {}
        for style in root.iter(WORD + "style") if root is not None else ():
            self._elements[str(style.get(WORD + "styleId") or "")] = style

    def of(self, paragraph: etree._Element) -> ParagraphStyle:
        """The style of a paragraph, its own marks before those of its named style."""
        properties = paragraph.find(WORD + "pPr")
        if properties is None:
            return ParagraphStyle()
        named = self._named(_value(properties, "pStyle"))
        level = _outline_level(properties) or named.heading_level
        item = named.list_level if properties.find(WORD + "numPr") is None else _list_level(properties)
        return ParagraphStyle(level, None if level else item, named.title, named.contents_entry)

    def _named(self, identifier: str | None) -> ParagraphStyle:
        if identifier is None:
            return ParagraphStyle()
        if identifier not in self._resolved:
            self._resolved[identifier] = self._resolve(identifier)
        return self._resolved[identifier]

    def _resolve(self, identifier: str) -> ParagraphStyle:
        level = item = None
        name = ""
        current: str | None = identifier
        # Bounded, since a damaged file may base styles on each other in a circle.
        for _ in range(_PLAIN_DEPTH):
            style = self._elements.get(current or "")
            if style is None:
                break
            own = (_value(style, "name") or "").lower()
            name = name or own
            match = _HEADING.fullmatch(own)
            properties = style.find(WORD + "pPr")
            level = level or (int(match.group(1)) if match else None)
            if properties is not None:
                level = level or _outline_level(properties)
                item = item if item is not None else _list_level(properties)
            current = _value(style, "basedOn")
        if item is None and name.startswith("list") and name != "list":
            item = 0
        return ParagraphStyle(level, None if level else item, name == "title", name.startswith("toc "))


def _value(element: etree._Element, name: str) -> str | None:
    child = element.find(WORD + name)
    return None if child is None else str(child.get(WORD + "val") or "") or None


def _outline_level(properties: etree._Element) -> int | None:
    value = _value(properties, "outlineLvl")
    # 9 stands for body text.
    return int(value) + 1 if value and value.isdigit() and int(value) < 9 else None


def _list_level(properties: etree._Element) -> int | None:
    numbering = properties.find(WORD + "numPr")
    if numbering is None or _value(numbering, "numId") == "0":
        return None
    level = _value(numbering, "ilvl")
    return int(level) if level and level.isdigit() else 0
