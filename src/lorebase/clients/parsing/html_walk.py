"""Walks an HTML tree without recursion and writes its readable blocks."""

from __future__ import annotations

from lxml import etree

from lorebase.clients.parsing.block_writer import BlockWriter

_NOT_READ = (
    "script style noscript template iframe frame frameset object embed applet canvas nav button select input "
    "textarea datalist audio video map dialog svg math head link meta base param source track"
)
_STAND_APART = (
    "p div section article main header footer aside blockquote figure figcaption address details summary "
    "form fieldset table thead tbody tfoot caption ul ol dl dt dd hr body html pre h1 h2 h3 h4 h5 h6"
)
_NEVER_IN_ROWS = "table h1 h2 h3 h4 h5 h6 pre ul ol dl blockquote section article form"
_LINKS_TO_SELF = "headerlink viewcode-link anchor-link hash-link heading-anchor permalink"
_DROPPED = frozenset(_NOT_READ.split())
_PARAGRAPHS = frozenset(_STAND_APART.split())
_MAKES_LAYOUT = frozenset(_NEVER_IN_ROWS.split())
_PERMALINK_CLASSES = frozenset(_LINKS_TO_SELF.split())
_LINES = frozenset(("br", "li", "tr", "text", "title", "desc"))
_TIGHT = frozenset(("p", "div", "dt", "dd", "ul", "ol"))
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PERMALINK_MARKS = frozenset(("¶", "#", "§"))


def write_blocks(writer: BlockWriter, root: etree._Element) -> None:
    """Writes the readable text below `root`, which may be as deep as the parser allows."""
    _Walk(writer, root).run()


class _Walk:
    def __init__(self, writer: BlockWriter, root: etree._Element) -> None:
        self._writer = writer
        self._root = root
        self._layout_tables = _layout_tables(root)
        self._lists: list[tuple[str, int]] = []
        self._signatures = 0
        self._cells = 0
        self._verbatim: list[str] | None = None

    def run(self) -> None:
        walk = etree.iterwalk(self._root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                if _is_dropped(element) and element is not self._root:
                    walk.skip_subtree()
                else:
                    self._open(element)
                    self._text(element.text)
            else:
                if not _is_dropped(element) or element is self._root:
                    self._close(element)
                if element is not self._root:
                    self._text(element.tail)

    def _text(self, text: str | None) -> None:
        if text and self._verbatim is not None:
            self._verbatim.append(text)
        elif text:
            self._writer.words(text.replace("\u00ad", "").replace("\u200b", ""))

    def _open(self, element: etree._Element) -> None:
        tag = str(element.tag)
        self._separate(tag)
        if tag in _HEADINGS:
            self._writer.open_heading(_HEADINGS[tag])
        elif tag == "pre":
            self._verbatim = []
        elif tag in ("ul", "ol"):
            self._lists.append((tag, 0))
        elif tag == "li":
            self._bullet()
        elif tag in ("td", "th") and not self._in_layout(element):
            self._cells += 1
            self._writer.cell()
        elif tag == "dt" and "sig" in (element.get("class") or "").split():
            self._writer.open_heading(min(5 + self._signatures, 6))
        elif tag == "dd":
            self._signatures += 1
        elif tag == "img":
            self._text(element.get("alt"))

    def _close(self, element: etree._Element) -> None:
        tag = str(element.tag)
        if tag == "pre" and self._verbatim is not None:
            code, self._verbatim = "".join(self._verbatim), None
            self._writer.verbatim(code)
        elif tag in _HEADINGS:
            self._writer.close_heading()
        elif tag == "dt":
            self._writer.close_heading(_signature_name(element))
        elif tag == "dd":
            self._signatures -= 1
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag in ("td", "th") and not self._in_layout(element):
            self._cells -= 1
        self._separate(tag, closing=True)

    def _separate(self, tag: str, *, closing: bool = False) -> None:
        if self._verbatim is not None:
            if tag == "br" and not closing:
                self._verbatim.append("\n")
        elif self._cells and tag not in ("tr", "table"):
            # A cell stays on its row's line whatever it holds.
            self._writer.words(" " if tag in _PARAGRAPHS or tag == "br" else "")
        elif tag in _LINES:
            self._writer.separate(1)
        elif tag in _PARAGRAPHS:
            self._writer.separate(1 if self._lists and tag in _TIGHT else 2)

    def _bullet(self) -> None:
        if not self._lists:
            self._writer.prefix("- ")
            return
        kind, count = self._lists[-1]
        self._lists[-1] = (kind, count + 1)
        indent = "  " * min(len(self._lists) - 1, 8)
        self._writer.prefix(indent + (f"{count + 1}. " if kind == "ol" else "- "))

    def _in_layout(self, cell: etree._Element) -> bool:
        row = cell.getparent()
        body = row.getparent() if row is not None else None
        table = body if body is None or body.tag == "table" else body.getparent()
        return table is None or table in self._layout_tables


def _layout_tables(root: etree._Element) -> set[etree._Element]:
    """Tables that lay out a page instead of holding rows: those with blocks in their cells."""
    found: set[etree._Element] = set()
    open_tables: list[etree._Element] = []
    for event, element in etree.iterwalk(root, events=("start", "end"), tag=tuple(_MAKES_LAYOUT)):
        if event == "start" and open_tables:
            found.add(open_tables[-1])
        if element.tag == "table":
            open_tables.append(element) if event == "start" else open_tables.pop()
    return found


def _is_dropped(element: etree._Element) -> bool:
    tag = element.tag
    if tag in _DROPPED or not isinstance(tag, str):
        return True
    attributes = element.attrib
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    if attributes.get("role") in ("navigation", "search"):
        return True
    style = attributes.get("style")
    if style and _hides(str(style)):
        return True
    return tag == "a" and _is_permalink(element)


def _hides(style: str) -> bool:
    compact = style[:2000].replace(" ", "").lower()
    return "display:none" in compact or "visibility:hidden" in compact


def _is_permalink(link: etree._Element) -> bool:
    classes = (link.get("class") or "").split()
    return (link.text or "").strip() in _PERMALINK_MARKS or not _PERMALINK_CLASSES.isdisjoint(classes)


def _signature_name(term: etree._Element) -> str | None:
    """The dotted name in a Sphinx signature, without its parameters."""
    named = [
        "".join(span.itertext())
        for span in term.iter("span", "code")
        if not {"descname", "descclassname"}.isdisjoint((span.get("class") or "").split())
    ]
    return "".join(named) or None
