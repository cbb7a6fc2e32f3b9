#!/usr/bin/env python3
"""Replays the recordings of AWS that need no service but Step Functions against `newel dev`.

usage: tests/conformance/replay.py DIRECTORY [arguments of its run_cases.py]     DIRECTORY has run_cases.py and cases/

It shows how many agree and judges nothing: the exit code is 0 unless the replay itself broke. `test_recordings.py` judges.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.newel import Dev  # noqa: E402

NOWHERE = "http://127.0.0.1:9"
"""Where tasks would go: none of these recordings has one that a worker carries out."""
SELECTED = ["--needs", "none", "--account-per-case", "--jobs", "4"]


def cases(recordings: Path) -> dict[str, str]:
    """The recordings that need no other service: when each was made, by its id."""
    files = sorted((recordings / "cases").glob("*.json"))
    found = [case for file in files for case in json.loads(file.read_text())["cases"] if not case["needs"]]
    return {case["id"]: case["source"]["snapshot_recorded"] for case in found}


def replay(recordings: Path, *more: str) -> int:
    """Runs the recordings' own runner against a Newel of its own, and gives the runner's exit code."""
    with tempfile.TemporaryDirectory(prefix="newel-conformance-") as scratch, Dev(Path(scratch), NOWHERE) as newel:
        runner = [sys.executable, str(recordings / "run_cases.py"), "--cases", str(recordings / "cases")]
        return subprocess.run([*runner, "--endpoint", newel.http_url, *SELECTED, *more]).returncode


def report(recordings: Path) -> dict[str, dict]:
    """What became of each recording, by its id."""
    with tempfile.TemporaryDirectory(prefix="newel-conformance-") as scratch:
        file = Path(scratch) / "report.json"
        assert replay(recordings, "--json-report", str(file)) in (0, 1), "the replay broke"
        return {result["id"]: result for result in json.loads(file.read_text())}


if __name__ == "__main__":
    sys.exit(0 if replay(Path(sys.argv[1]), *sys.argv[2:]) in (0, 1) else 1)
