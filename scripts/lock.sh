#!/bin/sh
# Writes the hash-locked requirements anew; needs uv on the PATH. No lock names where packages come from.
set -eu
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-header --no-annotate --quiet "$@"
}
compile requirements-build.in -o requirements-build.lock
compile pyproject.toml -o requirements.lock
compile pyproject.toml requirements-build.in --extra embedded -o requirements-embedded.lock
compile pyproject.toml requirements-build.in --extra embedded --extra dev -o requirements-dev.lock
