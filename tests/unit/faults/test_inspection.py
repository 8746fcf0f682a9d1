"""An inspection waits for rest, gives what failed another chance, and sees what is there as a user would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.checker import check
from tests.faults.final_state import SEARCH_MODES, FinalState, VectorRow
from tests.faults.history import History, Kind, Operation, Outcome
from tests.faults.inspection import Inspector
from tests.faults.stores import stray_files
from tests.faults.texts import body_of
from tests.unit.faults.fake_product import FakeProduct, Kept

MARK = "xbcdfghjklmnq"
OTHER = "xzzzzzzzzzzzq"


class FakeStores:
    """Open jobs, look by look, and what else is left."""

    def __init__(self, *open_jobs: list[str] | Exception, left: FinalState | None = None) -> None:
        self._open_jobs = list(open_jobs)
        self._left = left or FinalState()

    async def open_jobs(self) -> list[str]:
        now = self._open_jobs.pop(0) if self._open_jobs else []
        if isinstance(now, Exception):
            raise now
        return now

    async def read(self) -> FinalState:
        return self._left


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "history.jsonl")
    yield made
    made.close()


def kept(name: str = "a.md", mark: str = MARK, **facts: object) -> Kept:
    whole = Kept(f"id of {name}", name, body_of(mark), ("red",))
    return replace(whole, **facts)  # type: ignore[arg-type]


def inspector(product: FakeProduct, history: History, stores: FakeStores | None = None) -> Inspector:
    return Inspector(stores or FakeStores(), product, "k", history)  # type: ignore[arg-type]


async def test_a_document_is_seen_as_a_user_sees_it(history: History) -> None:
    left = FinalState(unfinished=("a job",), vectors=(VectorRow("c", "d", 1, 0),))
    seen = await inspector(FakeProduct(documents=[kept()]), history, FakeStores(left=left)).read()
    (document,) = seen.documents
    assert (document.name, document.status, document.mark, document.tags) == ("a.md", "READY", MARK, ("red",))
    assert (document.text_is_whole, document.found_by) == (True, SEARCH_MODES)
    assert replace(seen, documents=()) == left


@pytest.mark.parametrize(
    "body", [body_of(MARK)[:-20], body_of(MARK) + "more", body_of(MARK).replace("keeps", "holds"), "nothing"]
)
async def test_a_text_that_is_not_the_one_sent_is_not_whole(history: History, body: str) -> None:
    (document,) = (await inspector(FakeProduct(documents=[kept(body=body)]), history).read()).documents
    assert not document.text_is_whole


async def test_a_text_of_two_versions_shows_both_marks(history: History) -> None:
    mixed = kept(body=body_of(MARK) + body_of(OTHER))
    (document,) = (await inspector(FakeProduct(documents=[mixed]), history).read()).documents
    assert (document.mark, document.text_is_whole) == (f"{MARK} {OTHER}", False)


async def test_a_document_that_no_search_shows_is_found_by_none(history: History) -> None:
    product = FakeProduct(documents=[kept()], sins=frozenset({"hides"}))
    (document,) = (await inspector(product, history).read()).documents
    assert document.found_by == frozenset()


async def test_every_page_of_the_list_is_read(history: History) -> None:
    names = [f"{number}.md" for number in range(7)]
    product = FakeProduct(documents=[kept(name) for name in names], page=3)
    seen = await inspector(product, history).read()
    assert [document.name for document in seen.documents] == names


async def test_what_it_sees_is_what_the_checker_is_told(history: History) -> None:
    product = FakeProduct(documents=[kept(), kept(id="another")])
    uploaded = Operation(Kind.UPLOAD, Outcome.ACKNOWLEDGED, 0, 1, name="a.md", mark=OTHER)
    found = check([uploaded], await inspector(product, history).read())
    # Of each of the two documents the text is wrong, and so are the tags.
    assert (len(found.wrong), len(found.duplicated), found.lost) == (4, 1, [])


async def test_it_waits_until_no_job_is_open_and_bears_with_stores_that_start(history: History) -> None:
    stores = FakeStores(["INGEST 1 is RUNNING"], ConnectionRefusedError("not yet"))
    assert await inspector(FakeProduct(), history, stores).settle(30)
    assert await stores.open_jobs() == []


async def test_it_gives_up_on_jobs_that_never_end(history: History) -> None:
    assert not await inspector(FakeProduct(), history, FakeStores(*[["INGEST 1 is RUNNING"]] * 99)).settle(
        0.1
    )


async def test_what_failed_is_tried_again_once_by_its_upload_and_its_newest_job(history: History) -> None:
    uploaded = {"name": "a.md", "document_id": "id of a.md", "job_id": "its job"}
    history.add(Operation(Kind.UPLOAD, Outcome.ACKNOWLEDGED, 0, 1, **uploaded))  # type: ignore[arg-type]
    product = FakeProduct(documents=[kept(status="FAILED"), kept("b.md")])
    assert await inspector(product, history).settle(30)
    assert sorted(product.retried) == ["its job", f"job {MARK}"]
    retries = [one for one in history.operations if one.kind is Kind.RETRY]
    assert {(one.outcome, one.name) for one in retries} == {(Outcome.ACKNOWLEDGED, "a.md")}


def test_files_that_no_row_names_are_strays(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    for name in ("kept", "stray", ".part-x"):
        (tmp_path / "w" / name).write_bytes(b"x")
    assert sorted(stray_files(tmp_path, {"w/kept", "w/gone"})) == ["w/.part-x", "w/stray"]
