#!/bin/sh
# Installs the suites' packages below node_modules; quick when they are there. Needs Node.js 20 or newer: the
# machine's own, or the one that pip installs (ide/node.sh). Fails loudly where there is neither.
set -eu

cd "$(dirname "$0")"
node=../../../ide/node.sh

if ! sh "$node" check; then
    echo "The suites need Node.js of version 20 or newer, and pip could not install one." >&2
    exit 1
fi
stamp=$(cat package-lock.json | cksum)
[ "$(cat node_modules/.stamp 2>/dev/null || true)" = "$stamp" ] && exit 0

# The cache is ours and temporary: HOME may be read-only.
npm_config_cache=$(mktemp -d)
export npm_config_cache
trap 'rm -rf "$npm_config_cache"' EXIT
trap 'exit 130' INT TERM
sh "$node" npm ci --loglevel=error
echo "$stamp" >node_modules/.stamp
