"""The benchmarks: `newel-bench` beside the program that $NEWEL_BIN names, how Batch jobs are polled, what a job of
each resource costs in calls, and the client of AWS's services beside a generated one.

usage: python -m bench [SCENARIO...]        from tests/; `newel-bench --help` names the scenarios
"""

import subprocess
import sys

from support.newel import ROOT, binary

SCENARIOS = ("all", "s3csv", "flat", "waiting", "tokens")


def main() -> int:
    newel = binary()
    loader = newel.with_name("newel-bench")
    if not loader.exists():
        profile = "--release " if newel.parent.name == "release" else ""
        print(f"no {loader}: run `cargo build {profile}-p newel-bench`")
        return 1
    # Beside the sources and not in /tmp, which may be memory: syncs are to be real.
    data = ROOT / ".newel" / "bench"
    data.mkdir(parents=True, exist_ok=True)
    commands = [[loader, scenario, "--newel", newel, "--data-dir", data] for scenario in sys.argv[1:] or SCENARIOS]
    if not sys.argv[1:]:
        polling = ["e2e/test_polling.py", "--quiet", "--capture=no", "-p", "no:cacheprovider"]
        commands.append([sys.executable, "-m", "pytest", *polling])
        commands.append([sys.executable, "-m", "bench.job_calls"])
        commands.append(["cargo", "bench", "--package", "newel-aws-client", "--bench", "dynamodb"])
    return max(subprocess.run(command, cwd=ROOT / "tests").returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main())
