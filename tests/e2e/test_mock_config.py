"""A server with a mock configuration: executions that are started by a test case call nobody."""

import json
import os
import subprocess

import pytest
from support.executions import closed, history
from support.executions import machine as create
from support.newel import Dev, binary, catalog
from support.refusals import refused

NOWHERE = "http://127.0.0.1:9"
INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}}
RETRY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "BackoffRate": 1}]
DEFINITION = {
    "StartAt": "Call",
    "States": {
        "Call": {**INVOKE, "OutputPath": "$.Payload", "Retry": RETRY, "Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Done?"},
        "Done?": {"Type": "Choice", "Choices": [{"Variable": "$.done", "BooleanEquals": True, "Next": "End"}], "Default": "Call"},
        "End": {"Type": "Succeed"},
    },
}


def answer(done: bool) -> dict:
    return {"Return": {"StatusCode": 200, "Payload": {"done": done}}}


def configuration(**responses: dict) -> str:
    cases = {case: {"Call": case} for case in responses}
    return json.dumps({"StateMachines": {"polling": {"TestCases": cases}}, "MockedResponses": responses})


BUSY = {"0": {"Throw": {"Error": "Busy", "Cause": "later"}}, "1-2": answer(False), "3": answer(True)}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("mocks") / "MockConfigFile.json"
    file.write_text(configuration(Busy=BUSY))
    return file


@pytest.fixture(scope="module")
def mocking(file, tmp_path_factory):
    with Dev(tmp_path_factory.mktemp("newel-mocks"), NOWHERE, {"mocks": {"file": str(file)}}) as newel:
        yield newel


@pytest.fixture
def states(mocking, file):
    file.write_text(configuration(Busy=BUSY))
    return mocking.client()


@pytest.fixture
def machine(states):
    return create(states, DEFINITION, name="polling")


def calls(states, arn: str) -> list[str]:
    return [event["type"] for event in history(states, arn) if event["type"] in ("TaskFailed", "TaskSucceeded")]


def test_answers_are_counted_over_retries_loops_and_a_crash(mocking, states, machine):
    arn = states.start_execution(stateMachineArn=f"{machine}#Busy")["executionArn"]
    mocking.crash()
    assert json.loads(closed(states, arn)["output"]) == {"done": True}
    assert calls(states, arn) == ["TaskFailed", "TaskSucceeded", "TaskSucceeded", "TaskSucceeded"]


def test_the_file_is_read_again_when_it_has_changed(states, machine, file):
    with refused("ValidationException", 400) as caught:
        states.start_execution(stateMachineArn=f"{machine}#AtOnce")
    assert "has no test case 'AtOnce' of the state machine 'polling'; it has: Busy" in str(caught.value)
    file.write_text(configuration(AtOnce={"0": answer(True)}, Busy=BUSY))
    arn = states.start_execution(stateMachineArn=f"{machine}#AtOnce")["executionArn"]
    assert closed(states, arn)["status"] == "SUCCEEDED"
    file.write_text('{"MockedResponses": {"R": {"0": {}}}}')
    with refused("ValidationException", 400) as caught:
        states.start_execution(stateMachineArn=f"{machine}#AtOnce")
    assert "/MockedResponses/R/0: must have one of Return and Throw" in str(caught.value)


def test_a_task_starts_its_child_by_a_case(states, machine):
    parent = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": True}
    parent["Parameters"] = {"StateMachineArn": f"{machine}#Busy", "Input": {}}
    outer = create(states, {"StartAt": "P", "States": {"P": parent}}, name="outer")
    arn = states.start_execution(stateMachineArn=outer)["executionArn"]
    assert json.loads(closed(states, arn)["output"])["Output"] == {"done": True}


def test_without_a_configuration_there_are_no_cases(sfn):
    machine = create(sfn, DEFINITION, name="polling")
    with refused("StateMachineDoesNotExist", 400):
        sfn.start_execution(stateMachineArn=f"{machine}#Busy")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is no JSON"),
        ('{"StateMachines": {"m": {"TestCases": {"c": {"S": "R"}}}}}', "/StateMachines/m/TestCases/c/S: refers to the response R"),
        (None, "can't be read"),
    ],
)
def test_a_wrong_file_is_refused_at_the_start(tmp_path, content, told):
    file = tmp_path / "mocks.json"
    if content is not None:
        file.write_text(content)
    command = [str(binary()), "dev", "--mock-config", str(file), "--data-dir", str(tmp_path / "data"), "--http", "127.0.0.1:0"]
    environment = {**os.environ, "NEWEL_CATALOG": str(catalog())}
    done = subprocess.run([*command, "--grpc", "127.0.0.1:0"], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode != 0 and told in done.stderr and str(file) in done.stderr, done.stderr
    assert not (tmp_path / "data").exists()
