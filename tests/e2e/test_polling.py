"""A thousand Batch jobs of mixed age over two accounts and two roles each: few calls, prompt ends."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.executions import count, listed, machine, single, start, task
from support.newel import Dev
from support.waiting import wait_until

JOBS = 1_000
ACCOUNTS = ("111111111111", "222222222222")
ROLES = ("etl", "report")
STARTERS = 8

# Ages are a twentieth of the defaults so that the test needn't last for twenty minutes; the intervals are the defaults.
YOUNG_UNTIL, OLD_FROM = 20, 40
INTERVAL = 4.0
POLL = {"worker.poll": {"young_age_seconds": YOUNG_UNTIL, "old_age_seconds": OLD_FROM}}
CALLS_AN_INTERVAL = 10
YOUNG_SECONDS, OLD_SECONDS = 5.0, 60.0


@pytest.fixture
def dev(aws_fake, tmp_path):
    with Dev(tmp_path, aws_fake.url, POLL) as dev:
        yield dev


def role(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def kind(prefix: str, running: float, jobs: int) -> dict:
    """A script for jobs of this name prefix that run so long."""
    steps = [{"status": "RUNNING"}, {"status": "SUCCEEDED", "after": running}]
    return {"match": {"service": "batch", "name": f"{prefix}*"}, "times": jobs, "steps": steps}


def busiest(seconds: list[list[int]]) -> int:
    """The most calls in any interval, from `[second, calls]` lines."""
    window, inside, most = deque(), 0, 0
    for second, calls in seconds:
        window.append((second, calls))
        inside += calls
        while window[0][0] <= second - INTERVAL:
            inside -= window.popleft()[1]
        most = max(most, inside)
    return most


@pytest.mark.timeout(400)
def test_calls_and_delays(dev, aws_fake):
    # Of the old ones, each twentieth ends in another second, so that no round favours them.
    old = JOBS // 2
    ages = [OLD_FROM + 10 + second for second in range(20)]
    aws_fake.script(
        *(kind(f"old-{age}-", age, old) for age in ages),
        kind("middle", (YOUNG_UNTIL + OLD_FROM) / 2, JOBS),
        kind("young", 3, JOBS),
    )
    state = task(
        "batch:submitJob.sync",
        {"JobName.$": "$$.Execution.Name", "JobQueue": "q", "JobDefinition": "d"},
        Credentials={"RoleArn.$": "$.role"},
        ResultSelector={"status.$": "$.Status"},
    )
    clients = {account: dev.client(account) for account in ACCOUNTS}
    machines = {account: machine(sfn, single(state)) for account, sfn in clients.items()}

    def begin(job: tuple[str, int]):
        name, number = job
        account, role_name = ACCOUNTS[number % 2], ROLES[number // 2 % 2]
        start(clients[account], machines[account], {"role": role(account, role_name)}, name=f"{name}{number}")

    names = [f"old-{ages[number % len(ages)]}-" for number in range(old)]
    names += ["middle-" if number % 2 else "young-" for number in range(JOBS - old)]
    with ThreadPoolExecutor(STARTERS) as pool:
        list(pool.map(begin, [(name, number) for number, name in enumerate(names)]))

    def open_executions() -> int:
        return sum(count(clients[account], arn, "RUNNING") for account, arn in machines.items())

    wait_until(lambda: open_executions() == 0, "every execution to close", seconds=200, every=2)
    stopped = {
        execution["name"]: (execution["status"], execution["stopDate"].timestamp())
        for account, arn in machines.items()
        for execution in listed(clients[account], arn)
    }
    jobs = aws_fake.jobs(service="batch")
    assert len(jobs) == len(stopped) == JOBS
    assert {status for status, _ in stopped.values()} == {"SUCCEEDED"}
    delays = {"old": [], "middle": [], "young": []}
    for job in jobs:
        delays[job["name"].split("-")[0]].append(stopped[job["name"]][1] - job["ended_at"] / 1000)
    calls = aws_fake.calls(operation="DescribeJobs")
    for line in calls:
        print(
            f"{line['role']}: {line['calls']} DescribeJobs for {line['items']} ids, "
            f"at most {busiest(line['seconds'])} in {INTERVAL:.0f} s"
        )
    for name, values in delays.items():
        values.sort()
        print(f"{name}: {len(values)} jobs, delay p50 {values[len(values) // 2]:.1f} s, most {values[-1]:.1f} s")
    assert len(calls) == len(ACCOUNTS) * len(ROLES)
    assert max(busiest(line["seconds"]) for line in calls) <= CALLS_AN_INTERVAL
    assert delays["young"][-1] < YOUNG_SECONDS
    assert delays["old"][-1] < OLD_SECONDS and delays["middle"][-1] < OLD_SECONDS


def test_the_busiest_interval_is_found():
    assert busiest([]) == 0
    assert busiest([[10, 3], [11, 4], [14, 5], [19, 1]]) == 9
