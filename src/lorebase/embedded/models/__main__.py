"""`python -m lorebase.embedded.models --host 127.0.0.1 --port N` serves the local models."""

from __future__ import annotations

import argparse
import os
import sys

import uvicorn

from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, get_settings
from lorebase.core.logging import configure_logging
from lorebase.embedded.models.app import create_app
from lorebase.embedded.models.encoder import OnnxEncoder
from lorebase.embedded.models.model_files import ModelFilesMissing

STOP_SECONDS = 5


def main() -> int:
    """Serves until it is told to stop; 1 when the model files are not there."""
    parser = argparse.ArgumentParser(prog="python -m lorebase.embedded.models", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    arguments = parser.parse_args()
    settings = get_settings()
    configure_logging(settings.log_level, settings.log_format)
    try:
        encoder = OnnxEncoder(settings.models_directory / EMBEDDED_EMBEDDING_MODEL)
    except ModelFilesMissing as error:
        print(error, file=sys.stderr)
        return 1
    app = create_app(encoder, arguments.threads)
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        log_config=None,
        access_log=False,
        # A batch may have a minute of work left; its client will ask again.
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
