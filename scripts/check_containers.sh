#!/bin/sh
# Lints the Dockerfile, the scripts beside it and the compose file; needs no container engine.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
tools=${VENV:-$root/.venv}/bin
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

"$tools/hadolint" --failure-threshold info "$root/docker/Dockerfile"
for script in "$root/docker/entrypoint" "$root/docker/healthcheck"; do sh -n "$script"; done

# Every secret that the compose file asks for, with a value that is good for nothing else.
sed -n 's/.*\${\([A-Z_]*\):?.*/\1=only-a-check/p' "$root/docker-compose.yml" | sort -u >"$temporary/env"
"$tools/docker-compose" --env-file "$temporary/env" --file "$root/docker-compose.yml" config --quiet
if "$tools/docker-compose" --env-file /dev/null --file "$root/docker-compose.yml" config --quiet 2>/dev/null; then
    echo "docker-compose.yml must refuse to start without its secrets." >&2
    exit 1
fi
echo "Containers: the Dockerfile and the compose file are sound."
