"""State machines and executions through boto3: made, started, waited for, and their histories judged."""

import json
import uuid

from support.waiting import wait_until

ROLE = "arn:aws:iam::000000000000:role/workflow"
OPEN = ("RUNNING", "PENDING_REDRIVE")
CLOSING = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")


def machine(sfn, definition: dict | str, name: str | None = None, role: str = ROLE, **more) -> str:
    """Creates a state machine, with `more` members of the request, and returns its ARN."""
    text = definition if isinstance(definition, str) else json.dumps(definition)
    created = sfn.create_state_machine(name=name or f"m-{uuid.uuid4().hex}", definition=text, roleArn=role, **more)
    return created["stateMachineArn"]


def single(state: dict, name: str = "Work") -> dict:
    """A definition of one state."""
    return {"StartAt": name, "States": {name: {"End": True, **state}}}


def task(resource: str, parameters: dict, **more) -> dict:
    """A Task state for an optimized integration: `task("batch:submitJob.sync", {...})`."""
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, **more}


def start(sfn, machine_arn: str, data=None, name: str | None = None) -> str:
    """Starts an execution and returns its ARN."""
    given = {"name": name} if name else {}
    return sfn.start_execution(stateMachineArn=machine_arn, input=json.dumps({} if data is None else data), **given)[
        "executionArn"
    ]


def closed(sfn, execution_arn: str, seconds: float = 60) -> dict:
    """The execution's description once it is closed, its output parsed as `result`."""

    def check():
        described = sfn.describe_execution(executionArn=execution_arn)
        return None if described["status"] in OPEN else described

    try:
        described = wait_until(check, f"{execution_arn} to close", seconds=seconds, every=0.1)
    except TimeoutError as error:
        trail = [event["type"] for event in history(sfn, execution_arn)]
        raise TimeoutError(f"{error}; its history: {trail}") from None
    if "output" in described:
        described["result"] = json.loads(described["output"])
    return described


def run(sfn, definition: dict, data=None, seconds: float = 60) -> dict:
    """Creates a state machine, runs it once, and returns the closed execution."""
    return closed(sfn, start(sfn, machine(sfn, definition), data), seconds)


def succeeded(sfn, definition: dict, data=None, seconds: float = 60):
    """The output of a run that must succeed."""
    execution = run(sfn, definition, data, seconds)
    assert execution["status"] == "SUCCEEDED", execution
    return execution["result"]


def failed(sfn, definition: dict, data=None, seconds: float = 60) -> tuple[str, str]:
    """Error and cause of a run that must fail."""
    execution = run(sfn, definition, data, seconds)
    assert execution["status"] == "FAILED", execution
    return execution.get("error"), execution.get("cause")


def history(sfn, execution_arn: str) -> list[dict]:
    """Every event of an execution, over all pages."""
    events, token = [], {}
    while True:
        page = sfn.get_execution_history(executionArn=execution_arn, maxResults=1000, **token)
        events += page["events"]
        if "nextToken" not in page:
            return events
        token = {"nextToken": page["nextToken"]}


def events_of(sfn, execution_arn: str, *types: str) -> list[dict]:
    """The events of these types, each as its details."""
    found = [event for event in history(sfn, execution_arn) if event["type"] in types]
    return [next((value for key, value in event.items() if key.endswith("EventDetails")), {}) for event in found]


def seen(sfn, execution_arn: str, event_type: str, seconds: float = 30) -> dict:
    """Waits for the first event of a type and returns its details."""
    found = wait_until(
        lambda: events_of(sfn, execution_arn, event_type), f"{event_type} of {execution_arn}", seconds=seconds
    )
    return found[0]


def flaws(events: list[dict], is_closed: bool = True) -> list[str]:
    """What is wrong with a history: it must be dense, ordered, and begin and end once."""
    found = []
    ids = [event["id"] for event in events]
    if ids != list(range(1, len(ids) + 1)):
        found.append(f"ids aren't 1 to {len(ids)}: {ids[:50]}")
    for before, event in zip([None, *events], events, strict=False):
        if not 0 <= event.get("previousEventId", 0) < event["id"]:
            found.append(f"event {event['id']} follows {event.get('previousEventId')}")
        if before and event["timestamp"] < before["timestamp"]:
            found.append(f"event {event['id']} is older than the one before it")
    types = [event["type"] for event in events]
    if types[:1] != ["ExecutionStarted"] or types.count("ExecutionStarted") != 1:
        found.append("it doesn't begin with its one ExecutionStarted")
    endings = [event_type for event_type in types if event_type in CLOSING]
    if is_closed and (len(endings) != 1 or types[-1] != endings[0]):
        found.append(f"it doesn't end with its one end: {endings}")
    return found


def count(sfn, machine_arn: str, status: str) -> int:
    """How many executions of a machine have this status."""
    return sum(1 for _ in listed(sfn, machine_arn, status))


def listed(sfn, machine_arn: str, status: str | None = None):
    """Every execution of a machine, newest first, over all pages."""
    members = {"stateMachineArn": machine_arn, **({"statusFilter": status} if status else {})}
    for page in sfn.get_paginator("list_executions").paginate(**members, PaginationConfig={"PageSize": 1000}):
        yield from page["executions"]
