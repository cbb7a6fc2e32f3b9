"""What earlier releases have left: a database of each, with what its API said of what is in it.

`tests/releases/NAME` has `newel.db.xz` and `expected.json.xz`. `tests/release_fixture.py` makes one with the release's own program;
`tests/e2e/test_releases.py` opens each with today's.
"""

import json
import lzma
import shutil
from pathlib import Path

from support.executions import history, machine, seen, single, start, task
from support.waiting import wait_until

RELEASES = Path(__file__).resolve().parents[1] / "releases"
OPEN_WAIT_SECONDS = 20
"""How long the waits are that the database is left in. They are over when a test opens it."""

BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}
TOKEN = [{"Name": "TASK_TOKEN", "Value.$": "$$.Task.Token"}]
CALLBACK = {
    "Cluster": "work",
    "TaskDefinition": "run:1",
    "LaunchType": "FARGATE",
    "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
    "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": TOKEN}]},
}
WAIT = {"Type": "Wait", "Seconds": OPEN_WAIT_SECONDS}
LARGE = {"text": "ä" * 700, "rows": [{"n": n, "name": f"row {n}"} for n in range(120)]}
"""Large enough for rows of its own, and to be compressed."""

# What the executions are that are left, by name: definition, input, and what they are waited for to have done.
CLOSED = {
    "succeeded": (single({"Type": "Pass", "Parameters": {"given.$": "$"}}), {"n": 1}),
    "large": (single({"Type": "Pass", "ResultPath": "$.again"}), LARGE),
    "failed": ({"StartAt": "Stop", "States": {"Stop": {"Type": "Fail", "Error": "Bad", "Cause": "because"}}}, {}),
    "timed-out": ({**single({"Type": "Wait", "Seconds": 60}), "TimeoutSeconds": 1}, {}),
    "aborted": (single({"Type": "Wait", "Seconds": 60}), {}),
}
# And those that are open, with the status they must come to by themselves or when the token is used.
OPEN = {
    "waiting": (single(WAIT), {"kept": True}, "WaitStateEntered", "SUCCEEDED"),
    "callback": (single(task("ecs:runTask.waitForTaskToken", CALLBACK)), {}, "TaskSubmitted", "SUCCEEDED"),
    "parallel": (
        single({"Type": "Parallel", "Branches": [single(WAIT, "Left"), single({"Type": "Pass", "Result": 7}, "Right")]}),
        LARGE,
        "WaitStateEntered",
        "SUCCEEDED",
    ),
    "map": (
        single({"Type": "Map", "MaxConcurrency": 2, "ItemProcessor": single(WAIT, "Each")}),
        [1, 2, 3],
        "WaitStateEntered",
        "SUCCEEDED",
    ),
    "job": (single(task("batch:submitJob.sync", BATCH)), {}, "TaskSubmitted", "SUCCEEDED"),
    "retrying": (
        single(
            task(
                "dynamodb:getItem",
                {"TableName": "none", "Key": {"id": {"S": "a"}}},
                Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": OPEN_WAIT_SECONDS, "MaxAttempts": 1}],
            )
        ),
        {},
        "TaskFailed",
        "FAILED",
    ),
}


def plain(answer: dict) -> dict:
    """An answer of boto3's as JSON can hold it."""
    answer = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    return json.loads(json.dumps(answer, default=lambda instant: instant.timestamp()))


def fill(newel, aws_fake) -> dict:
    """Leaves something of every kind in a store, and returns what the API says of it."""
    sfn = newel.client()
    aws_fake.script({"match": {"service": "batch"}, "steps": [{"status": "RUNNING"}]})
    updated = machine(sfn, single({"Type": "Pass", "Result": "before"}), "updated")
    first = start(sfn, updated, {}, "of-the-first-revision")
    sfn.update_state_machine(stateMachineArn=updated, definition=json.dumps(single({"Type": "Pass", "Result": "after"})))
    sfn.tag_resource(resourceArn=updated, tags=[{"key": "team", "value": "a"}, {"key": "stage", "value": "test"}])
    closed = {"first": first, "second": start(sfn, updated, {}, "of-the-second-revision")}
    for name, (definition, data) in CLOSED.items():
        closed[name] = start(sfn, machine(sfn, definition, name), data, name)
    sfn.stop_execution(executionArn=closed["aborted"], error="Stopped", cause="by hand")
    opened = {}
    for name, (definition, data, _, _) in OPEN.items():
        opened[name] = start(sfn, machine(sfn, definition, name), data, name)
    for name, (_, _, event, _) in OPEN.items():
        seen(sfn, opened[name], event)
    [job] = aws_fake.jobs(service="ecs")
    environment = job["request"]["overrides"]["containerOverrides"][0]["environment"]
    for arn in closed.values():
        wait_until(
            lambda arn=arn: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING", f"{arn} to close"
        )
    return {
        "token": next(variable["value"] for variable in environment if variable["name"] == "TASK_TOKEN"),
        "machines": [
            plain(sfn.describe_state_machine(stateMachineArn=item["stateMachineArn"]))
            for item in sfn.list_state_machines()["stateMachines"]
        ],
        "tags": {updated: sfn.list_tags_for_resource(resourceArn=updated)["tags"]},
        "closed": {name: told(sfn, arn) for name, arn in closed.items()},
        "open": {name: told(sfn, arn) for name, arn in opened.items()},
    }


def told(sfn, arn: str) -> dict:
    """Everything that the API says of an execution."""
    return {
        "execution": plain(sfn.describe_execution(executionArn=arn)),
        "machine": plain(sfn.describe_state_machine_for_execution(executionArn=arn)),
        "history": [plain(event) for event in history(sfn, arn)],
    }


def pack(directory: Path, name: str, expected: dict) -> Path:
    """Keeps the database of a stopped server as a release's."""
    release = RELEASES / name
    release.mkdir(parents=True)
    database = (directory / "newel.db").read_bytes()
    (release / "newel.db.xz").write_bytes(lzma.compress(database, preset=9))
    text = json.dumps(expected, sort_keys=True).encode()
    (release / "expected.json.xz").write_bytes(lzma.compress(text, preset=9))
    return release


def unpack(name: str, directory: Path) -> dict:
    """Makes a data directory of a release's database, and returns what its API said."""
    directory.mkdir(parents=True)
    with lzma.open(RELEASES / name / "newel.db.xz") as packed, (directory / "newel.db").open("wb") as database:
        shutil.copyfileobj(packed, database)
    return json.loads(lzma.decompress((RELEASES / name / "expected.json.xz").read_bytes()))


def names() -> list[str]:
    """The releases there are."""
    return sorted(path.name for path in RELEASES.iterdir() if path.is_dir())
