"""The Python client of `docs/grpc.md` does what that page says."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_documented_client_prints_what_is_documented(newel):
    client = DOCS / "examples" / "grpc" / "client.py"
    run = subprocess.run([sys.executable, str(client), newel.grpc], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    printed = run.stdout.splitlines()
    documented = [line[4:] for line in (DOCS / "grpc.md").read_text().split("prints")[1].splitlines() if line.startswith("    ")]
    assert printed[:-1] == documented[:-1]
    assert printed[-1].startswith(documented[-1].split("'")[0])
