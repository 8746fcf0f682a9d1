"""HTML: what a reader would read, block by block."""

from __future__ import annotations

import re

from lxml import etree

from lorebase.clients.parsing.block_writer import BlockWriter
from lorebase.clients.parsing.cleaning import one_line
from lorebase.clients.parsing.decoding import decode
from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.clients.parsing.html_walk import write_blocks
from lorebase.core.errors import DocumentRefused, ErrorCode

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w\-]{2,30})", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?=$|[-_])")
# Tags that carry meaning; the others are dropped from a document too deeply nested to be read as it is.
_MEANINGFUL = r"(?!/?(?:html|head|title|meta|body|main|script|style|template|h[1-6]|p|pre|li|tr|t[dh]|dt)\b)"
_SHALLOW = re.compile(rf"<{_MEANINGFUL}/?[a-zA-Z][^<>]{{0,1000}}>")
TOO_DEEP_FLATTENED = "NESTING_FLATTENED"


def parse_html(content: bytes, limits: Limits) -> Extraction:
    """Text of the main part of a page, with headings, lists and table rows; scripts, forms, menus, hidden
    parts and everything a browser would fetch or run are left out."""
    named = _CHARSET.search(content, 0, 4096)
    text, warnings = decode(content, named.group(1).decode("ascii", "replace") if named else None)
    root, too_deep = _tree(text)
    if too_deep:
        root, too_deep = _tree(_SHALLOW.sub("\n", text))
        warnings.append(TOO_DEEP_FLATTENED)
    if too_deep:
        raise DocumentRefused("The elements of this page are nested too deeply.", code=ErrorCode.CORRUPT)
    writer = BlockWriter(limits.max_characters)
    if root is not None:
        write_blocks(writer, _main_part(root))
    extraction = writer.finish()
    extraction.warnings = warnings
    if root is not None:
        extraction.title = _title(root, extraction)
        extraction.language = _declared_language(root)
    return extraction


def _tree(text: str) -> tuple[etree._Element | None, bool]:
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    encoded = text.replace("\x00", "").encode("utf-8", "replace")
    if not encoded.strip():
        return None, False
    try:
        root = etree.fromstring(encoded, parser)
    except etree.XMLSyntaxError as error:
        # Any text at all makes a tree; libxml2 says no more than this when it gets no more memory.
        raise MemoryError from error
    deep = any("depth" in entry.message for entry in parser.error_log.filter_from_fatals())
    return root, deep


def _main_part(root: etree._Element) -> etree._Element:
    articles = root.findall(".//article")
    marked = [element for element in root.iter() if element.get("role") == "main"]
    candidates = [*root.iter("main"), *marked, *articles[: len(articles) == 1]]
    if not candidates:
        body = root.find("body")
        # A picture on its own: its labels are its text, which inside a page would be ornament.
        alone = body is not None and len(body) == 1 and body[0].tag == "svg"
        return body[0] if body is not None and alone else root
    whole = _visible_length(root)
    for candidate in candidates[:3]:
        if _visible_length(candidate) * 10 >= whole:
            return candidate
    return root


def _visible_length(element: etree._Element) -> int:
    return sum(
        len(piece.strip()) for piece in element.itertext("p", "li", "td", "pre", "h1", "h2", "dd", "div")
    )


def _title(root: etree._Element, extraction: Extraction) -> str | None:
    element = root.find(".//title")
    title = one_line("".join(element.itertext())) if element is not None else ""
    top = next((heading.title for heading in extraction.headings if heading.level == 1), None)
    # "Coroutines and Tasks - Python documentation": the page's own heading says it without the site's name.
    if top and (not title or title.startswith(top)):
        return top
    return title or top


def _declared_language(root: etree._Element) -> str | None:
    declared = (
        (root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or "").strip().lower()
    )
    match = _LANGUAGE.match(declared)
    return match.group() if match else None
