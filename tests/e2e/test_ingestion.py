"""A document goes in, its progress can be followed, and what was read of it can be looked at."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.client import Api, Json
from tests.e2e.library import Library, follow_job, gather, succeed, take
from tests.e2e.shelf import BOOKS, METADATA_FIELDS, Book, Shelf
from tests.stack import RunningStack


def kinds(events: list[Json]) -> list[str]:
    return [event["__typename"] for event in events]


def assert_gap_free(events: list[Json], first: int = 1) -> None:
    sequences = [event["sequence"] for event in events]
    assert sequences == list(range(first, first + len(events)))


async def test_a_knowledge_base_keeps_the_metadata_fields_it_was_made_with(
    stack: RunningStack, api: Api
) -> None:
    library = await Library.create(
        api, stack.credentials.workspace_id, "Fields", metadataFields=METADATA_FIELDS
    )
    shown = await api.run("show-knowledge-base", id=library.id)
    fields = [{"path": field["path"], "type": field["type"]} for field in shown["metadataFields"]]
    assert fields == METADATA_FIELDS
    assert shown["stats"] == {"documentCount": 0, "chunkCount": 0, "storageBytes": 0}
    assert shown["activeIndex"]["model"]["dimensions"] == 384


async def test_the_job_of_a_new_document_is_followed_to_its_success(library: Library) -> None:
    payload = await library.add("first.md", "# Owls\n\nOwls hunt at night.", title="Owls")
    assert payload["created"]
    assert payload["document"]["status"] == "PENDING"
    events = await succeed(library.api, payload["job"]["id"])
    assert_gap_free(events)
    assert kinds(events)[:2] == ["JobQueued", "JobStarted"]
    stages = [event["progress"]["stage"] for event in events if "progress" in event]
    order = ["FETCH", "PARSE", "CHUNK", "EMBED", "INDEX"]
    assert stages == sorted(stages, key=order.index)
    document = (await library.listed())["first.md"]
    assert (document["status"], document["searchable"]) == ("READY", True)
    assert document["latestJob"] == {"id": payload["job"]["id"], "status": "SUCCEEDED", "error": None}


async def test_a_socket_and_an_event_stream_tell_the_same_story(library: Library) -> None:
    job_id = (await library.add("same.md", "Herons stand still."))["job"]["id"]
    async with library.api.socket() as socket:
        by_socket = await gather(socket.events("follow-job", jobId=job_id))
    assert by_socket == await follow_job(library.api, job_id)


async def test_a_job_is_followed_further_from_where_the_connection_broke(library: Library) -> None:
    job_id = (await library.add("resume.md", "Cranes dance in spring."))["job"]["id"]
    seen = await take(
        library.api.events("follow-job", jobId=job_id), lambda event: event["__typename"] == "JobStarted"
    )
    rest = await gather(library.api.events("follow-job", jobId=job_id, after=seen[-1]["cursor"]))
    assert seen + rest == await follow_job(library.api, job_id)


async def test_a_browser_resumes_by_the_last_event_id(library: Library) -> None:
    job_id = (await library.add("browser.md", "Swifts sleep while flying."))["job"]["id"]
    seen = await take(library.api.events("follow-job", jobId=job_id), lambda event: event["sequence"] == 2)
    rest = await gather(library.api.events("follow-job", seen[-1]["cursor"], jobId=job_id))
    assert_gap_free(rest, first=3)


async def test_the_events_of_a_workspace_hold_those_of_each_of_its_jobs(library: Library) -> None:
    async with library.api.socket() as socket:
        first = await library.add("one.md", "The first of two.")
        feed = socket.events("follow-workspace-jobs", workspaceId=library.workspace_id)
        # The feed is live: what it shows before the next document is nobody's concern here.
        opened = await library.add("two.md", "The second of two.")
        await succeed(library.api, first["job"]["id"])
        third = (await library.add("three.md", "And one more."))["job"]["id"]
        events = await take(
            feed,
            lambda event: event["__typename"] == "JobSucceeded" and event["job"]["id"] == third,
        )
    assert {event["job"]["id"] for event in events} <= {first["job"]["id"], opened["job"]["id"], third}


async def test_unchanged_content_starts_no_job(library: Library) -> None:
    document_id = await library.shelve("twice.md", "The same words.", title="Twice", tags=["kept"])
    again = await library.add("twice.md", "The same words.", title="Twice", tags=["kept"])
    assert (again["created"], again["job"]) == (False, None)
    assert again["document"]["id"] == document_id
    assert again["document"]["version"] == 1


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.name)
async def test_every_kind_of_file_is_read_and_kept_byte_for_byte(book: Book, shelf: Shelf, api: Api) -> None:
    shown = await api.run("show-document", id=shelf.documents[book.name])
    version = shown["currentVersion"]
    assert (shown["status"], shown["title"], version["number"]) == ("READY", book.title, 1)
    assert (version["mediaType"], version["byteSize"]) == (book.media_type, len(book.content))
    chunks = version["chunks"]
    assert chunks["totalCount"] == len(chunks["nodes"]) > 0
    for place, chunk in enumerate(chunks["nodes"]):
        assert chunk["ordinal"] == place
        assert version["text"][chunk["startOffset"] : chunk["endOffset"]] == chunk["text"]
    async with httpx.AsyncClient(trust_env=False) as anybody:
        download = await anybody.get(version["downloadUrl"])
    assert download.content == book.content
    assert download.headers["content-disposition"] == f"attachment; filename*=UTF-8''{book.name}"


async def test_pages_and_headings_are_known_of_each_passage(shelf: Shelf, api: Api) -> None:
    pdf = await api.run("show-document", id=shelf.documents["gardens.pdf"])
    chunks = pdf["currentVersion"]["chunks"]["nodes"]
    assert {chunk["page"] for chunk in chunks} == {1, 2}
    assert "Raked gravel" in chunks[0]["text"]
    assert all("kinds of moss" in chunk["text"] for chunk in chunks if chunk["page"] == 2)
    html = await api.run("show-document", id=shelf.documents["tides.html"])
    assert "alert" not in html["currentVersion"]["text"]
    paths = [chunk["section"] for chunk in html["currentVersion"]["chunks"]["nodes"]]
    assert all(path[:1] == ["Tide tables"] for path in paths)


async def test_a_knowledge_base_counts_what_is_in_it(shelf: Shelf, api: Api) -> None:
    node = await api.run("show-knowledge-base", id=shelf.knowledge_base_id)
    assert node["facets"] == [
        {"value": "python", "count": 2},
        {"value": "sea", "count": 2},
        {"value": "concurrency", "count": 1},
        {"value": "kitchen", "count": 1},
    ]
