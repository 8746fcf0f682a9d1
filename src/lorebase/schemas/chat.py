"""What goes to a chat model and what comes back."""

from __future__ import annotations

from lorebase.schemas.answers import FinishReason, TokenUsage
from lorebase.schemas.base import Value


class ChatPrompt(Value):
    """A rendered prompt template; `template` is its name and version, such as `answer_with_citations.v1`."""

    template: str
    system: str
    user: str


class ChatDelta(Value):
    """A piece of a streamed completion; the last one carries why it ended and what it cost."""

    text: str = ""
    finish_reason: FinishReason | None = None
    usage: TokenUsage | None = None
