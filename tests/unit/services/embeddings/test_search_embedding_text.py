"""The text that is embedded for a passage."""

from __future__ import annotations

import pytest

from lorebase.services.embeddings.embedding_text import embedding_text, heading_path


@pytest.mark.parametrize(
    ("title", "section", "expected"),
    [
        ("Guide", ("Setup", "Linux"), "Guide > Setup > Linux. Run it."),
        ("Guide", (), "Guide. Run it."),
        ("", ("Setup",), "Setup. Run it."),
        (" ", ("", "\t"), "Run it."),
        ("", (), "Run it."),
    ],
)
def test_title_and_headings_lead_the_passage(title: str, section: tuple[str, ...], expected: str) -> None:
    assert embedding_text(title, section, "Run it.") == expected


def test_the_heading_path_is_one_text() -> None:
    assert heading_path(("Guide", "Setup")) == "Guide > Setup"
    assert heading_path(()) == ""
