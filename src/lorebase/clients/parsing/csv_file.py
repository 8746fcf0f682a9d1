"""CSV: each row becomes a line that names its columns, so that a row makes sense wherever it is cut off."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from lorebase.clients.parsing.block_writer import BlockWriter
from lorebase.clients.parsing.cleaning import clean, one_line
from lorebase.clients.parsing.decoding import decode
from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.core.errors import DocumentRefused, ErrorCode

_DELIMITERS = ",;\t|"


def parse_csv(content: bytes, limits: Limits) -> Extraction:
    """Rows as `column: value; column: value`, empty cells left out; without a header row, `value | value`.

    A passage holds a few rows far from the header. With the names of the columns in every row, a search for
    "capital of France" meets the words of both the column and the cell, by keyword and by meaning.
    """
    decoded, warnings = decode(content)
    text = clean(decoded)
    writer = BlockWriter(limits.max_characters)
    rows = _rows(text, limits)
    first = next(rows, [])
    second = next(rows, None)
    header = [one_line(cell, 100) for cell in first] if _is_header(first, second) else None
    if header is None:
        _write(writer, first, None)
    elif second is None:
        writer.words(" | ".join(header))
    if second is not None:
        _write(writer, second, header)
    for row in rows:
        _write(writer, row, header)
    extraction = writer.finish()
    extraction.warnings = warnings
    return extraction


def delimiter_of(text: str) -> str:
    """The delimiter that cuts the first lines into the most even number of cells; a comma if none does.

    The standard library's sniffer is not used: its patterns take quadratic time on hostile files.
    """
    lines = [line for line in text[:65_536].split("\n") if line.strip()][:20]
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        counts = [len(row) - 1 for row in csv.reader(lines, delimiter=delimiter)]
        common = max(set(counts), key=counts.count) if counts else 0
        score = common and counts.count(common) / len(counts) + min(common, 10) / 100
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _rows(text: str, limits: Limits) -> Iterator[list[str]]:
    csv.field_size_limit(limits.max_characters)
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter_of(text), skipinitialspace=True):
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error as error:
        raise DocumentRefused("The rows of this CSV file cannot be read.", code=ErrorCode.CORRUPT) from error


def _is_header(first: list[str], second: list[str] | None) -> bool:
    names = [cell.strip() for cell in first]
    if not all(names) and not (names and all(names[1:])):
        return False
    if len(set(names)) < len(names) or any(len(name) > 100 or _is_number(name) for name in names):
        return False
    return second is None or len(second) >= len(names) / 2


def _is_number(cell: str) -> bool:
    bare = cell.strip("+-$€£% ").replace(",", "").replace(".", "").replace(" ", "")
    return bare.isdigit()


def _write(writer: BlockWriter, row: list[str], header: list[str] | None) -> None:
    writer.separate(1)
    if header is None:
        writer.words(" | ".join(cell for cell in row if cell.strip()))
        return
    names = header + [f"column {place + 1}" for place in range(len(header), len(row))]
    named = (
        f"{name}: {cell.strip()}" if name else cell.strip()
        for name, cell in zip(names, row, strict=False)
        if cell.strip()
    )
    writer.words("; ".join(named))
