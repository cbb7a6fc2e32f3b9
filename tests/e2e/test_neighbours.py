"""One bad neighbour: what is slow, endless or broken is so alone."""

import sqlite3
import subprocess
import threading
import time
from contextlib import closing

import pytest
from botocore.exceptions import ClientError
from support.executions import closed, listed, machine, run, single, start
from support.newel import Dev
from support.waiting import wait_until

PASS = single({"Type": "Pass"})
PROMPT_SECONDS = 0.1

ENDLESS = {
    "StartAt": "Again",
    "States": {
        "Again": {"Type": "Choice", "Choices": [{"Variable": "$.never", "IsPresent": True, "Next": "End"}], "Default": "Step"},
        "Step": {"Type": "Pass", "Next": "Again"},
        "End": {"Type": "Succeed"},
    },
}
# One expression may not take more than its budget of work; a state may have many. This one evaluates for seconds.
SLOW = single({"Type": "Pass", "Parameters": {f"found{n}.$": "$..*..*..[?(@.missing > 1)]" for n in range(150)}})


def nested(depth: int) -> dict:
    tree = {"a": 1}
    for _ in range(depth):
        tree = {"a": tree}
    return tree


@pytest.fixture
def dev(aws_fake, tmp_path):
    # Histories that take long to fill, so that the loop is endless as far as this test goes.
    with Dev(tmp_path, aws_fake.url, {"limits": {"history_events": 100_000_000}}) as dev:
        yield dev


def took(call) -> float:
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def test_an_endless_loop_and_a_slow_expression_delay_nobody(dev):
    sfn = dev.client()
    arn = machine(sfn, PASS)
    run(sfn, PASS)
    loop = start(sfn, machine(sfn, ENDLESS))
    slow_machine = machine(sfn, SLOW)
    # The start's answer waits for its first turn to be durable, which is the slow one.
    slow = threading.Thread(target=start, args=(dev.client(), slow_machine, nested(100)))
    slow.start()
    unrelated = []
    for _ in range(20):
        begun = time.monotonic()
        execution = start(sfn, arn)
        while sfn.describe_execution(executionArn=execution)["status"] == "RUNNING":
            pass
        unrelated.append(time.monotonic() - begun)
    stop = took(lambda: sfn.stop_execution(executionArn=loop))
    still_slow = slow_is_open(sfn, slow_machine)
    print(f"unrelated executions: {[f'{1000 * t:.0f}' for t in sorted(unrelated)]} ms; the stop: {1000 * stop:.0f} ms")
    assert closed(sfn, loop, seconds=5)["status"] == "ABORTED"
    slow.join()
    assert still_slow, "the slow expression was to last for the whole of this test"
    assert stop < PROMPT_SECONDS
    # The machine that tests run on has its own pauses: nine of ten must be prompt, and none may wait for the neighbour.
    assert sorted(unrelated)[17] < PROMPT_SECONDS and unrelated[-1] < 1


def slow_is_open(sfn, slow_machine: str) -> bool:
    return all(execution["status"] == "RUNNING" for execution in listed(sfn, slow_machine))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB, where this user may mount one."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", directory], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


def test_a_full_disk_refuses_new_work_and_recovers(aws_fake, small_disk):
    with Dev(small_disk / "newel", aws_fake.url, {"store": {"reserve_bytes": 4 << 20}}) as dev:
        sfn = dev.client()
        arn = machine(sfn, PASS)
        kept = [closed(sfn, start(sfn, arn, {"n": n}))["executionArn"] for n in range(5)]
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(bytes(64 << 10))
                    file.flush()
            except OSError:
                pass
        refusal = wait_until(lambda: refused_start(sfn, arn), "a start to be refused", every=0)
        print(f"a full disk: {refusal}")
        assert not dev.program.ended, "a full disk ends nothing"
        assert sfn.describe_execution(executionArn=kept[0])["status"] == "SUCCEEDED", "reading goes on"
        ballast.unlink()
        wait_until(lambda: not refused_start(sfn, arn), "new work to be taken again")
        dev.crash()
        assert all(sfn.describe_execution(executionArn=execution)["status"] == "SUCCEEDED" for execution in kept)


def refused_start(sfn, arn) -> str | None:
    """Starts an execution with a good deal of input; tells how it was refused."""
    try:
        start(sfn, arn, "x" * 100_000)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500, error
        return str(error)
    return None


def test_a_damaged_record_fails_alone(dev):
    """One execution's stored state is overwritten by garbage: it alone suffers."""
    sfn = dev.client()
    wait = machine(sfn, single({"Type": "Wait", "Seconds": 4}))
    executions = [start(sfn, wait) for _ in range(5)]
    dev.stop()
    [file] = (dev.directory / "data").rglob("*.db")
    with closing(sqlite3.connect(file)) as database:
        changed = database.execute(
            "UPDATE executions SET record = x'ffffffff' WHERE id = (SELECT id FROM executions WHERE wake_at IS NOT NULL)"
        )
        assert changed.rowcount == 1
        database.commit()
    dev.start()

    def succeeded(arn: str) -> bool:
        try:
            return sfn.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
        except ClientError:
            return False

    wait_until(lambda: sum(map(succeeded, executions)) == 4, "the other four to succeed")
    assert run(sfn, PASS)["status"] == "SUCCEEDED"
