#!/bin/sh
# restore.sh FILE NAMESPACE: restores a dump. FILE is one of this machine, or the name of one on the volume backup-storage or in
# the vaults. NAMESPACE is the region's (its living database; what was there before is kept under another name) or another one, for
# a test. More after that goes to `dr restore`, such as --accept-unverified 'why'.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: $0 FILE NAMESPACE [options of dr restore --dump]" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
file=$1 namespace=$2
shift 2
export MARIMO_DR_PROJECT="${MARIMO_DR_PROJECT:-$root}"
exec node "$root/ops/dr.js" restore --dump "$file" --namespace "$namespace" "$@"
