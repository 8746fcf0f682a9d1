"""Another keyword analyser for a knowledge base, while people search and write."""

from __future__ import annotations

import asyncio

from tests.e2e.client import Json
from tests.e2e.library import Library, succeed
from tests.e2e.traffic import Traffic
from tests.stack import RunningStack

DOCUMENTS = 40
THAI = "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"
CAPITAL = "เมืองหลวง"
# A document was deleted between the search and the reading of its hit's fields, reindex or not.
DELETED_MEANWHILE = "NOT_FOUND"


async def indexes_of(library: Library) -> dict[str, Json]:
    """The indexes of the knowledge base by analyser; `active` says which searches use."""
    node = await library.api.run("list-indexes", id=library.id)
    active = node["activeIndex"]["id"]
    return {
        index["analyser"]: {**index, "active": index["id"] == active} for index in node["indexes"]["nodes"]
    }


async def test_operators_list_versions_and_cannot_retire_what_is_in_use(
    stack: RunningStack, library: Library
) -> None:
    listed = await asyncio.to_thread(stack.command, "keywords", "list")
    lines = [line.split("\t")[:2] for line in listed.stdout.splitlines()]
    assert lines == [["name", "state"], ["kw1", "added"], ["kw2", "default"]]
    for name, said in (("kw2", "WRONG_STATE"), ("kw9", "NOT_FOUND")):
        refused = await asyncio.to_thread(stack.command, "keywords", "retire", name)
        assert (refused.returncode, said in refused.stderr) == (1, True)
    shown = await library.api.run("list-keyword-analysers")
    assert {each["name"]: each["isDefault"] for each in shown} == {"kw1": False, "kw2": True}
    assert await library.api.refusal("reindex-knowledge-base", id=library.id, analyser="kw9") == "INVALID"
    assert list(await indexes_of(library)) == ["kw2"]


async def test_an_upgrade_leaves_the_choice_of_the_operator(stack: RunningStack) -> None:
    def run(*command: str) -> str:
        done = stack.command(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    await asyncio.to_thread(run, "keywords", "choose", "kw1")
    try:
        await asyncio.to_thread(run, "migrate")
        assert "kw1\tdefault" in await asyncio.to_thread(run, "keywords", "list")
    finally:
        await asyncio.to_thread(run, "keywords", "choose", "kw2")


async def test_words_are_made_again_while_people_search_and_write_and_the_way_back_is_open(
    library: Library,
) -> None:
    await library.shelve("thai", THAI)
    traffic = Traffic(library)
    await traffic.fill(DOCUMENTS)
    async with traffic.flowing(searchers=2, writers=1):
        made = await library.api.mutate("reindex-knowledge-base", id=library.id, analyser="kw1")
        events = await succeed(library.api, made["job"]["id"])
    assert "JobProgressed" in {event["__typename"] for event in events}
    assert set(traffic.failures) <= {DELETED_MEANWHILE}, traffic.failures
    await traffic.settled()
    indexes = await indexes_of(library)
    assert (indexes["kw1"]["active"], indexes["kw2"]["active"]) == (True, False)
    assert indexes["kw2"]["model"] == indexes["kw1"]["model"]
    assert indexes["kw2"]["chunkCount"] == indexes["kw1"]["chunkCount"]
    for version, finds in (("kw2", {"thai"}), ("kw1", set())):
        await library.api.mutate("activate-index", id=indexes[version]["id"])
        await library.shelve(f"after-{version}", "A lighthouse shines.")
        assert await library.found(CAPITAL, "KEYWORD") == finds
        assert f"after-{version}" in await library.found("lighthouse", "KEYWORD")
        for mode in ("KEYWORD", "VECTOR"):
            assert not +await traffic.wrong(mode), (version, mode)


async def test_an_index_that_is_given_up_takes_its_words_along_and_leaves_the_vectors(
    library: Library,
) -> None:
    await library.shelve("one", f"Lighthouses stand on rocks. {THAI}")
    made = await library.api.mutate(
        "reindex-knowledge-base", id=library.id, analyser="kw1", activateOnSuccess=False
    )
    await succeed(library.api, made["job"]["id"])
    assert not (await indexes_of(library))["kw1"]["active"]
    # No search ever used it, so that its removal waits for none.
    deleted = await library.api.mutate("delete-embedding-index", id=made["index"]["id"])
    await succeed(library.api, deleted["job"]["id"])
    assert list(await indexes_of(library)) == ["kw2"]
    for mode in ("KEYWORD", "VECTOR"):
        assert await library.found("lighthouses", mode) == {"one"}
    again = await library.api.mutate("reindex-knowledge-base", id=library.id, analyser="kw1")
    await succeed(library.api, again["job"]["id"])
    # kw1 takes a run of Thai for one word.
    assert await library.found(CAPITAL, "KEYWORD") == set()
