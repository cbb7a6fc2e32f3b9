#!/bin/sh
# Fetches the pinned botocore wheel into a directory and prints its path.
#
#   crates/aws-catalog/fetch.sh OUT_DIR
#
# PYTHON names the interpreter whose pip is used (default: python3). A wheel that is already there with the pinned hash
# is kept. Fails if the hash differs.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUT_DIR" >&2; exit 2; }
out=$1
pins=$(dirname -- "$0")/botocore.txt
python=${PYTHON:-python3}

version=$(sed -n 's/^botocore==\([^ ]*\) .*/\1/p' "$pins")
expected=$(sed -n 's/^botocore==.*--hash=sha256:\([0-9a-f]*\).*/\1/p' "$pins")
wheel=$out/botocore-$version-py3-none-any.whl

sha256() {
    "$python" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

if [ ! -f "$wheel" ] || [ "$(sha256 "$wheel")" != "$expected" ]; then
    mkdir -p "$out"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes --requirement "$pins" --dest "$out" >&2
fi

[ "$(sha256 "$wheel")" = "$expected" ] || { echo "$wheel: SHA-256 isn't the pinned one" >&2; exit 1; }
echo "$wheel"
