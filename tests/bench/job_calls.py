"""How many calls of its API a `.sync` job costs, by resource: its start, the looks at it, and whatever else.

usage: python -m bench.job_calls [--jobs N] [--seconds N]       from tests/

N jobs of every resource run at the same time for a while under the standard configuration of the pollers, on the stand-in that
reads requests as botocore does. A call that looks at several jobs is one call.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from e2e.kinds import KINDS
from support.executions import machine, single, start, task
from support.life_cycles import Life, LifeCycles, marks_of
from support.newel import Dev
from support.scripted_aws import ScriptedAws
from support.waiting import wait_until

STARTERS = 8


def run(sfn, cycles: LifeCycles, jobs: int, seconds: float) -> dict[str, list[Life]]:
    """Runs the jobs to their ends."""
    lives = {kind.resource: [cycles.tell(kind) for _ in range(jobs)] for kind in KINDS}

    def begin(life: Life) -> tuple[str, Life]:
        definition = single(task(f"{life.kind.resource}.sync", life.parameters))
        return start(sfn, machine(sfn, definition)), life

    everything = [life for of in lives.values() for life in of]
    with ThreadPoolExecutor(STARTERS) as pool:
        running = dict(pool.map(begin, everything))
    wait_until(lambda: all(life.starts for life in everything), "every job to start", seconds=120, every=0.5)
    time.sleep(seconds)
    for life in everything:
        life.let_go.set()

    def all_done() -> bool:
        for execution in list(running):
            status = sfn.describe_execution(executionArn=execution)["status"]
            if status != "RUNNING":
                resource = running.pop(execution).kind.resource
                assert status == "SUCCEEDED", f"{resource}: {execution} is {status}"
        return not running

    try:
        wait_until(all_done, "every job's execution to succeed", seconds=300, every=2)
    except TimeoutError as error:
        left = Counter(life.kind.resource for life in running.values())
        raise TimeoutError(f"{error}; left are {dict(left)}") from None
    return lives


def table(calls: list, lives: dict[str, list[Life]]) -> str:
    """Calls a job, by resource."""
    resources = {life.mark: resource for resource, of in lives.items() for life in of}
    counts: dict[str, Counter] = {resource: Counter() for resource in lives}
    for call in calls:
        of = {resources[mark] for mark in marks_of(call) if mark in resources}
        for resource in of:
            counts[resource][call.operation] += 1
    lines = ["| resource | calls a job | of these looks | by |", "|---|---|---|---|"]
    for kind in KINDS:
        own, jobs = counts[kind.resource], len(lives[kind.resource])
        asked = dict.fromkeys((kind.describe[0], kind.several[0]) if kind.several else kind.describe[:1])
        looks = [operation for operation in asked if own[operation]]
        looked = sum(own[operation] for operation in looks)
        by = ", ".join(f"`{operation}`" for operation in looks)
        lines.append(f"| `{kind.resource}` | {own.total() / jobs:.2f} | {looked / jobs:.2f} | {by} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20, help="jobs of each resource (20)")
    parser.add_argument("--seconds", type=float, default=60, help="how long they run once all have started (60)")
    options = parser.parse_args()
    cycles = LifeCycles()
    with tempfile.TemporaryDirectory(prefix="newel-job-calls-") as directory, ScriptedAws(cycles) as aws:
        with Dev(Path(directory), aws.url) as newel:
            lives = run(newel.client(), cycles, options.jobs, options.seconds)
        print(f"\n### {options.jobs} jobs of each resource at the same time, of {options.seconds:.0f} s\n")
        print(table(aws.calls, lives))
        if aws.flaws:
            print("\n".join(aws.flaws[:10]))
        return 1 if aws.flaws else 0


if __name__ == "__main__":
    sys.exit(main())
