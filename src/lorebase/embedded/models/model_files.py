"""The files of a converted model on disk, and the manifest that vouches for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from lorebase.schemas.base import Value

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
MANIFEST_FILE = "manifest.json"


class ModelFilesMissing(Exception):
    """The converted model is absent or damaged; the message says how to make it."""


class ModelManifest(Value):
    """What one converted model is. `version` changes whenever its vectors would."""

    name: str
    version: str
    dimensions: int
    max_input_tokens: int
    sha256: dict[str, str]


def file_digest(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(directory: Path) -> ModelManifest:
    """The manifest of the model in `directory`; raises ModelFilesMissing unless every file matches it."""
    try:
        manifest = ModelManifest.model_validate_json((directory / MANIFEST_FILE).read_bytes())
        found = {name: file_digest(directory / name) for name in manifest.sha256}
    except (OSError, ValidationError) as error:
        raise ModelFilesMissing(f"No usable model in {directory}: run scripts/build_minilm.py.") from error
    if found != manifest.sha256 or not {MODEL_FILE, TOKENIZER_FILE} <= found.keys():
        raise ModelFilesMissing(f"The model in {directory} is damaged: run scripts/build_minilm.py.")
    return manifest
