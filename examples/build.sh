#!/bin/sh
# Installs, generates the types, checks and tests them, and builds the example application and the clients;
# does nothing when all is up to date.
# Fails where Node.js or the npm registry is missing: nothing but the examples' own tests needs the result.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here"
npm() { sh ../ide/node.sh npm "$@"; }

# The cache is ours and temporary: HOME may be read-only.
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
npm_config_cache=$temporary/npm
export npm_config_cache

installed=$(cat package-lock.json package.json ./*/package.json | cksum)
if [ "$(cat node_modules/.stamp 2>/dev/null || true)" != "$installed" ]; then
    npm ci --loglevel=error
    echo "$installed" >node_modules/.stamp
fi

built=$(find . ../schema -type d \( -name node_modules -o -name build -o -name dist -o -name '*generated*' \) -prune \
    -o -type f -print | LC_ALL=C sort | xargs cat | cksum)
[ "$(cat node_modules/.built 2>/dev/null || true)" = "$built" ] && exit 0
npm run --silent codegen
npm run --silent check
npm run --silent test
npm run --silent build
echo "$built" >node_modules/.built
