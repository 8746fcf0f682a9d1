"""Whether what an answer cites stands where it says, in the answer and in the document."""

from __future__ import annotations

from tests.e2e.client import Json
from tests.faults.texts import body_of, marks_in


def faults_of_citations(answer: Json) -> list[str]:
    """What is wrong with the citations of a finished answer; one of a failed answer may have none."""
    return [
        f"citation {citation['index']} {fault}"
        for citation in answer.get("citations", ())
        for fault in _faults(citation, len(answer["text"]))
    ]


def _faults(citation: Json, answer_length: int) -> list[str]:
    faults = []
    place = citation["range"]
    if not 0 <= place["start"] < place["end"] <= answer_length:
        faults.append(f"is at {place['start']} to {place['end']} of {answer_length}")
    marks = marks_in(citation["quote"])
    if len(marks) != 1:
        faults.append(f"quotes {len(marks)} versions")
    else:
        source = citation["documentRange"]
        if body_of(marks[0])[source["start"] : source["end"]] != citation["quote"]:
            faults.append(f"does not stand in {marks[0]} where it says")
    return faults
