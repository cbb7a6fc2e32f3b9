#!/usr/bin/env bash
# Makes the Python environment of the tests in .venv and does nothing when it is there and up to date.
# usage: tests/env.sh        (PYTHON=/path/to/python3 picks another interpreter)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
requirements=$root/tests/requirements.txt
stamp=$venv/.newel-requirements
python=${PYTHON:-python3}

say() { printf 'tests/env.sh: %s\n' "$*"; }

if ! command -v "$python" >/dev/null; then
    say "$python not found: Python 3.11 or newer is needed" >&2
    exit 1
fi
wanted="$("$python" -V 2>&1) $(sha256sum <"$requirements")"
if [[ -x $venv/bin/python && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
    say "$venv is up to date"
    exit 0
fi

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    say "installing python3-venv"
    as_root apt-get update -qq
    as_root apt-get install -y -qq python3-venv
fi

# A half-made environment from an interrupted run, or one of another Python, is made again.
if [[ ! -x $venv/bin/python || $("$venv/bin/python" -V 2>&1) != "$("$python" -V 2>&1)" ]]; then
    say "creating $venv"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
say "installing $(grep -c '==' "$requirements") packages into $venv (a minute or two the first time)"
rm -f "$stamp"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$requirements"
"$venv/bin/pip" check --disable-pip-version-check
printf '%s' "$wanted" >"$stamp"
say "done"
