"""What form an answer has, judging by how an English question begins."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of question, what its answers look like, and how much that is worth in a score."""

    asks: re.Pattern[str]
    looks: re.Pattern[str]
    bonus: float

    def fits(self, text: str) -> bool:
        """Whether `text` looks like an answer of this form."""
        return self.looks.search(text) is not None


NUMBER = Form(
    re.compile(
        r"\b(how (many|much|long|old|far|often|big|high|fast)|when|(what|which) (year|date|day|century|time"
        r"|number|age|percent\w*|share|rate|version|port|size))\b"
    ),
    re.compile(r"\d"),
    0.1,
)
NAME = Form(re.compile(r"\b(who|whom|whose)\b"), re.compile(r"(?<!^)\b[A-Z]\w+ [A-Z]"), 0.1)
INSTRUCTION = Form(
    re.compile(r"\bhow (do|can|could|should|would|to)\b"),
    re.compile(
        r"^(to|by|use|call|run|set|add|pass|click|select|choose|open|enter|type|install|create|make|write)\b"
        r"|\b(use|(?<!ed )using|call|calling|by \w+ing|(can|must|should|may) be \w+(ed|en))\b",
        re.IGNORECASE,
    ),
    0.2,
)
_ACTION = re.compile(r"\bhow (?:(?:do|can|could|should|would) \w+|to) (\w+)")
FORMS = (NUMBER, NAME, INSTRUCTION)
BEST_BONUS = max(form.bonus for form in FORMS)


def expected_forms(question: str) -> list[Form]:
    """The forms that an answer to `question` may have; none for most questions."""
    folded = question.casefold()
    return [form for form in FORMS if form.asks.search(folded)]


def asked_action(question: str) -> str:
    """The verb of a question that asks how to do something, such as "cancel"; empty for other questions."""
    found = _ACTION.search(question.casefold())
    return found.group(1) if found else ""
