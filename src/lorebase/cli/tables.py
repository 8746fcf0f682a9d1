"""Rows of facts: a table where it fits, blocks on a narrow terminal, tabs between fields in a pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lorebase.cli.output import clean, one_line

NARROW_COLUMNS = 64
NONE_WIDE: Mapping[str, int] = MappingProxyType({})
_BORDER_COLUMNS = 3

Cell = str | Text
Row = Sequence[Cell]


def show_rows(
    screen: Console,
    headings: Sequence[str],
    rows: Sequence[Row],
    *,
    title: str = "",
    wide: Mapping[str, int] = NONE_WIDE,
) -> None:
    """Prints the rows. `wide` names the columns that share what the others leave, by these proportions.

    In a pipe there is a line for each row, fields parted by tabs, the headings first; no title.
    """
    if not screen.is_terminal:
        for row in [headings, *rows]:
            # Past Rich, which would turn tabs into spaces.
            screen.file.write("\t".join(_flat(cell) for cell in row) + "\n")
    elif _fits(screen, headings, rows, wide):
        screen.print(_table(headings, rows, title, wide))
    else:
        _show_blocks(screen, headings, rows, title)


def _fits(screen: Console, headings: Sequence[str], rows: Sequence[Row], wide: Mapping[str, int]) -> bool:
    if wide:
        return screen.width >= NARROW_COLUMNS
    # What is folded in a narrow cell, such as an id, can be neither read nor copied.
    columns = zip(*([headings, *rows]), strict=True)
    widths = [max(cell_len(line) for cell in column for line in _lines(cell)) for column in columns]
    return sum(widths) + _BORDER_COLUMNS * len(widths) + 1 <= screen.width


def _lines(cell: Cell) -> list[str]:
    return clean(cell).splitlines() or [""]


def _flat(cell: Cell) -> str:
    return " · ".join(filter(None, map(one_line, _lines(cell))))


def _show_blocks(screen: Console, headings: Sequence[str], rows: Sequence[Row], title: str) -> None:
    if title:
        _print(screen, one_line(title))
    for row in rows:
        _print(screen, "")
        for heading, cell in zip(headings, row, strict=True):
            if text := _flat(cell):
                _print(screen, f"{heading}: {text}")


def _table(headings: Sequence[str], rows: Sequence[Row], title: str, wide: Mapping[str, int]) -> Table:
    table = Table(
        title=Text(clean(title)) if title else None,
        title_justify="left",
        show_lines=any(len(_lines(cell)) > 1 for row in rows for cell in row),
        expand=bool(wide),
    )
    for heading in headings:
        table.add_column(heading, overflow="fold", ratio=wide.get(heading))
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row))
    return table


def _print(screen: Console, line: str) -> None:
    screen.print(line, markup=False, soft_wrap=True)
