"""The example web application in a real browser, on the real stack, over a connection that is cut."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.client import Api
from tests.e2e.library import Library
from tests.e2e.web_story import WebSeen, WebStory, build_examples, walk
from tests.integration.browser_story import Scheme
from tests.stack import RunningStack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(700)]

FIELDS = [
    {"path": "author.team", "type": "STRING"},
    {"path": "height", "type": "NUMBER"},
    {"path": "manned", "type": "BOOLEAN"},
    {"path": "opened", "type": "DATE_TIME"},
    {"path": "keepers", "type": "STRING_LIST"},
]
FACTS = {"author": {"team": "Harbour"}, "height": 40, "manned": True, "keepers": ["Ada"]}


@pytest.fixture(scope="module")
def built() -> None:
    build_examples()


@pytest.fixture
def screenshots(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.config.getoption("--screenshots") or tmp_path)


def file_about(name: str) -> dict[str, str]:
    """A document about a lamp, long enough for its job to be seen at work."""
    lamp = f"The lamp of {name} turns once every twelve seconds. It was lit in 1871."
    log = [f"On day {day} of the log {name} counted {day * 7 % 31} sails and rain." for day in range(1, 400)]
    return {"name": f"{name}.md", "text": f"# {name}\n\n## Lamp\n\n{lamp}\n\n## Log\n\n" + "\n\n".join(log)}


async def coast(api: Api, workspace_id: str, name: str) -> Library:
    """A knowledge base with two documents that only filters tell apart."""
    library = await Library.create(api, workspace_id, name, metadataFields=FIELDS)
    body = "Lighthouses stand on the coast, and each of them has a lamp and a keeper."
    await library.shelve("harbour.md", f"# Harbour\n\n{body}", metadata=FACTS, tags=["guide"])
    low = {**FACTS, "author": {"team": "Dunes"}, "height": 9, "manned": False}
    await library.shelve("dunes.md", f"# Dunes\n\n{body}", metadata=low, tags=["guide"])
    return library


def pictures(folder: str, scheme: Scheme) -> set[str]:
    return {path.name for path in Path(folder).glob(f"web-{scheme}-*.png")}


async def stored_text(api: Api, answer_id: str) -> str:
    return str((await api.run("show-answer", id=answer_id))["text"])


def assert_resumed_without_loss(seen: WebSeen, stored: str) -> None:
    """The answer stood still while there was no connection, went on, and never showed a word too many."""
    whole = without_markers(stored)
    assert seen.cuts == 1
    assert len(seen.resumed_with) == 1
    assert 0 < len(without_markers(seen.text_when_cut)) < len(whole)
    for text in seen.texts:
        assert whole.startswith(without_markers(text))
    lengths = [len(without_markers(text)) for text in seen.texts]
    assert lengths == sorted(lengths)
    assert without_markers(seen.text) == whole


def without_markers(text: str) -> str:
    """Letters only: on the screen a marker is a button without its brackets."""
    return "".join(character for character in text if character.isalpha())


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_reader_uploads_searches_asks_and_loses_the_connection(
    scheme: Scheme, built: None, stack: RunningStack, api: Api, screenshots: str
) -> None:
    known = stack.credentials
    mark = uuid4().hex[:8]
    name = f"Lighthouse {scheme}-{mark}"
    await coast(api, known.workspace_id, f"Coast {mark}")
    seen = walk(
        WebStory(
            api=known.url,
            key=known.api_key,
            knowledge_base=f"Coast {mark}",
            files=[file_about(name)],
            tag="towers",
            query="lighthouse keeper lamp",
            picks=[
                {"heading": "Team", "value": "Harbour"},
                {"heading": "Height", "from": "12"},
                {"heading": "Manned", "yes": True},
            ],
            question=f"How often does the lamp of {name} turn?",
            scheme=scheme,
            screenshots=screenshots,
        )
    )
    assert seen.mishaps() == []
    assert "The API key is not valid." in seen.refusal
    assert set(seen.stages) <= {"Reading", "Extracting text", "Cutting passages", "Embedding", "Indexing"}
    # Which of them a page paints is up to the machine: a small document passes some between two frames.
    assert seen.stages
    assert {"Harbour", "Dunes", name} <= set(seen.unfiltered)
    assert seen.filters == ["Tags", "Language", "Type", "Team", "Height", "Manned", "Opened", "Keepers"]
    assert set(seen.filtered) == {"Harbour"}
    assert "lamp" in seen.marked
    assert_resumed_without_loss(seen, await stored_text(api, seen.answer_id))
    assert f"The lamp of {name} turns once every twelve seconds." in seen.quote
    assert (seen.quote_title, seen.quote_in_view) == (name, True)
    assert (seen.local_storage, seen.session_storage) == ("{}", "{}")
    assert seen.overflow <= 0
    assert pictures(screenshots, scheme) == {f"web-{scheme}-{step}.png" for step in seen.steps}
    assert len(seen.steps) == 8
