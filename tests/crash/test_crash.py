"""kill -9, at the worst moments and at any: nothing acknowledged is lost and no job is started twice.

Orchestrator and four workers as real processes on the scripted fake, which loses some answers and resets some connections
as well. Processes die at named points (`NEWEL_FAILPOINTS`, so the program must be built with the feature `failpoints`) and
at random moments, while executions with known outputs are kept open.
"""

import random
import time

import pytest
from crash.checker import MARKED, check
from crash.definitions import KINDS
from crash.load import Load
from support.clients import client
from support.newel import FAMILIES, Services
from support.waiting import wait_until

OPEN = 50
"""Executions that are open at every moment."""
WANTED = 160
AT_EACH_POINT = 5
AT_RANDOM = 50
SETTLED_SECONDS = 60
UNKNOWN_RATE = 0.01
SEED = 20_260_101

# The process that dies, the point, and up to which hit it lives.
POINTS = [
    ("orchestrator", "before-commit", 60),
    ("orchestrator", "after-commit", 60),
    ("orchestrator", "before-ack", 20),
    ("orchestrator", "before-map-run-commit", 6),
    ("orchestrator", "after-map-run-commit", 6),
    ("worker-batch", "after-service-accepted", 6),
    ("worker-batch", "after-report-sent", 6),
    ("worker-glue", "after-service-accepted", 3),
    ("worker-ecs", "after-service-accepted", 3),
]
ARMED_SECONDS = 20

# As configured for a small installation, but for intervals that suit jobs of a second.
WORKER = {
    "worker": {"listing_lag_seconds": 2, "report_repeat_seconds": 2},
    "worker.poll": {"young_millis": 1_000, "calls_per_second": 20, "burst": 20},
}
ORCHESTRATOR = {"dispatch": {"reconnect_grace_millis": 1_000}}


def faults() -> list[dict]:
    """Submissions whose answer is lost or whose connection is reset, every now and then."""
    return [
        {"match": {"operation": operation}, "kind": kind, "every": every}
        for operation in ("SubmitJob", "StartJobRun", "RunTask")
        for kind, every in (("lost_answer", 29), ("reset", 37))
    ]


@pytest.fixture
def services(aws_fake, tmp_path):
    aws_fake.fault(*faults())
    client("dynamodb", aws_fake.url).create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with Services(tmp_path, aws_fake.url, orchestrator=ORCHESTRATOR, worker=WORKER) as services:
        yield services


class Killer:
    """Kills processes and starts them again, and counts."""

    def __init__(self, services: Services, load: Load):
        self.services, self.load = services, load
        self.random = random.Random(SEED)
        self.at_points = {f"{process} {point}": 0 for process, point, _ in POINTS}
        self.at_random = 0

    def at_point(self, name: str, point: str, up_to: int) -> None:
        """Starts a process armed to die at a point, and waits until it has."""
        program = next(program for program in self.services.programs if program.name == name)
        while self.at_points[f"{name} {point}"] < AT_EACH_POINT:
            hit = self.random.randint(1, up_to)
            program.kill()
            program.start({"NEWEL_FAILPOINTS": f"{point}=kill@{hit}"})
            if name == "orchestrator":
                # It may die of its very first commit.
                wait_until(lambda: program.ended or self.services.is_ready(), "a start", every=0.02)
            what = f"{name} to die at hit {hit} of {point} (is it built with the feature failpoints?)"
            wait_until(lambda: program.ended, what, ARMED_SECONDS, every=0.02)
            self.at_points[f"{name} {point}"] += 1
            self._revive([program])

    def at_any_moment(self) -> None:
        """Kills the orchestrator, a worker, or both, after a moment of work."""
        workers = list(self.services.workers.values())
        worker, orchestrator = self.random.choice(workers), self.services.orchestrator
        victims = self.random.choice([[orchestrator], [worker], [orchestrator, worker]])
        time.sleep(self.random.uniform(0.1, 1.5))  # The moment is the point, not a condition waited for.
        for program in victims:
            program.kill()
        self.at_random += 1
        self._revive(victims)

    def _revive(self, programs) -> None:
        for program in programs:
            program.start()
        self.services.wait_ready()


@pytest.mark.timeout(480)
def test_nothing_is_lost_and_nothing_runs_twice(services, aws_fake):
    began = time.monotonic()
    with Load(services.http_url, aws_fake, WANTED) as load:
        wait_until(lambda: load.open_seen and load.open_seen[-1] >= WANTED - 10, "the load to build up", seconds=60)
        load.open_seen.clear()
        killer = Killer(services, load)
        for name, point, up_to in POINTS:
            killer.at_point(name, point, up_to)
        while killer.at_random < AT_RANDOM:
            killer.at_any_moment()
        last_kill = time.monotonic()
        load.stop_starting()
        fewest = min(load.open_seen)
        wait_until(lambda: load.open_now() == 0, "every execution to close", seconds=SETTLED_SECONDS + 30, every=0.5)
        settled = time.monotonic() - last_kill
        problems = load.problems
        started = list(load.started)
    verdict = check(services.http_url, aws_fake, started)
    kills = ", ".join(f"{count} at {point}" for point, count in killer.at_points.items())
    print(f"kills: {kills}, {killer.at_random} at random moments, in {last_kill - began:.0f} s")
    print(f"open executions: never fewer than {fewest}; all closed {settled:.0f} s after the last kill")
    print(verdict)
    assert problems == []
    assert {one.kind for one in started} == set(KINDS)
    assert verdict.wrong == []
    assert fewest >= OPEN, f"the load fell to {fewest} open executions"
    assert settled <= SETTLED_SECONDS
    assert all(verdict.rate(service) < UNKNOWN_RATE for service in MARKED), str(verdict)
    assert set(FAMILIES) == set(services.workers)
