#!/usr/bin/env python3
"""Builds the fuzz targets with coverage instrumentation, on the stable toolchain, and runs each for a while.

usage: tests/fuzz/run.py [--seconds N] [TARGET ...]        N seconds a target, 20 unless said

The same as `cargo fuzz run --sanitizer none`, which needs a tool more. What a target finds is kept in `.newel/fuzz`, and the
input that broke it is named. The last line counts targets as tests.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TARGETS = ("definitions", "jsonata", "jsonpath", "aws-json")
COVERAGE = " ".join(
    [
        "--cfg fuzzing",
        "-Cpasses=sancov-module",
        "-Cllvm-args=-sanitizer-coverage-level=4",
        "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
        "-Cllvm-args=-sanitizer-coverage-pc-table",
        "-Cllvm-args=-sanitizer-coverage-trace-compares",
    ]
)
# An input may take a second and the process 1 GiB, engine and models included: far less than a hang or a bomb would.
BOUNDS = ["-timeout=5", "-rss_limit_mb=1024", "-max_len=4096"]


def host() -> str:
    told = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return next(line.removeprefix("host: ") for line in told.splitlines() if line.startswith("host: "))


def install_compiler() -> None:
    """libFuzzer is C++, which nothing else here needs."""
    if shutil.which("c++"):
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True)
    subprocess.run([*sudo, "apt-get", "install", "-y", "-qq", "g++"], check=True)


def build(target_dir: Path, triple: str) -> None:
    # The versions that everything else is built with; cargo adds what only fuzzing needs.
    shutil.copyfile(ROOT / "Cargo.lock", HERE / "Cargo.lock")
    # Naming the triple keeps build scripts and macros free of the instrumentation.
    command = ["cargo", "build", "--manifest-path", str(HERE / "Cargo.toml"), "--bins", "--target", triple]
    env = {**os.environ, "RUSTFLAGS": COVERAGE, "CARGO_TARGET_DIR": str(target_dir)}
    subprocess.run(command, check=True, env=env)


def run(name: str, program: Path, seconds: int) -> bool:
    corpus = ROOT / ".newel" / "fuzz" / name
    corpus.mkdir(parents=True, exist_ok=True)
    command = [str(program), str(corpus), str(HERE / "seeds" / name), f"-max_total_time={seconds}", *BOUNDS]
    command += [f"-artifact_prefix={corpus.parent}/broken-{name}-", "-print_final_stats=1", "-verbosity=0"]
    print(f"--- fuzzing {name} for {seconds} s", flush=True)
    return subprocess.run(command).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    os.environ.setdefault("NEWEL_CATALOG", str(ROOT / ".newel" / "aws-catalog.bin"))
    target_dir = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "fuzz"
    triple = host()
    install_compiler()
    build(target_dir, triple)
    results = [run(name, target_dir / triple / "debug" / name, options.seconds) for name in options.targets or TARGETS]
    print(f"{results.count(True)} passed, {results.count(False)} failed, 0 skipped")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
