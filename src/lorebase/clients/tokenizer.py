"""The tokenizer of the embedding model, read from its tokenizer.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Encoding
from tokenizers import Tokenizer as FastTokenizer

_BLOCK_CHARACTERS = 8192
_BLOCKS_A_BATCH = 32


class ModelTokenizer:
    """Splits text as the model does, without its limits of length and without special tokens."""

    def __init__(self, path: Path) -> None:
        """Reads `path`. Raises FileNotFoundError or ValueError."""
        if not path.is_file():
            raise FileNotFoundError(f"There is no tokenizer at {path.name}; run the set-up again.")
        try:
            self._tokenizer = FastTokenizer.from_file(str(path))
        except Exception as error:  # The library raises nothing narrower.
            raise ValueError(f"{path.name} is not a tokenizer.") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """See the port. Texts over 8,192 characters are read in blocks that end at white space where there is
        any, so memory stays bounded; a word longer than a block counts once in each."""
        ends: list[list[int]] = [[] for _ in texts]
        waiting: list[tuple[int, int, str]] = []
        for index, text in enumerate(texts):
            for start, end in _blocks(text):
                waiting.append((index, start, text[start:end]))
                if len(waiting) == _BLOCKS_A_BATCH:
                    self._encode(waiting, ends)
        self._encode(waiting, ends)
        return ends

    def _encode(self, waiting: list[tuple[int, int, str]], ends: list[list[int]]) -> None:
        encodings: list[Encoding] = self._tokenizer.encode_batch(
            [block for _, _, block in waiting], add_special_tokens=False
        )
        for (index, start, _), encoding in zip(waiting, encodings, strict=True):
            ends[index].extend([start + end for _, end in encoding.offsets])
        waiting.clear()


def _blocks(text: str) -> list[tuple[int, int]]:
    blocks = []
    start = 0
    while len(text) - start > _BLOCK_CHARACTERS:
        limit = start + _BLOCK_CHARACTERS
        gap = max(text.rfind(" ", limit - 1024, limit), text.rfind("\n", limit - 1024, limit))
        end = gap + 1 if gap > start else limit
        blocks.append((start, end))
        start = end
    blocks.append((start, len(text)))
    return blocks
