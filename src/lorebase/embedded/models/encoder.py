"""The sentence encoder: tokens and vectors by onnxruntime and tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]
from tokenizers import Tokenizer

from lorebase.embedded.models.model_files import (
    MODEL_FILE,
    TOKENIZER_FILE,
    ModelManifest,
    read_manifest,
)

Vector = npt.NDArray[np.float32]

# The model reads 256 tokens; text beyond this many characters cannot reach it and only costs time.
READ_CHARACTERS = 16_384


class TextEncoder(Protocol):
    """Turns text into tokens and tokens into vectors; safe to call from several threads."""

    @property
    def manifest(self) -> ModelManifest:
        """Name, version and limits of the model."""
        ...

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text with the special ones, cut to what the model reads."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Tokens of all texts together, uncut and without special tokens."""
        ...

    def embed(self, tokens: Sequence[int]) -> Vector:
        """The vector of one tokenised text: float32, length one, `manifest.dimensions` numbers."""
        ...


class OnnxEncoder:
    """all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019) as int8 ONNX.

    Each text runs alone: the int8 scales are taken from the whole input of a run, so in a batch a text's
    vector would depend on its neighbours. It is faster too, for nothing is padded.
    """

    def __init__(self, directory: Path) -> None:
        self._manifest = read_manifest(directory)
        self._tokenizer = Tokenizer.from_file(str(directory / TOKENIZER_FILE))
        self._tokenizer.no_truncation()
        self._session = _open_session(directory / MODEL_FILE)

    @property
    def manifest(self) -> ModelManifest:
        """Name, version and limits of the model."""
        return self._manifest

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text with the special ones, cut to what the model reads."""
        limit = self._manifest.max_input_tokens
        encoded = self._tokenizer.encode_batch_fast([text[:READ_CHARACTERS] for text in texts])
        # The last token marks the end of the text and must stay when the text is cut.
        return [e.ids if len(e.ids) <= limit else [*e.ids[: limit - 1], e.ids[-1]] for e in encoded]

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Tokens of all texts together, uncut and without special tokens."""
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return sum(len(one.ids) for one in encoded)

    def embed(self, tokens: Sequence[int]) -> Vector:
        """The vector of one tokenised text: float32, length one, `manifest.dimensions` numbers."""
        numbers = np.array([tokens], dtype=np.int64)
        vector: Vector = self._session.run(None, {"input_ids": numbers})[0][0]
        return vector


def _open_session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Two texts in two threads cost a fifth less than one text spread over both.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        str(model),
        options,
        providers=["CPUExecutionProvider"],
        # The fused kernel was measured six times slower than the two nodes it replaces.
        disabled_optimizers=["SkipLayerNormFusion"],
    )
