#!/bin/sh
# Runs a command of this project, after installing the packages of the lock file where they are missing or outdated.
set -eu
cd "$(dirname "$0")/.."
if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --no-fund --no-audit
  cp package-lock.json node_modules/.installed-lock
fi
PATH="$PWD/node_modules/.bin:$PATH"
exec "$@"
