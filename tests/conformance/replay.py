#!/usr/bin/env python3
"""Replays recordings of AWS against `newel dev`: those that need no service but Step Functions, or those that need others.

usage: tests/conformance/replay.py DIRECTORY [--services] [arguments of its run_cases.py]

DIRECTORY has run_cases.py and cases/. With --services Newel calls an emulator, which answers as AWS does
(`support.aws_front`). It shows how many agree and judges nothing: the exit code is 0 unless the replay itself broke.
`test_recordings.py` and `test_services.py` judge.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.aws_front import EMULATORS, AwsFront  # noqa: E402
from support.clients import REGION  # noqa: E402
from support.moto_server import MotoServer  # noqa: E402
from support.newel import Dev  # noqa: E402

NOWHERE = "http://127.0.0.1:9"
"""Where tasks would go of recordings that have none which a worker carries out."""
MOCKS = "mock-config"
"""What recordings need whose tasks a mock configuration answers, which the runner writes for each of them."""
SERVED = {"lambda", "logs", "s3", "sqs", "sns", "dynamodb", "iam-assume-role", "secretsmanager", "events", MOCKS}
"""What recordings may need that is served. The others need a CloudFormation or an API Gateway that creates state machines
and calls them here, which no emulator does."""
RUNNER = Path(__file__).parent / "runner.py"
RUN = ["--jobs", "4", "--poll-timeout", "20"]
"""No recording takes 20 seconds, and the runner waits as long for what never comes."""
OWN_ACCOUNTS = ["--account-per-case"]
EMULATORS_ACCOUNT = ["--account", EMULATORS, "--access-key", EMULATORS]
"""Log groups have to be in the account of the execution."""
TOLD = {"logs": {"cloudwatch": True}}
"""Execution logs go to the emulator."""
Wanted = Callable[[dict], bool]


def alone(case: dict) -> bool:
    """Whether a recording needs Step Functions alone."""
    return not case["needs"]


def with_services(case: dict) -> bool:
    """Whether a recording needs other services, all of which are served."""
    return bool(case["needs"]) and set(case["needs"]) <= SERVED


def _files(recordings: Path, wanted: Wanted) -> Iterator[tuple[str, dict]]:
    for file in sorted((recordings / "cases").glob("*.json")):
        group = json.loads(file.read_text())
        if cases := [case for case in group["cases"] if wanted(case)]:
            yield file.name, {**group, "cases": cases}


def cases(recordings: Path, wanted: Wanted) -> dict[str, str]:
    """The recordings that are wanted: when each was made, by its id."""
    return {case["id"]: case["source"]["snapshot_recorded"] for _, file in _files(recordings, wanted) for case in file["cases"]}


@contextlib.contextmanager
def _newel(scratch: Path, services: bool) -> Iterator[list[str]]:
    """Newel, and the emulator if it is to have one: the runner's arguments that say where they are."""
    if not services:
        with Dev(scratch, NOWHERE) as newel:
            yield ["--endpoint", newel.http_url]
        return
    mocks = scratch / "MockConfigFile.json"
    mocks.write_text("{}")
    moto = MotoServer()
    try:
        with AwsFront(moto.url) as front, Dev(scratch, front.url, {**TOLD, "mocks": {"file": str(mocks)}}) as newel:
            yield ["--endpoint", newel.http_url, "--aux-endpoint", front.url, "--mock-config-file", str(mocks)]
    finally:
        moto.stop()


def replay(recordings: Path, wanted: Wanted, *more: str, services: bool = False) -> int:
    """Runs the recordings' own runner against a Newel of its own, and gives the runner's exit code."""
    with tempfile.TemporaryDirectory(prefix="newel-conformance-") as scratch:
        chosen = Path(scratch) / "cases"
        chosen.mkdir()
        for name, file in _files(recordings, wanted):
            (chosen / name).write_text(json.dumps(file))
        with _newel(Path(scratch), services) as places:
            runner = [sys.executable, str(RUNNER), str(recordings), "--cases", str(chosen), *places]
            return subprocess.run([*runner, *RUN, *(EMULATORS_ACCOUNT if services else OWN_ACCOUNTS), *more]).returncode


def report(recordings: Path, wanted: Wanted, region: str = REGION, services: bool = False) -> dict[str, dict]:
    """What became of each recording, by its id."""
    with tempfile.TemporaryDirectory(prefix="newel-conformance-") as scratch:
        file = Path(scratch) / "report.json"
        code = replay(recordings, wanted, "--region", region, "--json-report", str(file), services=services)
        assert code in (0, 1), "the replay broke"
        return {result["id"]: result for result in json.loads(file.read_text())}


if __name__ == "__main__":
    services = "--services" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--services"]
    wanted = with_services if services else alone
    sys.exit(0 if replay(Path(arguments[0]), wanted, *arguments[1:], services=services) in (0, 1) else 1)
