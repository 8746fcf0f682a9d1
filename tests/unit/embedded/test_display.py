"""The display says what happens, where it listens and how to stop."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from lorebase.embedded.display import LineDisplay, TableDisplay, display_for, picture
from lorebase.embedded.home import Home
from lorebase.embedded.state import PartRecord, StackRecord
from lorebase.embedded.status import PartState, Phase

HOME = Home(Path("/a home"))
URL = "http://127.0.0.1:8000/graphql"


def record(phase: Phase, *states: PartState, restarts: int = 0) -> StackRecord:
    parts = [
        PartRecord(
            name=f"part{number}",
            title=f"Part {number}",
            state=state,
            address=f"/socket/{number}",
            restarts=restarts,
            log=Path("/l"),
        )
        for number, state in enumerate(states)
    ]
    return StackRecord(pid=1, born=1.0, phase=phase, url=URL, parts=parts)


def lines(*records: StackRecord) -> list[str]:
    stream = io.StringIO()
    display = LineDisplay(Console(file=stream, width=40), HOME)
    for each in records:
        display.show(each)
    display.close()
    return [line.partition("] ")[2] for line in stream.getvalue().splitlines()]


def test_a_part_is_announced_once_it_is_ready_and_where() -> None:
    told = lines(
        record(Phase.STARTING, PartState.STARTING),
        record(Phase.STARTING, PartState.READY),
        record(Phase.STARTING, PartState.READY),
    )
    assert told == ["Lorebase is starting.", "Part 0: ready on /socket/0"]


def test_ready_says_where_to_go_without_breaking_the_address() -> None:
    told = lines(record(Phase.READY))
    assert told[0] == f"Lorebase is ready: {URL} (open it in a browser for GraphiQL)"
    assert "/a home/credentials.json" in told[1]
    assert "/a home/logs" in told[2]


def test_each_restart_is_told() -> None:
    told = lines(
        record(Phase.READY, PartState.READY),
        record(Phase.READY, PartState.RESTARTING),
        record(Phase.READY, PartState.READY, restarts=1),
    )
    assert told[-2:] == ["Part 0: restarting", "Part 0: ready on /socket/0"]


def test_the_end_is_told() -> None:
    assert lines(record(Phase.STOPPING), record(Phase.STOPPED)) == [
        "Lorebase is stopping.",
        "Lorebase is stopped.",
    ]


def drawn(shown: StackRecord) -> str:
    stream = io.StringIO()
    Console(file=stream, width=120).print(picture(shown, HOME))
    return stream.getvalue()


def test_the_table_shows_each_part_and_how_to_stop() -> None:
    text = drawn(record(Phase.STARTING, PartState.READY, PartState.STARTING, restarts=3))
    for word in ("Part 0", "ready", "/socket/0", "Part 1", "starting", "3", "Press Ctrl-C to stop."):
        assert word in text
    assert URL not in text


def test_the_table_shows_the_address_once_ready() -> None:
    assert URL in drawn(record(Phase.READY, PartState.READY))


def test_while_stopping_the_table_says_how_to_hurry() -> None:
    assert "Press Ctrl-C again to stop at once." in drawn(record(Phase.STOPPING, PartState.STOPPING))


def test_a_terminal_without_unicode_can_show_the_table() -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), force_terminal=True, width=100)
    display = TableDisplay(console, HOME)
    display.show(record(Phase.READY, PartState.READY))
    display.close()
    console.file.flush()
    assert b"Part 0" in raw.getvalue()


def test_people_get_a_table_and_files_get_lines() -> None:
    shown = display_for(Console(file=io.StringIO(), force_terminal=True), HOME)
    shown.close()
    assert isinstance(shown, TableDisplay)
    assert isinstance(display_for(Console(file=io.StringIO()), HOME), LineDisplay)
