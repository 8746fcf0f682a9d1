#!/bin/sh
# Builds the GraphiQL page into src/lorebase/api/static/graphiql; does nothing when it is up to date.
# Without Node.js or the npm registry it says so and ends well, since the API works without the page;
# with --strict it fails instead.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=$here/../src/lorebase/api/static/graphiql
strict=${1:-}

later() {
    echo "GraphiQL was not built: $1" >&2
    echo "The API works without it. To build it later, run: sh ide/build.sh" >&2
    [ "$strict" = --strict ] && exit 1
    exit 0
}

fingerprint() { cat "$@" | cksum; }

cd "$here"
stamp=$(fingerprint package-lock.json build.mjs src/*)
[ "$(cat "$target/stamp" 2>/dev/null || true)" = "$stamp" ] && exit 0

sh ./node.sh check || later "there is no Node.js of version 20 or newer, and pip could not install one."

# The cache is ours and temporary: HOME may be read-only.
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
npm_config_cache=$temporary/npm
export npm_config_cache

installed=$(fingerprint package-lock.json)
if [ "$(cat node_modules/.stamp 2>/dev/null || true)" != "$installed" ]; then
    sh ./node.sh npm ci --loglevel=error || later "npm could not install the packages of ide/package-lock.json."
    echo "$installed" >node_modules/.stamp
fi
sh ./node.sh node build.mjs "$target" || later "the bundler failed; its message is above."
echo "$stamp" >"$target/stamp"
