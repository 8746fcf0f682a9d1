"""Readers show what the answer says, whatever part of its stream was never sent or is gone."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.schemas.answers import AnswerStatus
from lorebase.schemas.events import StreamKind, StreamName
from lorebase.services.answers.answer_stream import SILENCE_SECONDS
from tests.factories import add_tenant, make_settings
from tests.fakes.answer_stage import AnswerStage
from tests.fakes.event_stream import FakeEventStream
from tests.fakes.world import World
from tests.unit.services.answers.test_answer_recovery import (
    LEASE_SECONDS,
    SENTENCE,
    TEXT,
    die_in_mid_answer,
    forever,
    stream_of,
)


class OneWay(FakeEventStream):
    """A store that readers reach and, while `refuses`, no writer of answers does."""

    refuses = False

    async def before_append(self, name: StreamName) -> None:
        if self.refuses and name.kind is StreamKind.ANSWER:
            raise Unavailable("The connection broke.", code=ErrorCode.STORAGE_UNAVAILABLE)

    def refuse(self) -> None:
        self.refuses = True

    def accept(self) -> None:
        self.refuses = False


@pytest.fixture
async def stage() -> AnswerStage:
    world = World(make_settings(job_lease_seconds=LEASE_SECONDS))
    world.streams = OneWay(world.clock)
    stage = AnswerStage(world, await add_tenant(world.database))
    await stage.fill()
    return stage


def store_of(stage: AnswerStage) -> OneWay:
    assert isinstance(stage.streams, OneWay)
    return stage.streams


@pytest.mark.parametrize("sent", [0, 1, 4])
async def test_who_hears_of_the_end_from_postgres_is_sent_to_the_answer_first(
    stage: AnswerStage, sent: int
) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked, doubt_seconds=0.0)
    stage.model.scripts.append([*SENTENCE[:sent], store_of(stage).refuse, *SENTENCE[sent:]])
    assert (await stage.run(asked)).text == TEXT
    store_of(stage).accept()
    followed = await reader
    assert (followed.text, followed.told[-2:]) == (TEXT, ["StreamReset", "AnswerCompleted"])


async def test_an_answer_that_is_cancelled_in_an_outage_sends_readers_to_what_was_kept(
    stage: AnswerStage,
) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    runner = stage.runner()

    async def cancel() -> None:
        store_of(stage).accept()
        stage.world.clock.advance(SILENCE_SECONDS)
        await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
        await runner.notice_cancel(asked.answer.job_id)
        await forever()

    stage.model.scripts.append([SENTENCE[0], store_of(stage).refuse, *SENTENCE[1:4], cancel])
    await runner.run(asked.answer.job_id)
    answer = await stage.answer(asked)
    assert (answer.status, len(answer.text) > len(SENTENCE[0])) == (AnswerStatus.CANCELLED, True)
    assert (await reader).text == answer.text


async def test_who_comes_in_a_third_attempt_on_a_stream_without_its_head_misses_nothing(
    stage: AnswerStage,
) -> None:
    asked = await stage.ask()
    # The text is saved every two seconds, unless somebody may need it before.
    stage.model.seconds_per_piece = 0.1
    await die_in_mid_answer(stage, asked)
    store_of(stage).lose(stream_of(asked))
    await die_in_mid_answer(stage, asked)
    readers = []

    async def join() -> None:
        readers.append(stage.follow(asked))
        await asyncio.sleep(0.05)

    stage.model.scripts.append([step for piece in SENTENCE for step in (piece, join)])
    assert (await stage.run(asked)).text == TEXT
    for reader in readers:
        assert ((await reader).text, reader.result().holes) == (TEXT, 0)
