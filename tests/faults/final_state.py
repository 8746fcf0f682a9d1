"""What is left in the stores when everything has settled."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FinalDocument:
    """A document as the API shows it; `text_is_whole` says that its text is exactly the one of `mark`."""

    name: str
    document_id: str
    status: str
    mark: str
    text_is_whole: bool
    tags: tuple[str, ...] = ()
    found_by: frozenset[str] = frozenset()


@dataclass(frozen=True)
class VectorRow:
    """A row of Milvus."""

    chunk_id: str
    document_id: str
    generation: int
    ordinal: int


@dataclass(frozen=True)
class FinalState:
    """What the API and the stores hold at the end.

    `live_chunks` are the passages that search may show, as PostgreSQL has them. `leftovers` are rows of
    documents that are deleted and parts of broken uploads, each named. `unfinished` are jobs, answers and
    receipts that have not ended. `stray_files` are files of the blob store that no row names: whoever uploads
    stores the bytes first, and they are kept for a while.
    """

    documents: tuple[FinalDocument, ...] = ()
    vectors: tuple[VectorRow, ...] = ()
    live_chunks: frozenset[str] = frozenset()
    leftovers: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    stray_files: tuple[str, ...] = ()


SEARCH_MODES = frozenset({"VECTOR", "KEYWORD", "TAG"})


@dataclass
class Findings:
    """What was promised and not kept, each case in a line of its own."""

    accepted: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    deleted_visible: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    @property
    def by_kind(self) -> dict[str, list[str]]:
        """The broken promises by the name they have in the last line."""
        return {name: value for name, value in vars(self).items() if name != "accepted"}

    @property
    def all_kept(self) -> bool:
        """Whether every promise was kept."""
        return not any(self.by_kind.values())

    def last_line(self, rounds: int) -> str:
        """The line that a run ends with."""
        counts = " ".join(f"{name}={len(cases)}" for name, cases in self.by_kind.items())
        return f"rounds={rounds} accepted={self.accepted} {counts}"
