"""Keeps executions open through every crash, and remembers exactly those whose start was acknowledged."""

import itertools
import json
import random
import threading
import uuid
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError
from crash.definitions import CALLBACK_FAMILY, KINDS, data
from support.aws_fake import AwsFake
from support.clients import client
from support.executions import machine

STARTERS = 4
REFUSED_FOR_GOOD = ("TaskTimedOut", "TaskDoesNotExist")


@dataclass(frozen=True)
class Started:
    """An execution that was acknowledged, and what is known of it."""

    arn: str
    name: str
    kind: str
    expected: object


def patient(call, stop: threading.Event):
    """Makes a call until it is answered: connections break and servers are away while they are killed."""
    while not stop.is_set():
        try:
            return call()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
        except BotoCoreError:
            pass
        stop.wait(0.05)
    return None


class Load:
    """Threads that start executions whenever fewer than `wanted` are open, and answer the callbacks of theirs."""

    def __init__(self, http_url: str, fake: AwsFake, wanted: int):
        self._url, self._fake, self._wanted = http_url, fake, wanted
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._random = random.Random(2)
        self._quit, self._stop_starting = threading.Event(), threading.Event()
        self._room = threading.Semaphore(0)
        self._answered: set[str] = set()
        self.started: list[Started] = []
        self.open_seen: list[int] = []
        self.problems: list[str] = []
        sfn = self._client()
        self.machines = {kind: machine(sfn, what.definition, f"crash-{kind}") for kind, what in KINDS.items()}
        targets = [self._start_executions] * STARTERS + [self._watch_open, self._answer_callbacks]
        self._threads = [threading.Thread(target=self._guarded, args=(target,), daemon=True) for target in targets]

    def _client(self):
        return client("stepfunctions", self._url, timeout=5)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop_starting.set()
        self._quit.set()
        self._room.release(STARTERS)
        for thread in self._threads:
            thread.join(20)

    def _guarded(self, target) -> None:
        try:
            target()
        except Exception as error:  # A thread's end must not be silent: it would end the load.
            self.problems.append(f"{target.__name__}: {error!r}")
            raise

    def stop_starting(self) -> None:
        """No more starts; callbacks are still answered."""
        self._stop_starting.set()
        self._room.release(STARTERS)

    def open_now(self) -> int | None:
        """How many executions of the load are open; `None` if nobody is there to tell."""
        sfn = self._client()
        try:
            return sum(
                len(
                    sfn.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=1000)["executions"]
                )
                for arn in self.machines.values()
            )
        except (BotoCoreError, ClientError):
            return None

    def _watch_open(self) -> None:
        """Counts what is open, and lets as many starts through as are missing."""
        while not self._stop_starting.is_set():
            found = self.open_now()
            if found is not None:
                self.open_seen.append(found)
                for _ in range(max(0, self._wanted - found)):
                    self._room.release()
            self._stop_starting.wait(0.3)
            while self._room.acquire(blocking=False):
                pass

    def _start_executions(self) -> None:
        sfn = self._client()
        while True:
            self._room.acquire()
            if self._stop_starting.is_set():
                return
            with self._lock:
                n = next(self._numbers)
                kind = self._random.choices(list(KINDS), [what.share for what in KINDS.values()])[0]
            self._start(sfn, kind, n)

    def _start(self, sfn, kind: str, n: int) -> None:
        name = f"{kind}-{n}-{uuid.uuid4().hex[:8]}"
        arn = self.machines[kind]
        try:
            answer = patient(
                lambda: sfn.start_execution(stateMachineArn=arn, name=name, input=json.dumps(data(n))), self._quit
            )
        except ClientError as error:
            # A repeated start whose first answer was lost, and whose execution is closed by now.
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            answer = {"executionArn": f"{arn.replace(':stateMachine:', ':execution:')}:{name}"}
        if answer:
            started = Started(answer["executionArn"], name, kind, KINDS[kind].output(name, n))
            with self._lock:
                self.started.append(started)

    def _answer_callbacks(self) -> None:
        """Answers every task that asks, with its execution's name, until the answer is taken or the task is over."""
        sfn = self._client()
        while not self._quit.is_set():
            for job in self._fake.jobs(service="ecs", name=CALLBACK_FAMILY):
                if job["id"] not in self._answered:
                    self._answer(sfn, job)
            self._quit.wait(0.5)

    def _answer(self, sfn, job: dict) -> None:
        environment = environment_of(job)
        execution = environment["OWNER"].rsplit("-", 2)[0]
        output = json.dumps({"answer": execution})
        try:
            patient(lambda: sfn.send_task_success(taskToken=environment["TASK_TOKEN"], output=output), self._quit)
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSED_FOR_GOOD:
                raise
        self._answered.add(job["id"])


def environment_of(job: dict) -> dict[str, str]:
    """The environment that an ECS task of the fake was started with."""
    [override] = job["request"]["overrides"]["containerOverrides"]
    return {variable["name"]: variable["value"] for variable in override["environment"]}
