#!/bin/sh
# disaster-recovery.sh NAMESPACE FILE: everything anew on an empty cluster. `pulumi up` brings the database back from the vaults, with
# all that was archived. Only where they held none, and it comes back empty, the dump FILE is restored: it is older.
# The stack is MARIMO_STACK, by default primary.
set -eu
if [ $# -ne 2 ]; then
    echo "usage: $0 NAMESPACE FILE" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
export MARIMO_DR_PROJECT="${MARIMO_DR_PROJECT:-$root}"
stack=${MARIMO_STACK:-primary}
pulumi -C "$MARIMO_DR_PROJECT" stack select --create "$stack"
pulumi -C "$MARIMO_DR_PROJECT" up --stack "$stack" --yes --skip-preview --refresh --run-program
exec node "$root/ops/dr.js" restore --region "$stack" --dump "$2" --namespace "$1" --only-if-empty
