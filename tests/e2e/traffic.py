"""People who search and write while something happens behind them, and what they may never see."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.e2e.client import Api, Json
from tests.e2e.library import Library, external_id_of

WORDS = (
    *("harbour", "lantern", "orchard", "glacier", "saddle", "violin"),
    *("ember", "compass", "quarry", "meadow", "cider", "anchor"),
)
BATCH = 50
PATIENCE_SECONDS = 600.0


def body_of(name: str, mark: str, lines: int = 6) -> str:
    """A short text that names its document and carries a mark of its version."""
    chosen = random.Random(f"{name} {mark}")
    told = [" ".join(chosen.choices(WORDS, k=9)) for _ in range(lines)]
    return f"Document {name}, version {mark}. " + ". ".join(told) + "."


@dataclass
class Traffic:
    """What was sent and accepted, and what went wrong. `expected`: the version that each document is at.

    `patience_seconds`: how long all jobs together may take to end.
    """

    library: Library
    seed: int = 0
    patience_seconds: float = PATIENCE_SECONDS
    expected: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    searched: list[float] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)

    async def fill(self, count: int, at_once: int = 8) -> None:
        """Adds documents and waits until all can be found."""
        slots = asyncio.Semaphore(at_once)

        async def one(number: int) -> None:
            async with slots:
                await self._write(f"doc-{number}", "0")

        await asyncio.gather(*(one(number) for number in range(count)))
        await self.settled()

    async def adopt(self) -> None:
        """Takes the documents that are there, at the versions that a search finds now."""
        await self.settled()
        after = None
        while True:
            node = await self.library.api.run(
                "list-documents", knowledgeBaseId=self.library.id, first=100, after=after
            )
            page = node["documents"]
            self.ids |= {document["externalId"]: document["id"] for document in page["nodes"]}
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        found = await self._versions(sorted(self.ids))
        assert all(len(found.get(name, ())) == 1 for name in self.ids), "documents are lost or stale"
        self.expected = {name: min(found[name]) for name in self.ids}

    async def _versions(self, names: list[str]) -> dict[str, set[str]]:
        versions: dict[str, set[str]] = {}
        for start in range(0, len(names), BATCH):
            ids = [self.ids[name] for name in names[start : start + BATCH]]
            for name, mark in marks_of(await self._passages(ids)):
                versions.setdefault(name, set()).add(mark)
        return versions

    @asynccontextmanager
    async def flowing(self, searchers: int, writers: int) -> AsyncIterator[None]:
        """Searches and writes until the block ends; each writer has documents of its own."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._search_until(stop, n)) for n in range(searchers)]
        tasks += [asyncio.create_task(self._write_until(stop, n, writers)) for n in range(writers)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _search_until(self, stop: asyncio.Event, number: int) -> None:
        chosen = random.Random(f"searcher {self.seed} {number}")
        async with Api(self.library.api.url, self.library.api.key) as api:
            library = Library(api, self.library.workspace_id, self.library.id)
            while not stop.is_set():
                await self.search(library, " ".join(chosen.choices(WORDS, k=3)))
                await asyncio.sleep(0.02)

    async def search(self, library: Library, query: str) -> None:
        """One search; an empty answer is a failure, for every document holds words of every query."""
        wanted = {"knowledgeBaseIds": [library.id], "query": query, "mode": "HYBRID"}
        began = time.perf_counter()
        try:
            body = await library.api.result("search", input=wanted, first=10)
        except httpx.HTTPError as error:
            self.failures[type(error).__name__] += 1
            return
        self.searched.append(time.perf_counter() - began)
        for error in body.get("errors", ()):
            self.failures[str(error["extensions"]["code"])] += 1
        if not body.get("errors") and not body["data"]["search"]["nodes"]:
            self.failures["EMPTY"] += 1

    async def _write_until(self, stop: asyncio.Event, number: int, writers: int) -> None:
        chosen = random.Random(f"writer {self.seed} {number}")
        mine = [name for place, name in enumerate(sorted(self.expected)) if place % writers == number]
        version = 0
        while not stop.is_set():
            version += 1
            kind = chosen.choice(["add", "renew", "retitle", "delete"])
            name = f"new-{number}-{version}" if kind == "add" or not mine else chosen.choice(mine)
            await self._change(kind, name, str(version))
            if kind == "delete" and name in mine:
                mine.remove(name)
            self.writes[kind] += 1
            await asyncio.sleep(0.2)

    async def _change(self, kind: str, name: str, mark: str) -> None:
        if kind == "retitle" and name in self.ids:
            await self.library.api.mutate("update-document", id=self.ids[name], title=f"Title {mark}")
        elif kind == "delete" and name in self.ids:
            await self.library.api.mutate("delete-document", id=self.ids.pop(name))
            del self.expected[name]
        else:
            await self._write(name, mark)

    async def _write(self, name: str, mark: str) -> None:
        payload = await self.library.add(name, body_of(name, mark), title=f"Document {name}")
        self.ids[name] = payload["document"]["id"]
        self.expected[name] = mark

    async def settled(self) -> None:
        """Waits until no job is open and every document can be found."""
        deadline = time.monotonic() + self.patience_seconds
        while await self._open_jobs():
            assert time.monotonic() < deadline, "jobs stay open"
            await asyncio.sleep(0.5)

    async def _open_jobs(self) -> int:
        waiting = {"status": {"in": ["QUEUED", "RUNNING", "RETRYING"]}}
        node = await self.library.api.run(
            "list-jobs", workspaceId=self.library.workspace_id, filter=waiting, first=1
        )
        return len(node["jobs"]["nodes"])

    async def wrong(self, mode: str = "VECTOR") -> Counter[str]:
        """What one leg shows otherwise than accepted: lost, doubled, stale or deleted documents."""
        found: Counter[str] = Counter()
        names = sorted(self.expected)
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            passages = await self._passages([self.ids[name] for name in part], mode)
            versions: dict[str, set[str]] = {}
            for name, mark in marks_of(passages):
                versions.setdefault(name, set()).add(mark)
            found["lost"] += sum(name not in versions for name in part)
            found["stale"] += sum(
                versions.get(name, {self.expected[name]}) != {self.expected[name]} for name in part
            )
            ids = [hit["chunk"]["id"] for hit in passages]
            found["doubled"] += len(ids) - len(set(ids))
        return found

    def _now(self, names: list[str]) -> list[tuple[str, set[str]]]:
        return [(name, {self.expected[name]}) for name in names]

    async def _passages(self, ids: list[str], mode: str = "VECTOR") -> list[Json]:
        hits: list[Json] = []
        after = None
        while True:
            page = await self.library.search(
                "version of the document", mode, 100, after, filter={"document": {"id": {"in": ids}}}
            )
            hits += page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return hits


def marks_of(hits: list[Json]) -> Iterator[tuple[str, str]]:
    """Documents with the mark of the version that a passage names."""
    for hit in hits:
        text = hit["chunk"]["text"]
        if "version " in text:
            yield external_id_of(hit), text.partition("version ")[2].partition(".")[0]


async def indexes_of(library: Library) -> dict[str, Json]:
    """The indexes of the knowledge base by the length of their vectors; `active` says which searches use."""
    node = await library.api.run("list-indexes", id=library.id)
    active = node["activeIndex"]["id"]
    return {
        str(index["model"]["dimensions"]): {**index, "active": index["id"] == active}
        for index in node["indexes"]["nodes"]
    }
