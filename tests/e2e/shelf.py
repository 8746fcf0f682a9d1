"""Documents of every kind that can be read, with what filters may ask about them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.e2e.client import Api, Json
from tests.e2e.library import Library, succeed
from tests.factories_files import PdfPage, docx, pdf

METADATA_FIELDS = [
    {"path": "author.team", "type": "STRING"},
    {"path": "pages", "type": "NUMBER"},
    {"path": "published", "type": "DATE_TIME"},
    {"path": "draft", "type": "BOOLEAN"},
    {"path": "audience", "type": "STRING_LIST"},
]

TASKS = """# Tasks

## Cancelling

A task is cancelled by calling its cancel method. The task gets a CancelledError at its next await.

## Groups

A task group waits for all of its tasks. When one of them fails, the group cancels the others.
"""
BREAD = (
    "Sourdough bread rises by wild yeast. The starter must be fed with flour and water every day. "
    "Bake the loaf for forty minutes in a very hot oven."
)
TIDES = """<!doctype html><html><head><title>Tide tables</title><script>alert("no text")</script></head>
<body><h1>Tide tables</h1><p>Spring tides follow the full moon. Neap tides follow the half moon.</p>
<h2>Harbour</h2><p>The harbour of Brightwater can be entered two hours before high water.</p></body></html>"""
RAKING = [(f"The monks rake bed number {bed} of white gravel before sunrise.", 11) for bed in range(1, 41)]
MOSS = [
    (f"In year {year} the gardeners counted the kinds of moss by hand.", 11) for year in range(1950, 1990)
]
PRICES = "item,price,currency\nsextant,140,EUR\nbarometer,85,EUR\nship's bell,60,EUR\n"
STATION = {"station": "Cape Hollow", "sensors": [{"kind": "anemometer", "unit": "knots"}]}


@dataclass(frozen=True)
class Book:
    """One document: its external id, which is its file name, and all that is said about it."""

    name: str
    title: str
    media_type: str
    content: bytes
    tags: tuple[str, ...] = ()
    metadata: Json | None = None


BOOKS = (
    Book(
        "tasks.md",
        "Cancelling asyncio tasks",
        "text/markdown",
        TASKS.encode(),
        ("python", "concurrency"),
        {
            "author": {"team": "Runtime", "name": "Ada"},
            "pages": 12,
            "published": "2024-01-10T08:00:00Z",
            "draft": False,
            "audience": ["developers"],
        },
    ),
    Book(
        "bread.txt",
        "Sourdough at home",
        "text/plain",
        BREAD.encode(),
        ("kitchen",),
        {
            "author": {"team": "Bakery"},
            "pages": 3.5,
            "published": "2025-06-01T00:00:00Z",
            "draft": True,
            "audience": ["families", "beginners"],
        },
    ),
    Book("tides.html", "Tide tables", "text/html", TIDES.encode(), ("sea", "python"), {"pages": 40}),
    Book(
        "gardens.pdf",
        "Gardens of Kyoto",
        "application/pdf",
        pdf(
            [
                PdfPage([("Gardens of Kyoto", 20), ("", 0), ("Raked gravel stands for water.", 11), *RAKING]),
                PdfPage([("Moss", 20), ("", 0), ("The moss garden needs shade and rain.", 11), *MOSS]),
            ]
        ),
    ),
    Book(
        "volcano.docx",
        "Volcano report",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        docx(
            [
                ("Heading 1", "Volcano report"),
                ("Normal", "The volcano Skarn erupted in 1783 and darkened the summer of that year."),
            ],
            table=[["year", "height"], ["1783", "1290 m"]],
        ),
        ("sea",),
        {"author": {"team": "Runtime"}, "draft": False, "audience": ["developers", "families"]},
    ),
    Book("prices.csv", "Prices of instruments", "text/csv", PRICES.encode(), (), {"pages": -1}),
    Book("station.json", "Weather station", "application/json", json.dumps(STATION).encode()),
)
NAMES = {book.name for book in BOOKS}


@dataclass(frozen=True)
class Shelf:
    """Where the books stand, and the ids of their documents by name."""

    workspace_id: str
    knowledge_base_id: str
    documents: dict[str, str]


async def fill_shelf(url: str, key: str, workspace_id: str) -> Shelf:
    """Uploads the books and waits until all can be found."""
    async with Api(url, key) as api:
        library = await Library.create(api, workspace_id, "Shelf", metadataFields=METADATA_FIELDS)
        payloads = [
            await library.upload(
                book.name,
                book.content,
                book.media_type,
                title=book.title,
                tags=list(book.tags),
                metadata=book.metadata or {},
            )
            for book in BOOKS
        ]
        for payload in payloads:
            assert payload["userErrors"] == []
            await succeed(api, payload["job"]["id"])
    documents = {book.name: p["document"]["id"] for book, p in zip(BOOKS, payloads, strict=True)}
    return Shelf(workspace_id, library.id, documents)
