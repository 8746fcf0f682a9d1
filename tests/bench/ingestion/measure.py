"""Chunks per CPU second of parsing and chunking, on files of your own.

    python -m tests.bench.ingestion.measure FOLDER_OR_FILE... [--max-tokens 240]

Every file is read by the real processes and cut with the real tokenizer. CPU seconds are those of this
process and of all parsing processes together, by kind of file; so other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lorebase.clients.parsing.subprocess_parser import SubprocessParser, limits_of
from lorebase.clients.tokenizer import ModelTokenizer
from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, Settings
from lorebase.core.errors import DocumentRefused
from lorebase.schemas.parsing import ChunkingRules
from lorebase.services.chunking.chunking import chunk
from lorebase.services.documents.media_types import HEAD_BYTES, sniff


@dataclass
class Tally:
    """What one kind of file came to."""

    files: int = 0
    megabytes: float = 0.0
    characters: int = 0
    chunks: int = 0
    parse_cpu: float = 0.0
    chunk_cpu: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)

    def line(self, kind: str) -> str:
        """One row of the report."""
        cpu = max(self.parse_cpu + self.chunk_cpu, 1e-9)
        amounts = f"{self.files:>6} {self.megabytes:>8.1f} {self.characters / 1e6:>8.2f} {self.chunks:>8}"
        times = f"{self.parse_cpu:>8.2f} {self.chunk_cpu:>8.2f}"
        rates = f"{self.megabytes / cpu:>8.2f} {self.chunks / cpu:>9.0f}"
        return f"{kind:<12} {amounts} {times} {rates}  {dict(self.refused) or ''}"


def files_below(paths: Iterable[Path]) -> list[Path]:
    """All files in the folders and the files given, in a stable order."""
    found = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sorted(file for file in found if file.is_file())


def by_kind(files: Iterable[Path]) -> dict[str, list[Path]]:
    """The files that can be read, by media type."""
    kinds: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
        try:
            kinds[sniff(head, file.name, None)].append(file)
        except DocumentRefused:
            continue
    return kinds


def cpu_of_children() -> float:
    """CPU seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def measure(kind: str, files: list[Path], tokenizer: ModelTokenizer, rules: ChunkingRules) -> Tally:
    """Parses and cuts the files, one after the other."""
    tally = Tally(files=len(files))
    parser = SubprocessParser(limits_of(Settings()))
    before = cpu_of_children()
    for file in files:
        started = time.process_time()
        try:
            document = await parser.parse(file, kind, file.name)
        except DocumentRefused as refused:
            tally.refused[refused.code] += 1
            continue
        parsed = time.process_time()
        tally.chunks += len(chunk(document, rules, tokenizer))
        tally.parse_cpu += parsed - started
        tally.chunk_cpu += time.process_time() - parsed
        tally.megabytes += file.stat().st_size / 1e6
        tally.characters += len(document.text)
    report_memory()
    await parser.close()
    tally.parse_cpu += cpu_of_children() - before
    return tally


def report_memory() -> None:
    """Prints what the fork server and the warm process hold."""
    for process in psutil.Process().children(recursive=True):
        memory = process.memory_full_info()
        print(
            f"  process {process.pid}: {memory.rss / 1e6:.0f} MB resident, {memory.uss / 1e6:.0f} MB its own"
        )


def main() -> None:
    """Reads the command line and prints the report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("paths", nargs="+", type=Path)
    arguments.add_argument("--max-tokens", type=int, default=240)
    arguments.add_argument("--tokenizer", type=Path)
    chosen = arguments.parse_args()
    default = Settings().models_directory / EMBEDDED_EMBEDDING_MODEL / "tokenizer.json"
    tokenizer = ModelTokenizer(chosen.tokenizer or default)
    rules = ChunkingRules(max_tokens=chosen.max_tokens)
    print(
        "kind          files       MB  M chars   chunks  parse s  chunk s   MB/CPU s  chunks/CPU s  refused"
    )
    for kind, files in sorted(by_kind(files_below(chosen.paths)).items()):
        name = kind.rpartition("/")[2].rpartition(".")[2]
        print(asyncio.run(measure(kind, files, tokenizer, rules)).line(name))


if __name__ == "__main__":
    main()
