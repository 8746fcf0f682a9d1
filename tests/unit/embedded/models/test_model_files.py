"""The manifest vouches for the model's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorebase.embedded.models.model_files import (
    MANIFEST_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    ModelFilesMissing,
    ModelManifest,
    file_digest,
    read_manifest,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name in (MODEL_FILE, TOKENIZER_FILE):
        (tmp_path / name).write_text(f"content of {name}")
    write_manifest(tmp_path, MODEL_FILE, TOKENIZER_FILE)
    return tmp_path


def write_manifest(directory: Path, *names: str) -> None:
    manifest = ModelManifest(
        name="m",
        version="1",
        dimensions=3,
        max_input_tokens=8,
        sha256={name: file_digest(directory / name) for name in names},
    )
    (directory / MANIFEST_FILE).write_text(manifest.model_dump_json())


def test_a_whole_model_is_read(model: Path) -> None:
    manifest = read_manifest(model)
    assert (manifest.name, manifest.version, manifest.dimensions) == ("m", "1", 3)


def test_a_changed_file_is_noticed(model: Path) -> None:
    (model / MODEL_FILE).write_text("something else")
    with pytest.raises(ModelFilesMissing, match="damaged"):
        read_manifest(model)


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE, MANIFEST_FILE])
def test_a_missing_file_is_noticed(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(ModelFilesMissing, match="build_minilm"):
        read_manifest(model)


def test_a_manifest_that_vouches_for_too_little_is_refused(model: Path) -> None:
    write_manifest(model, MODEL_FILE)
    with pytest.raises(ModelFilesMissing, match="damaged"):
        read_manifest(model)


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"name": 1}'])
def test_an_unreadable_manifest_counts_as_no_model(model: Path, content: str) -> None:
    (model / MANIFEST_FILE).write_text(content)
    with pytest.raises(ModelFilesMissing):
        read_manifest(model)


def test_the_message_names_the_folder_and_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesMissing, match=r"No usable model in .*scripts/build_minilm\.py"):
        read_manifest(tmp_path / "nowhere")
