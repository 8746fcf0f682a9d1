"""Forms of the text that is embedded, to choose one by figures."""

from __future__ import annotations

from collections.abc import Callable

from lorebase.services.embeddings.embedding_text import embedding_text

Header = Callable[[str, str], str]

HEADERS: dict[str, Header] = {
    "ours": lambda title, text: embedding_text(title, (), text),
    "none": lambda title, text: text,
    "line": lambda title, text: f"{title}\n{text}" if title else text,
    "title-field": lambda title, text: f"title: {title}\n{text}" if title else text,
}
