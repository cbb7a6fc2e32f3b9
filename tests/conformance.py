#!/usr/bin/env python3
"""Replays the recordings of AWS that need no service but Step Functions against `newel dev`, and shows how many agree.

usage: tests/conformance.py DIRECTORY [arguments of its run_cases.py]        DIRECTORY has run_cases.py and cases/

It reports and judges nothing: what differs is listed, and the exit code is 0 unless the replay itself broke.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.newel import Dev  # noqa: E402

NOWHERE = "http://127.0.0.1:9"
"""Where tasks would go: none of these recordings has one that is carried out."""


def main() -> int:
    recordings, *more = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="newel-conformance-") as scratch, Dev(Path(scratch), NOWHERE) as newel:
        runner = [sys.executable, str(Path(recordings) / "run_cases.py"), "--endpoint", newel.http_url]
        cases = ["--cases", str(Path(recordings) / "cases"), "--needs", "none", "--account-per-case"]
        return 0 if subprocess.run([*runner, *cases, *more]).returncode in (0, 1) else 1


if __name__ == "__main__":
    sys.exit(main())
