#!/bin/sh
# Makes .venv and everything in it: `sh scripts/setup.sh embedded` to run Lorebase, `… dev` to test it too.
# Quick when nothing has changed since the last time. PYTHON=… chooses the interpreter.
set -eu

cd "$(dirname "$0")/.."
kind=${1:-embedded}
lock=requirements-$kind.lock
python=.venv/bin/python

# Settings of the caller's Python or pip would lead packages astray; without a locale paths are UTF-8 still.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_REQUIRE_HASHES || true
export PYTHONUTF8=1 PIP_USER=0 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
if ! [ -d "${HOME:-}" ] || ! [ -w "$HOME" ]; then
    export PIP_NO_CACHE_DIR=1
fi

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 python; do
        if is_new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "Lorebase needs Python 3.11 or newer, and none was found (tried python3.13, 3.12, 3.11, python3)." \
        "Install one, or name it: make setup PYTHON=/path/to/python3.11"
}

make_environment() {
    is_new_enough "$python" && "$python" -m pip --version >/dev/null 2>&1 && return
    chosen=$(find_python)
    echo "Creating .venv with $("$chosen" --version)."
    "$chosen" -m venv --clear .venv ||
        fail "Python cannot create .venv here. On Debian and Ubuntu install python3-venv."
}

# The place is part of the key: an environment that was moved must be told its new one.
key_of() {
    { pwd && "$python" --version && cat "$1" pyproject.toml requirements-model.lock scripts/build_minilm.py; } | cksum
}

stamp_of() {
    printf '.venv/lorebase-%s.stamp' "$1"
}

is_done() {
    [ "$(cat "$(stamp_of "$kind")" 2>/dev/null)" = "$(key_of "$lock")" ]
}

install() {
    echo "Installing the packages of $lock; the first time takes a few minutes."
    "$python" -m pip install --quiet --require-hashes --no-deps -r "$lock"
    "$python" -m pip install --quiet --no-deps --no-build-isolation --editable .
    echo "Preparing the local embedding model."
    "$python" scripts/build_minilm.py
}

[ -f "$lock" ] || fail "There is no $lock: use \`embedded\` or \`dev\`."
make_environment
if ! is_done; then
    rm -f .venv/lorebase-*.stamp
    install
    key_of "$lock" >"$(stamp_of "$kind")"
    # The packages for tests are those for running and some more.
    [ "$kind" = embedded ] || key_of requirements-embedded.lock >"$(stamp_of embedded)"
fi
sh ide/build.sh
