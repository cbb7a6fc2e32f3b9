"""Executions by boto3 and by the AWS CLI, unmodified but for the endpoint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.refusals import refused
from support.waiting import wait_until

from .conftest import ROLE, WAITS, closed, create, definition


def test_an_execution_runs_and_tells_its_story(states, account):
    machine = create(states, text=definition(Result={"done": True}))
    started = states.start_execution(stateMachineArn=machine, name="one", input='{ "a": 1 }')
    arn = started["executionArn"]
    assert arn == f"arn:aws:states:us-east-1:{account}:execution:machine:one"
    execution = closed(states, arn)
    assert execution["startDate"] == started["startDate"]
    told = {k: v for k, v in execution.items() if k not in ("startDate", "stopDate", "ResponseMetadata")}
    assert told == {
        "executionArn": arn,
        "stateMachineArn": machine,
        "name": "one",
        "status": "SUCCEEDED",
        "input": '{ "a": 1 }',
        "inputDetails": {"included": True},
        "output": '{"done":true}',
        "outputDetails": {"included": True},
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }
    metadata = states.describe_execution(executionArn=arn, includedData="METADATA_ONLY")
    assert "input" not in metadata and metadata["outputDetails"] == {"included": False}

    events = states.get_execution_history(executionArn=arn)["events"]
    for event in events:
        event.pop("timestamp")
    assert events == [
        {
            "id": 1,
            "previousEventId": 0,
            "type": "ExecutionStarted",
            "executionStartedEventDetails": {
                "input": '{ "a": 1 }',
                "inputDetails": {"truncated": False},
                "roleArn": ROLE,
            },
        },
        {
            "id": 2,
            "previousEventId": 0,
            "type": "PassStateEntered",
            "stateEnteredEventDetails": {
                "name": "S",
                "input": '{ "a": 1 }',
                "inputDetails": {"truncated": False},
            },
        },
        {
            "id": 3,
            "previousEventId": 2,
            "type": "PassStateExited",
            "stateExitedEventDetails": {
                "name": "S",
                "output": '{"done":true}',
                "outputDetails": {"truncated": False},
            },
        },
        {
            "id": 4,
            "previousEventId": 3,
            "type": "ExecutionSucceeded",
            "executionSucceededEventDetails": {"output": '{"done":true}', "outputDetails": {"truncated": False}},
        },
    ]
    bare = states.get_execution_history(executionArn=arn, includeExecutionData=False)["events"]
    assert bare[1]["stateEnteredEventDetails"] == {"name": "S"}
    back = states.get_execution_history(executionArn=arn, reverseOrder=True)["events"]
    assert [event["id"] for event in back] == [4, 3, 2, 1]


def test_starting_again(states):
    machine = create(states, text=WAITS)
    first = states.start_execution(stateMachineArn=machine, name="n", input='{"a":1}')
    again = states.start_execution(stateMachineArn=machine, name="n", input='{"a":1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    with refused("ExecutionAlreadyExists", 400) as caught:
        states.start_execution(stateMachineArn=machine, name="n", input='{"a":2}')
    message = f"Execution Already Exists: '{first['executionArn']}'"
    assert caught.value.response["Error"]["Message"] == message
    states.stop_execution(executionArn=first["executionArn"])
    with refused("ExecutionAlreadyExists", 400):
        states.start_execution(stateMachineArn=machine, name="n", input='{"a":1}')


def test_stopping(states):
    machine = create(states, text=WAITS)
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    running = states.describe_execution(executionArn=arn)
    assert running["redriveStatusReason"] == "Execution is RUNNING and cannot be redriven"
    stopped = states.stop_execution(executionArn=arn, error="E", cause="C")["stopDate"]
    execution = closed(states, arn)
    told = [execution[k] for k in ("status", "error", "cause", "stopDate", "redriveStatus")]
    assert told == ["ABORTED", "E", "C", stopped, "REDRIVABLE"]
    last = states.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)["events"][0]
    assert (last["type"], last["previousEventId"]) == ("ExecutionAborted", 0)
    assert last["executionAbortedEventDetails"] == {"error": "E", "cause": "C"}
    assert states.stop_execution(executionArn=arn)["stopDate"] == stopped


def test_a_failure_is_told(states):
    machine = create(states, text=json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}))
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    execution = closed(states, arn)
    assert (execution["status"], execution["error"], "cause" in execution) == ("FAILED", "E", False)
    types = [event["type"] for event in states.get_execution_history(executionArn=arn)["events"]]
    assert types == ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]


def test_lists_are_newest_first_and_filtered(states):
    machine = create(states, text=WAITS)
    arns = [states.start_execution(stateMachineArn=machine, name=f"e{i}")["executionArn"] for i in range(3)]
    states.stop_execution(executionArn=arns[1])

    def listed(**filters):
        page = states.list_executions(stateMachineArn=machine, **filters)["executions"]
        return [execution["executionArn"] for execution in page]

    wait_until(lambda: listed(statusFilter="ABORTED") == [arns[1]], "the stopped one to be listed")
    assert listed(statusFilter="RUNNING") == [arns[2], arns[0]]
    assert sorted(listed()) == sorted(arns)
    assert listed(redriveFilter="REDRIVEN") == []
    for execution in states.list_executions(stateMachineArn=machine)["executions"]:
        assert execution["redriveCount"] == 0 and execution["stateMachineArn"] == machine


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "not json",
            "'Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or "
            "'false')'",
        ),
        ('"' + "x" * 262_144 + '"', "'Invalid execution input.'"),
    ],
    ids=["no JSON", "too large"],
)
def test_bad_input(states, text, message):
    machine = create(states)
    with refused("InvalidExecutionInput", 400) as caught:
        states.start_execution(stateMachineArn=machine, input=text)
    assert caught.value.response["Error"]["Message"] == f"Invalid State Machine Execution Input: {message}"


@pytest.mark.parametrize("token", ["x", "a" * 2_048, "AAAA", "é"])
def test_task_tokens_that_nobody_gave_out(states, token):
    for call in (
        lambda: states.send_task_success(taskToken=token, output="{}"),
        lambda: states.send_task_failure(taskToken=token, error="E"),
        lambda: states.send_task_heartbeat(taskToken=token),
    ):
        with refused("InvalidToken", 400) as caught:
            call()
        assert caught.value.response["Error"]["Message"] == "Invalid Token: 'Invalid token'"
    with refused("InvalidOutput", 400):
        states.send_task_success(taskToken=token, output="{")


def test_the_aws_cli(endpoint, account):
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "unchecked",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_SFN": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    program = str(Path(sys.executable).with_name("aws"))

    def aws(*arguments):
        command = [program, "stepfunctions", *arguments, "--endpoint-url", endpoint, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def ok(*arguments):
        code, out, error = aws(*arguments)
        assert code == 0, error
        return json.loads(out) if out.strip() else {}

    made = ok("create-state-machine", "--name", "cli", "--definition", definition(), "--role-arn", ROLE)
    machine = made["stateMachineArn"]
    arn = ok("start-execution", "--state-machine-arn", machine, "--input", '{"a":1}')["executionArn"]

    def succeeded():
        return ok("describe-execution", "--execution-arn", arn)["status"] == "SUCCEEDED"

    wait_until(succeeded, "the execution to succeed", every=0.2)
    events = ok("get-execution-history", "--execution-arn", arn, "--max-items", "3")["events"]
    assert [event["type"] for event in events] == ["ExecutionStarted", "PassStateEntered", "PassStateExited"]
    # The CLI pages by itself: two items a page, all of them in the end.
    all_events = ok("get-execution-history", "--execution-arn", arn, "--page-size", "2")["events"]
    assert [event["id"] for event in all_events] == [1, 2, 3, 4]
    code, _, error = aws("describe-execution", "--execution-arn", arn + "x")
    assert code != 0 and f"Execution Does Not Exist: '{arn}x'" in error
