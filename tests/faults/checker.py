"""Compares what was acknowledged with what was seen during the run and with what is left at its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.final_state import SEARCH_MODES, FinalDocument, FinalState, Findings
from tests.faults.history import Kind, Operation, Outcome

_READS = (Kind.SEARCH, Kind.SHOW, Kind.ASK)
ABSENT = ""


@dataclass
class Expected:
    """What one name may hold at the end: the marks of versions, or ABSENT; and the tags it may have."""

    marks: set[str] = field(default_factory=lambda: {ABSENT})
    tags: set[tuple[str, ...]] = field(default_factory=lambda: {()})


def check(operations: Sequence[Operation], final: FinalState) -> Findings:
    """Every broken promise in a history and in what is left. Each client works on names of its own."""
    findings = Findings(accepted=sum(_is_acknowledged(one, Kind.UPLOAD) for one in operations))
    expected = expectations(operations)
    _check_reads(operations, findings)
    _check_follows(operations, findings)
    _check_documents(expected, final.documents, findings)
    _check_vectors(final, findings)
    findings.orphaned.extend(final.leftovers)
    findings.unfinished.extend(final.unfinished)
    return findings


def expectations(operations: Iterable[Operation]) -> dict[str, Expected]:
    """What each name may hold. An operation whose outcome is unknown may have happened, and may not."""
    expected: dict[str, Expected] = defaultdict(Expected)
    for one in sorted(operations, key=lambda operation: operation.began):
        if one.outcome is Outcome.REFUSED or one.kind not in (Kind.UPLOAD, Kind.UPDATE, Kind.DELETE):
            continue
        state = expected[one.name]
        certain = one.outcome is Outcome.ACKNOWLEDGED
        if one.kind is Kind.UPDATE:
            state.tags = {one.tags} if certain else state.tags | {one.tags}
        else:
            mark = one.mark if one.kind is Kind.UPLOAD else ABSENT
            if certain and (mark == ABSENT or state.marks == {ABSENT}):
                state.tags = {()}
            state.marks = {mark} if certain else state.marks | {mark}
    return expected


def _is_acknowledged(operation: Operation, kind: Kind) -> bool:
    return operation.kind is kind and operation.outcome is Outcome.ACKNOWLEDGED


def _check_reads(operations: Sequence[Operation], findings: Findings) -> None:
    deleted = {one.document_id: one.ended for one in operations if _is_acknowledged(one, Kind.DELETE)}
    owners = {one.mark: one.name for one in operations if one.kind is Kind.UPLOAD}
    replaced = _replaced(operations)
    for one in operations:
        if one.kind not in _READS or one.outcome is not Outcome.ACKNOWLEDGED:
            continue
        for seen in one.seen:
            where = f"{one.kind} at {one.began:.2f} ({one.note}) shows {seen.name} {seen.document_id}"
            if deleted.get(seen.document_id, one.began) < one.began:
                gone = deleted[seen.document_id]
                findings.deleted_visible.append(f"{where}, deleted at {gone:.2f}")
            for mark in seen.marks:
                if owners.get(mark) != seen.name:
                    findings.wrong.append(f"{where} with {mark}, which is of {owners.get(mark)}")
                elif replaced.get((seen.document_id, mark), one.began) < one.began:
                    findings.wrong.append(f"{where} with {mark}, which was replaced")
        _check_hits(one, findings)


def _check_hits(one: Operation, findings: Findings) -> None:
    if one.wanted and one.name not in {seen.name for seen in one.seen}:
        findings.wrong.append(f"search at {one.began:.2f} ({one.note}) does not find {one.name} {one.mark}")
    chunks = Counter(seen.chunk_id for seen in one.seen if seen.chunk_id)
    findings.duplicated.extend(
        f"{one.kind} at {one.began:.2f} shows passage {chunk_id} {times} times"
        for chunk_id, times in chunks.items()
        if times > 1
    )


def _replaced(operations: Sequence[Operation]) -> dict[tuple[str, str], float]:
    """When a newer version of a document was first known to be live, by document and older mark."""
    versions: dict[str, list[str]] = defaultdict(list)
    for one in operations:
        if _is_acknowledged(one, Kind.UPLOAD) and one.mark not in versions[one.document_id]:
            versions[one.document_id].append(one.mark)
    replaced: dict[tuple[str, str], float] = {}
    for one in operations:
        marks = versions[one.document_id] if one.kind is Kind.LIVE else []
        if one.mark in marks:
            for older in marks[: marks.index(one.mark)]:
                replaced.setdefault((one.document_id, older), one.ended)
    return replaced


def _check_follows(operations: Sequence[Operation], findings: Findings) -> None:
    for one in operations:
        if one.kind is not Kind.FOLLOW:
            continue
        what = f"stream of {one.job_id or 'an answer'} ({one.name}) from {one.began:.2f}"
        if one.outcome is not Outcome.ACKNOWLEDGED:
            findings.unfinished.append(f"{what} neither ended nor could be resumed: {one.note}")
        elif one.note:
            findings.wrong.append(f"{what}: {one.note}")


def _check_documents(
    expected: dict[str, Expected], documents: Sequence[FinalDocument], findings: Findings
) -> None:
    there: dict[str, list[FinalDocument]] = defaultdict(list)
    for document in documents:
        there[document.name].append(document)
    for name in sorted(expected.keys() | there.keys()):
        found, wanted = there[name], expected.get(name)
        if len(found) > 1:
            findings.duplicated.append(f"{name} is there {len(found)} times")
        if wanted is None:
            findings.wrong.append(f"{name} was never uploaded")
        elif not found and ABSENT not in wanted.marks:
            findings.lost.append(f"{name} is gone; it should hold {' or '.join(sorted(wanted.marks))}")
        elif found and wanted.marks == {ABSENT}:
            findings.deleted_visible.append(f"{name} is there though it was deleted")
        else:
            for document in found:
                _check_document(document, wanted, findings)


def _check_document(document: FinalDocument, wanted: Expected, findings: Findings) -> None:
    what = f"{document.name} {document.document_id} with {document.mark or 'no text'}"
    if document.status != "READY":
        findings.lost.append(f"{what} is {document.status}")
        return
    if document.mark not in wanted.marks:
        findings.wrong.append(f"{what} should hold {' or '.join(sorted(wanted.marks))}")
    elif not document.text_is_whole:
        findings.wrong.append(f"{what} has another text than was sent")
    if document.tags not in wanted.tags:
        findings.wrong.append(f"{what} has the tags {document.tags} instead of {sorted(wanted.tags)}")
    if missing := SEARCH_MODES - document.found_by:
        findings.lost.append(f"{what} is not found by {' '.join(sorted(missing))}")


def _check_vectors(final: FinalState, findings: Findings) -> None:
    places = Counter((row.document_id, row.generation, row.ordinal) for row in final.vectors)
    ids = Counter(row.chunk_id for row in final.vectors)
    findings.duplicated.extend(f"vector {place} is there {n} times" for place, n in places.items() if n > 1)
    findings.duplicated.extend(f"vector {one} is there {n} times" for one, n in ids.items() if n > 1)
    findings.orphaned.extend(
        f"vector {row.chunk_id} of {row.document_id} generation {row.generation}"
        for row in final.vectors
        if row.chunk_id not in final.live_chunks
    )
    findings.lost.extend(f"passage {chunk} has no vector" for chunk in sorted(final.live_chunks - ids.keys()))
