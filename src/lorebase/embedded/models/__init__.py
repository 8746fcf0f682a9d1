"""The local model server: embeddings and extractive answers behind OpenAI's HTTP interface."""

from lorebase.core.config import disable_native_telemetry

# Here, for a package runs before its modules: onnxruntime reads the setting once, when it is imported.
disable_native_telemetry()
