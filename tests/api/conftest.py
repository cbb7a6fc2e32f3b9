"""A running Newel for the tests of its API.

`NEWEL_HTTP` (`http://host:port`) names one that runs already, without access keys; otherwise `newel dev` is started from
`NEWEL_BIN` or target/debug. Every test has an account of its own (the access key id of 12 digits that development mode
takes for one), so tests neither see nor disturb each other.
"""

import itertools
import json
import os
import random
import re
from pathlib import Path

import pytest
from support.clients import client
from support.processes import Process
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
ROLE = "arn:aws:iam::000000000000:role/newel"
READY = re.compile(r"newel is ready: http=(\S+) grpc=(\S+)")
_accounts = itertools.count(random.randrange(1, 9_000) * 10_000_000)


def newel_binary() -> Path:
    """The program under test; skips the test if it isn't built, unless everything is promised to be there."""
    path = Path(os.environ.get("NEWEL_BIN") or ROOT / "target" / "debug" / "newel")
    if not path.exists():
        missing = pytest.fail if os.environ.get("NEWEL_REQUIRE_DATA") else pytest.skip
        missing(f"{path} is not built")
    return path


class Newel:
    """`newel dev` on free ports, restartable on the same data."""

    def __init__(self, directory: Path, env: dict[str, str] | None = None):
        self._directory = directory
        self._env = env or {}
        self._runs = 0
        self.start()

    def start(self) -> None:
        self._runs += 1
        self.log = log = self._directory / f"newel-{self._runs}.log"
        data = str(self._directory / "data")
        arguments = [str(newel_binary()), "dev", "--data-dir", data, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]
        self.process = Process(arguments, log, self._env)

        def ready():
            self.process.check_alive()
            return READY.search(log.read_text(errors="replace"))

        self.http = "http://" + wait_until(ready, "newel to be ready").group(1)

    def crash_and_restart(self) -> None:
        self.process.kill()
        self.start()


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    """Where the API is."""
    if running := os.environ.get("NEWEL_HTTP"):
        yield running if running.startswith("http") else f"http://{running}"
        return
    newel = Newel(tmp_path_factory.mktemp("newel"))
    yield newel.http
    newel.process.stop()


@pytest.fixture
def start_newel(tmp_path):
    """Starts a Newel of the test's own; `start_newel(env=...)` with an environment."""
    started = []

    def start(env=None):
        started.append(Newel(tmp_path / str(len(started)), env))
        return started[-1]

    yield start
    for newel in started:
        newel.process.stop()


@pytest.fixture
def account() -> str:
    """An account that nobody else uses."""
    return f"{next(_accounts):012d}"


@pytest.fixture
def states(endpoint, account):
    """A Step Functions client for the test's account."""
    return client("stepfunctions", endpoint, access_key=account)


@pytest.fixture
def express_states(endpoint, account):
    """As `states`, and StartSyncExecution goes to the endpoint as it is named."""
    return client("stepfunctions", endpoint, access_key=account, inject_host_prefix=False)


def definition(**state) -> str:
    """A machine of one state, a Pass unless said otherwise."""
    return json.dumps({"StartAt": "S", "States": {"S": {"Type": "Pass", "End": True} | state}})


WAITS = definition(Type="Wait", Seconds=3_600)


def create(states, name="machine", text=None, **more) -> str:
    """The ARN of a new state machine."""
    made = states.create_state_machine(name=name, definition=text or definition(), roleArn=ROLE, **more)
    return made["stateMachineArn"]


def closed(states, arn: str) -> dict:
    """The execution once it is closed."""

    def described():
        execution = states.describe_execution(executionArn=arn)
        return execution if execution["status"] != "RUNNING" else None

    return wait_until(described, f"{arn} to close")
