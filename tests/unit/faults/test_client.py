"""Clients and checker together: nothing is found in a product that keeps its word, each broken word is."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.faults.caller import Caller
from tests.faults.checker import check
from tests.faults.client import Client, Place
from tests.faults.final_state import FinalState, Findings
from tests.faults.history import History, Kind, Operation, Outcome, read_history
from tests.unit.faults.fake_product import FakeProduct

ENOUGH = 400


async def worked(product: FakeProduct, folder: Path, seed: int = 1, enough: int = ENOUGH) -> list[Operation]:
    """What a client did with the product until its history was long enough."""
    history = History(folder / "history.jsonl")
    caller = Caller(product, history)  # type: ignore[arg-type]
    client = Client(3, caller, Place("w", "k"), random.Random(seed), pauses=(0, 0))
    stop = asyncio.Event()
    working = asyncio.create_task(client.work(stop))
    async with asyncio.timeout(30):
        while len(history.operations) < enough:
            await asyncio.sleep(0)
        stop.set()
        await working
        if client.following:
            await asyncio.wait(client.following)
    history.close()
    return history.operations


async def findings(folder: Path, *sins: str, seed: int = 1) -> Findings:
    product = FakeProduct(sins=frozenset(sins))
    operations = await worked(product, folder, seed)
    return check(operations, FinalState(documents=product.final()))


@pytest.mark.parametrize("seed", range(5))
async def test_nothing_is_found_in_a_product_that_keeps_its_word(tmp_path: Path, seed: int) -> None:
    found = await findings(tmp_path, seed=seed)
    assert [case for cases in found.by_kind.values() for case in cases] == []
    assert found.accepted > 20


@pytest.mark.parametrize(
    ("sin", "kind"),
    [
        ("loses", "lost"),
        ("older text", "wrong"),
        ("hides", "wrong"),
        ("cut answer", "wrong"),
        ("shows deleted", "deleted_visible"),
        ("shows twice", "duplicated"),
        ("unfinished", "unfinished"),
    ],
)
async def test_a_product_that_breaks_its_word_is_found_out(tmp_path: Path, sin: str, kind: str) -> None:
    found = await findings(tmp_path, sin)
    assert found.by_kind[kind] != []
    assert not found.all_kept


async def test_a_client_does_everything_that_it_can_do(tmp_path: Path) -> None:
    product = FakeProduct()
    operations = await worked(product, tmp_path)
    done = {one.kind for one in operations if one.outcome is Outcome.ACKNOWLEDGED}
    assert done >= set(Kind) - {Kind.FAULT, Kind.CANCEL, Kind.RETRY}
    assert {one.client for one in operations} == {3}
    assert set(product.asked) >= {"add-text-document", "update-document", "delete-document", "ask-question"}


async def test_what_failed_is_tried_again_and_is_not_taken_for_live(tmp_path: Path) -> None:
    product = FakeProduct(sins=frozenset({"fails"}))
    operations = await worked(product, tmp_path)
    assert product.retried != []
    kinds = {one.kind for one in operations}
    assert Kind.LIVE not in kinds
    assert kinds >= {Kind.RETRY, Kind.CANCEL}
    assert not any(one.wanted for one in operations)


async def test_a_search_is_held_to_a_document_only_while_nothing_happens_to_it(tmp_path: Path) -> None:
    operations = await worked(FakeProduct(), tmp_path)
    searches = [one for one in operations if one.kind is Kind.SEARCH]
    assert any(one.wanted for one in searches)
    assert not all(one.wanted for one in searches)
    gone = {one.name: one.ended for one in operations if one.kind is Kind.DELETE}
    uploaded = [(one.name, one.ended) for one in operations if one.kind is Kind.UPLOAD]
    for one in searches:
        ends = gone.get(one.name, one.began)
        again = any(name == one.name and ended > ends for name, ended in uploaded)
        assert not (one.wanted and ends < one.began and not again)


async def test_a_client_uses_no_key_twice_and_a_seed_draws_the_same_changes(tmp_path: Path) -> None:
    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        operations = await worked(FakeProduct(), tmp_path / name, seed=9)
        changes = [one for one in operations if one.kind in (Kind.UPLOAD, Kind.UPDATE, Kind.DELETE)]
        runs.append([(one.kind, one.name, one.mark, one.tags) for one in changes])
    shorter = min(map(len, runs))
    assert shorter > 50
    assert runs[0][:10] == runs[1][:10]


async def test_the_history_that_was_written_is_the_one_that_was_kept(tmp_path: Path) -> None:
    operations = await worked(FakeProduct(), tmp_path, enough=50)
    assert read_history(tmp_path / "history.jsonl") == operations
