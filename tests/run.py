#!/usr/bin/env python3
"""Runs the checks and tests one after another, says what it is doing, and counts.

usage: tests/run.py [--only NAME[,NAME]]        NAME: lint, rust, fuzz, or a directory of tests/

Every step runs, whatever the ones before it came to. The last line is `N passed, N failed, N skipped`; a check that fails
counts as one failure. `make test` sets up what this needs.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PYTEST_DIRECTORIES = ("jsonata", "fake", "emulator", "api", "conformance", "e2e", "demo", "helm", "crash")
# Their files are independent and wait more than they work: two run at a time.
IN_PAIRS = ("e2e", "helm")
# With the named fail points that crash tests arm. One set of features for everything, so that nothing is compiled twice.
CARGO = ["--workspace", "--features", "newel/failpoints"]


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass
class Step:
    group: str
    title: str
    command: list[str]
    counts: Callable[[str], Counts] | None = None
    """Reads the counts out of the output; a step without is a check."""
    directory: Path = ROOT


def nextest_counts(output: str) -> Counts:
    """Of `Summary [ 1.2s] 10 tests run: 9 passed, 1 failed, 2 skipped`."""
    return _counts(_last(r"tests? run: (.*)", output))


def cargo_test_counts(output: str) -> Counts:
    """Of every `test result: ok. 9 passed; 1 failed; 2 ignored; ...`."""
    return sum((_counts(line) for line in re.findall(r"test result: (.*)", output)), Counts())


def pytest_counts(output: str) -> Counts:
    """Of `=== 9 passed, 1 failed, 2 skipped in 3.4s ===`."""
    return _counts(_last(r"^=* ?((?:\d+ \w+,? ?)+) in [0-9.]+s", output))


def _last(pattern: str, output: str) -> str:
    found = re.findall(pattern, output, re.MULTILINE)
    return found[-1] if found else ""


def _counts(text: str) -> Counts:
    def number(*words: str) -> int:
        found = re.findall(rf"(\d+) (?:{'|'.join(words)})\b", text)
        return sum(map(int, found))

    failed = number("failed", "error", "errors", "timed out")
    return Counts(number("passed", "xpassed"), failed, number("skipped", "ignored", "xfailed"))


def rust_step() -> Step:
    """All Rust tests, and with them every program that the other tests start."""
    without = [] if Path(os.environ["NEWEL_CONFORMANCE"]).is_dir() else ["conformance"]
    if without:
        print(f"no recordings of AWS at {os.environ['NEWEL_CONFORMANCE']}: the tests that replay them are left out")
    if shutil.which("cargo-nextest"):
        filters = [part for name in without for part in ("--filterset", f"not test({name})")]
        command = ["cargo", "nextest", "run", *CARGO, "--no-fail-fast", *filters]
        return Step("rust", "Rust tests", command, nextest_counts)
    skips = [part for name in without for part in ("--skip", name)]
    command = ["cargo", "test", *CARGO, "--no-fail-fast", "--", "--quiet", *skips]
    return Step("rust", "Rust tests", command, cargo_test_counts)


def fuzz_step() -> Step:
    """A short run of every fuzz target. `make fuzz` is the long one."""
    command = [sys.executable, str(ROOT / "tests" / "fuzz" / "run.py"), "--seconds", "20"]
    return Step("fuzz", "fuzzing", command, lambda output: _counts(_last(r"^(\d+ passed, .*)$", output)))


def steps() -> list[Step]:
    buf = str(ROOT / ".newel" / "node_modules" / ".bin" / "buf")
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    pairs = ["--numprocesses", "2", "--dist", "loadfile"]
    tests = ROOT / "tests"
    return [
        Step("lint", "format", ["cargo", "fmt", "--all", "--check"]),
        Step("lint", "protocol: buf lint", [buf, "lint", "proto"]),
        Step("lint", "clippy", ["cargo", "clippy", *CARGO, "--all-targets", "--", "-D", "warnings"]),
        rust_step(),
        fuzz_step(),
        *(
            Step(name, f"tests/{name}", [*pytest, *(pairs if name in IN_PAIRS else ()), name], pytest_counts, tests)
            for name in PYTEST_DIRECTORIES
            if (tests / name).is_dir() and any((tests / name).glob("test_*.py"))
        ),
    ]


def bench() -> Step:
    return Step("bench", "tests/bench", [sys.executable, "-m", "bench"], directory=ROOT / "tests")


def run(step: Step) -> Counts:
    """Runs a step, its output shown as it comes."""
    print(f"\n--- {step.title}: {' '.join(step.command)}", flush=True)
    started = time.monotonic()
    output = []
    try:
        child = subprocess.Popen(
            step.command, cwd=step.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except OSError as error:
        print(f"{step.command[0]}: {error}")
        return Counts(failed=1)
    for line in child.stdout:
        print(line, end="", flush=True)
        output.append(line)
    code = child.wait()
    counts = step.counts("".join(output)) if step.counts else Counts()
    if code != 0 and counts.failed == 0:
        counts += Counts(failed=1)
    if step.counts and code == 0 and counts.passed == 0:
        print(f"{step.title}: no test ran")
        counts += Counts(failed=1)
    print(f"--- {step.title}: {counts if step.counts else 'failed' if counts.failed else 'ok'}, {time.monotonic() - started:.0f} s")
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description="run checks and tests")
    parser.add_argument("--only", help="names of groups, separated by commas")
    options = parser.parse_args()
    os.environ.setdefault("NEWEL_CONFORMANCE", str(ROOT.parent / "shared" / "conformance"))
    os.environ.setdefault("NEWEL_CATALOG", str(ROOT / ".newel" / "aws-catalog.bin"))
    os.environ.setdefault("NEWEL_BIN", str(TARGET / "debug" / "newel"))
    os.environ.setdefault("NEWEL_AWS_FAKE", str(TARGET / "debug" / "newel-aws-fake"))
    # What make installs must be there: a test that would skip for want of it fails.
    os.environ["NEWEL_REQUIRE_DATA"] = "1"

    chosen = [*steps(), bench()]
    if options.only:
        chosen = [step for step in chosen if step.group in options.only.split(",")]
    else:
        chosen = [step for step in chosen if step.group != "bench"]
    if not chosen:
        parser.error(f"nothing is called {options.only}")
    results = [(step, run(step)) for step in chosen]
    print()
    for step, counts in results:
        print(f"{'FAILED' if counts.failed else 'ok':<7} {step.title}")
    total = sum((counts for _, counts in results), Counts())
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
