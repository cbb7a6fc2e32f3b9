"""Workflows that call Step Functions: children in every pattern, and any operation as `aws-sdk:sfn`. No worker takes part."""

import json
import uuid

import pytest
from support.executions import closed, events_of, failed, history, machine, run, seen, single, start, succeeded, task
from support.waiting import wait_until

CHILD = {"Type": "Pass", "Result": {"said": "hello"}}
ROLE_ELSEWHERE = "arn:aws:iam::111111111111:role/other"


def starting(pattern: str, child: str, **members) -> dict:
    """A definition whose one state starts a child."""
    return single(task(f"states:startExecution{pattern}", {"StateMachineArn": child, **members}))


@pytest.fixture
def child(sfn) -> str:
    return machine(sfn, single(CHILD))


@pytest.fixture
def endless(sfn) -> str:
    return machine(sfn, single({"Type": "Wait", "Seconds": 3600}))


def test_a_call_goes_on_with_the_answer(sfn, child):
    answer = succeeded(sfn, starting("", child, Input={"a": [1]}))
    assert answer["SdkHttpMetadata"]["HttpStatusCode"] == 200
    described = closed(sfn, answer["ExecutionArn"])
    assert (described["status"], json.loads(described["input"])) == ("SUCCEEDED", {"a": [1]})


@pytest.mark.parametrize(("pattern", "said"), [(".sync", '{"said":"hello"}'), (".sync:2", {"said": "hello"})])
def test_a_job_goes_on_with_the_childs_description(sfn, child, pattern, said):
    execution = run(sfn, starting(pattern, child, Input={"b": 2}, Name="only"))
    result = execution["result"]
    assert (result["Status"], result["Output"], result["Name"]) == ("SUCCEEDED", said, "only")
    assert result["Input"] == ({"b": 2} if pattern == ".sync:2" else '{"b":2}')
    types = [event["type"] for event in history(sfn, execution["executionArn"])]
    assert types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_childs_failure_is_the_tasks(sfn):
    failing = machine(sfn, {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Sad", "Cause": "so it is"}}})
    error, cause = failed(sfn, starting(".sync", failing))
    told = json.loads(cause)
    assert (error, told["Error"], told["Cause"], told["Status"]) == ("States.TaskFailed", "Sad", "so it is", "FAILED")


@pytest.mark.parametrize("pattern", [".sync", ".sync:2"])
def test_an_express_child_is_not_waited_for_and_not_started(sfn, pattern):
    express = machine(sfn, single(CHILD), type="EXPRESS")
    parent = run(sfn, starting(pattern, express))
    assert (parent["status"], parent["error"]) == ("FAILED", "StepFunctions.StateMachineTypeNotSupportedException")
    assert "Error Code: StateMachineTypeNotSupported" in parent["cause"]
    assert "TaskSubmitted" not in [event["type"] for event in history(sfn, parent["executionArn"])]
    assert succeeded(sfn, starting("", express))["ExecutionArn"].startswith("arn:aws:states:")


def test_a_child_that_is_waited_for_stops_with_its_parent(sfn, endless):
    parent = start(sfn, machine(sfn, starting(".sync:2", endless)))
    submitted = json.loads(seen(sfn, parent, "TaskSubmitted")["output"])
    sfn.stop_execution(executionArn=parent)
    assert closed(sfn, submitted["ExecutionArn"])["status"] == "ABORTED"


def test_a_token_goes_into_the_childs_input_and_comes_back(sfn):
    sender = machine(
        sfn,
        single(task("aws-sdk:sfn:sendTaskSuccess", {"TaskToken.$": "$.token", "Output": '{"by":"the child"}'})),
    )
    parent = starting(".waitForTaskToken", sender)
    parent["States"]["Work"]["Parameters"]["Input"] = {"token.$": "$$.Task.Token"}
    assert succeeded(sfn, parent) == {"by": "the child"}


def test_errors_have_their_names_and_can_be_caught(sfn, child):
    missing = child + "-not"
    error, cause = failed(sfn, starting("", missing))
    assert error == "StepFunctions.StateMachineDoesNotExistException"
    assert "Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist" in cause
    sdk = single(task("aws-sdk:sfn:startExecution", {"StateMachineArn": missing}))
    error, cause = failed(sfn, sdk)
    assert error == "Sfn.StateMachineDoesNotExistException" and "(Service: Sfn, Status Code: 400" in cause
    name = str(uuid.uuid4())
    succeeded(sfn, starting(".sync", child, Name=name, Input={"n": 1}))
    error, _ = failed(sfn, starting("", child, Name=name, Input={"n": 2}))
    assert error == "StepFunctions.ExecutionAlreadyExistsException"


def test_any_operation_is_an_action(sfn, child):
    described = succeeded(sfn, single(task("aws-sdk:sfn:describeStateMachine", {"StateMachineArn": child})))
    assert described["StateMachineArn"] == child and json.loads(described["Definition"])["StartAt"] == "Work"
    activity = sfn.create_activity(name=f"a-{uuid.uuid4().hex}")["activityArn"]
    waiting = start(sfn, machine(sfn, single({"Type": "Task", "Resource": activity})), {"x": 1})
    given = succeeded(sfn, single(task("aws-sdk:sfn:getActivityTask", {"ActivityArn": activity, "WorkerName": "w"})))
    assert json.loads(given["Input"]) == {"x": 1}
    sfn.send_task_success(taskToken=given["TaskToken"], output="2")
    assert closed(sfn, waiting)["result"] == 2


def test_a_role_of_another_account_is_not_lent(sfn, child):
    state = task("states:startExecution", {"StateMachineArn": child}, Credentials={"RoleArn": ROLE_ELSEWHERE})
    error, cause = failed(sfn, single(state))
    assert error == "States.TaskFailed"
    assert cause.endswith(f"is not authorized to assume the task state's role, {ROLE_ELSEWHERE}.")


def test_a_watched_child_is_found_again_after_a_crash(newel, sfn):
    waiting = machine(sfn, single({"Type": "Wait", "Seconds": 3}))
    parent = start(sfn, machine(sfn, starting(".sync:2", waiting, Name="once")))
    seen(sfn, parent, "TaskSubmitted")
    newel.kill()
    newel.start()
    execution = wait_until(lambda: closed(sfn, parent), "the parent to close")
    assert (execution["status"], execution["result"]["Status"]) == ("SUCCEEDED", "SUCCEEDED")
    assert len(events_of(sfn, parent, "TaskScheduled")) == 1
    assert len(sfn.list_executions(stateMachineArn=waiting)["executions"]) == 1
