"""`newel backup` beside a server at work, and `newel restore`: what was acknowledged before is there and goes on."""

import subprocess
import threading

import pytest
from support.executions import closed, flaws, history, listed, machine, seen, single, start, task
from support.newel import Dev, binary

BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}
BRISK = {"worker.poll": {"young_millis": 300}, "worker": {"listing_lag_seconds": 1}}


def newel(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([str(binary()), *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.fixture
def dev(aws_fake, tmp_path):
    with Dev(tmp_path / "original", aws_fake.url, BRISK) as dev:
        yield dev


@pytest.fixture(autouse=True)
def directories(tmp_path):
    for name in ("original", "copy"):
        (tmp_path / name).mkdir()


class Load:
    """Clients that start executions until they are told to stop, and remember what was acknowledged."""

    def __init__(self, dev, arn: str, clients: int = 4):
        self.acknowledged: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(dev.client(), arn)) for _ in range(clients)]

    def _run(self, sfn, arn: str) -> None:
        n = 0
        while not self._stop.is_set():
            self.acknowledged.append(start(sfn, arn, {"n": n, "padding": "x" * 2_000}))
            n += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_backup_under_load_has_all_that_was_acknowledged_before_it(dev, aws_fake, tmp_path):
    aws_fake.script({"match": {"service": "batch"}, "steps": [{"status": "RUNNING"}, {"status": "SUCCEEDED", "after": 8}]})
    sfn = dev.client()
    steps = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Wait", "Seconds": 1, "End": True}}}
    busy = machine(sfn, steps, "busy")
    job = start(sfn, machine(sfn, single(task("batch:submitJob.sync", BATCH)), "job"))
    wait = start(sfn, machine(sfn, single({"Type": "Wait", "Seconds": 6}), "wait"))
    seen(sfn, job, "TaskSubmitted")
    file = tmp_path / "backup"
    with Load(dev, busy) as load:
        while len(load.acknowledged) < 200:
            threading.Event().wait(0.01)
        before = list(load.acknowledged)
        taken = newel("backup", file, "--data-dir", dev.directory / "data")
        during = len(load.acknowledged) - len(before)
    assert taken.returncode == 0, taken.stderr
    assert "copying the database" in taken.stderr
    assert during > 0, "starts must go on while a backup is taken"
    dev.kill()

    restored = newel("restore", file, "--data-dir", tmp_path / "copy" / "data")
    assert restored.returncode == 0, restored.stderr
    with Dev(tmp_path / "copy", aws_fake.url, BRISK) as copy:
        sfn = copy.client()
        there = {execution["executionArn"] for execution in listed(sfn, busy)}
        assert set(before) <= there
        for arn in [*before[:10], *before[-10:], job, wait]:
            assert closed(sfn, arn)["status"] == "SUCCEEDED"
            assert flaws(history(sfn, arn)) == []
        assert len(aws_fake.jobs(service="batch")) == 1, "the job is watched on, not started again"
        assert closed(sfn, start(sfn, busy))["status"] == "SUCCEEDED"


def test_nothing_is_overwritten_and_nothing_in_use_is_replaced(dev, tmp_path):
    sfn = dev.client()
    arn = machine(sfn, single({"Type": "Pass"}))
    closed(sfn, start(sfn, arn))
    file, data = tmp_path / "backup", dev.directory / "data"
    assert newel("backup", file, "--data-dir", data, "--quiet").returncode == 0
    whole = file.read_bytes()
    again = newel("backup", file, "--data-dir", data)
    assert (again.returncode, file.read_bytes()) == (73, whole)
    assert "is there already" in again.stderr
    refused = newel("restore", file, "--data-dir", data, "--force")
    assert (refused.returncode, "another process uses" in refused.stderr) == (1, True)
    dev.stop()
    refused = newel("restore", file, "--data-dir", data)
    assert (refused.returncode, "--force" in refused.stderr) == (73, True)

    changed = bytearray(whole)
    changed[len(changed) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(changed)
    refused = newel("restore", tmp_path / "damaged", "--data-dir", data, "--force")
    assert (refused.returncode, "damaged" in refused.stderr) == (65, True)
    assert newel("restore", file, "--data-dir", data, "--force").returncode == 0
    dev.start()
    assert len(list(listed(dev.client(), arn))) == 1


def test_a_stopped_servers_directory_can_be_backed_up(dev, tmp_path):
    sfn = dev.client()
    arn = start(sfn, machine(sfn, single({"Type": "Pass"})))
    closed(sfn, arn)
    dev.kill()
    assert newel("backup", tmp_path / "backup", "--data-dir", dev.directory / "data").returncode == 0
    assert newel("restore", tmp_path / "backup", "--data-dir", tmp_path / "copy" / "data").returncode == 0
    missing = newel("backup", tmp_path / "other", "--data-dir", tmp_path)
    assert (missing.returncode, "there is no database" in missing.stderr) == (66, True)
    assert newel("restore", tmp_path / "nothing", "--data-dir", tmp_path / "copy").returncode == 66
