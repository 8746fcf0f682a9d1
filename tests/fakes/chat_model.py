"""A chat model that says what a test tells it to, piece by piece."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable

from lorebase.ports.chat_model import Structure
from lorebase.schemas.answers import FinishReason, TokenUsage
from lorebase.schemas.chat import ChatDelta, ChatPrompt
from tests.fakes.clock import FakeClock

Step = str | BaseException | Callable[[], Awaitable[object] | object]

USAGE = TokenUsage(prompt_tokens=70, completion_tokens=30)


class FakeChatModel:
    """Implements the ChatModel port.

    Each call of `stream` takes the next of `scripts`: text to say, errors to raise, and functions to call in
    between. Each piece takes `seconds_per_piece` of the clock, so that none waits for another. `completions`
    are what `complete` returns, as JSON. `prompts` and `limits` keep what was asked, `closed` counts ended
    streams.
    """

    name = "fake-chat"

    def __init__(self, clock: FakeClock, *, is_generative: bool = True) -> None:
        self.is_generative = is_generative
        self.scripts: list[list[Step]] = []
        self.completions: list[str | BaseException] = []
        self.finish = FinishReason.STOP
        self.prompts: list[ChatPrompt] = []
        self.limits: list[int] = []
        self.rewritten: list[ChatPrompt] = []
        self.closed = 0
        self.seconds_per_piece = 1.0
        self._clock = clock

    async def stream(self, prompt: ChatPrompt, max_tokens: int) -> AsyncGenerator[ChatDelta]:
        self.prompts.append(prompt)
        self.limits.append(max_tokens)
        try:
            for step in self.scripts.pop(0):
                if isinstance(step, str):
                    self._clock.advance(self.seconds_per_piece)
                    yield ChatDelta(text=step)
                elif isinstance(step, BaseException):
                    raise step
                else:
                    done = step()
                    if inspect.isawaitable(done):
                        await done
            yield ChatDelta(finish_reason=self.finish, usage=USAGE)
        finally:
            self.closed += 1

    async def complete(self, prompt: ChatPrompt, structure: type[Structure], max_tokens: int) -> Structure:
        self.rewritten.append(prompt)
        completion = self.completions.pop(0)
        if isinstance(completion, BaseException):
            raise completion
        return structure.model_validate_json(completion)
