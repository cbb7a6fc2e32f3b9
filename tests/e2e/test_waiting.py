"""Waiting is cheap: executions in Wait or on a token hold no memory to speak of and delay nobody.

A fifth of the promise's 100,000; `newel-bench waiting` has them all.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.executions import closed, machine, run, single, start, task
from support.newel import Dev

EXECUTIONS = 20_000
ON_TOKENS = 500
STARTERS = 8
RESIDENT_BYTES = 300 << 20
READY_SECONDS = 2.0


@pytest.fixture
def dev(aws_fake, tmp_path):
    with Dev(tmp_path, aws_fake.url) as dev:
        yield dev


def start_many(dev, arn: str, count: int) -> float:
    """Starts executions from several connections; gives starts per second."""
    clients = [dev.client() for _ in range(STARTERS)]

    def work(sfn):
        for _ in range(count // STARTERS):
            sfn.start_execution(stateMachineArn=arn)

    begun = time.monotonic()
    with ThreadPoolExecutor(STARTERS) as pool:
        list(pool.map(work, clients))
    return count / (time.monotonic() - begun)


@pytest.mark.timeout(300)
def test_many_waiting_executions(dev, aws_fake):
    sfn = dev.client()
    wait = machine(sfn, single({"Type": "Wait", "Timestamp": "2090-01-01T00:00:00Z"}))
    token = machine(
        sfn, single(task("ecs:runTask.waitForTaskToken", {"TaskDefinition": "t", "Group.$": "$$.Task.Token"}))
    )
    start_many(dev, wait, 800)
    first = start_many(dev, wait, 2_000)
    start_many(dev, token, ON_TOKENS)
    start_many(dev, wait, EXECUTIONS - 4_800 - ON_TOKENS)
    last = start_many(dev, wait, 2_000)
    resident = dev.program.resident_bytes()
    dev.kill()
    begun = time.monotonic()
    dev.start()
    ready = time.monotonic() - begun
    after = start_many(dev, wait, 2_000)
    print(
        f"{EXECUTIONS} waiting: {resident >> 20} MiB resident, ready {ready:.2f} s after kill -9, "
        f"starts per second: {first:.0f} at first, {last:.0f} at last, {after:.0f} after the restart"
    )
    assert resident < RESIDENT_BYTES
    assert ready < READY_SECONDS
    assert min(last, after) > first * 0.5, "the start rate falls with the executions that wait"
    assert run(sfn, single({"Type": "Pass"}))["status"] == "SUCCEEDED"
    short = start(sfn, machine(sfn, single({"Type": "Wait", "Seconds": 1})))
    assert closed(sfn, short, seconds=10)["status"] == "SUCCEEDED"
