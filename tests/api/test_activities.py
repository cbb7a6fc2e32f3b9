"""Activities by boto3: made, polled for, answered; and what `kill -9` leaves of their tasks."""

import json
import threading
import time

import pytest
from botocore.exceptions import ReadTimeoutError
from support.clients import client
from support.refusals import refused

from .conftest import ROLE, closed


def activity_task(arn: str, **fields) -> str:
    state = {"Type": "Task", "Resource": arn, "End": True} | fields
    return json.dumps({"StartAt": "T", "States": {"T": state}})


@pytest.fixture
def activity(states) -> str:
    return states.create_activity(name="work")["activityArn"]


def machine(states, activity: str, name: str = "m", **fields) -> str:
    made = states.create_state_machine(name=name, definition=activity_task(activity, **fields), roleArn=ROLE)
    return made["stateMachineArn"]


def types(states, execution: str) -> list[str]:
    return [event["type"] for event in states.get_execution_history(executionArn=execution)["events"]]


def test_activities_are_created_described_listed_tagged_and_deleted(states, account):
    made = states.create_activity(name="work", tags=[{"key": "team", "value": "a"}])
    arn = made["activityArn"]
    assert arn == f"arn:aws:states:us-east-1:{account}:activity:work"
    assert states.create_activity(name="work")["creationDate"] == made["creationDate"]
    described = states.describe_activity(activityArn=arn)
    assert (described["name"], described["creationDate"]) == ("work", made["creationDate"])
    states.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": ""}])
    states.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "stage", "value": ""}]
    states.create_activity(name="other")
    page = states.list_activities(maxResults=1)
    rest = states.list_activities(nextToken=page["nextToken"])
    assert [a["name"] for a in page["activities"] + rest["activities"]] == ["work", "other"]
    states.delete_activity(activityArn=arn)
    states.delete_activity(activityArn=arn)
    with refused("ActivityDoesNotExist", 400) as caught:
        states.describe_activity(activityArn=arn)
    assert caught.value.response["Error"]["Message"] == f"Activity Does Not Exist: '{arn}'"
    with refused("ActivityDoesNotExist", 400):
        states.get_activity_task(activityArn=arn)
    with refused("InvalidArn", 400):
        states.describe_activity(activityArn="no_arn")
    with refused("InvalidName", 400) as caught:
        states.create_activity(name="a b")
    assert caught.value.response["Error"]["Message"] == "Invalid Name: 'a b'"


def test_a_task_is_polled_for_and_answered(states, activity):
    arn = machine(states, activity, TimeoutSeconds=60, HeartbeatSeconds=30)
    execution = states.start_execution(stateMachineArn=arn, input='{ "n" : 1 }')["executionArn"]
    task = states.get_activity_task(activityArn=activity, workerName="worker-1")
    assert json.loads(task["input"]) == {"n": 1}
    states.send_task_heartbeat(taskToken=task["taskToken"])
    states.send_task_success(taskToken=task["taskToken"], output='{"done": true}')
    assert closed(states, execution)["output"] == '{"done":true}'
    events = states.get_execution_history(executionArn=execution)["events"]
    assert [event["type"] for event in events[2:5]] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    scheduled = events[2]["activityScheduledEventDetails"]
    assert (scheduled["resource"], scheduled["timeoutInSeconds"], scheduled["heartbeatInSeconds"]) == (activity, 60, 30)
    assert events[3]["activityStartedEventDetails"] == {"workerName": "worker-1"}
    with refused("TaskTimedOut", 400):
        states.send_task_success(taskToken=task["taskToken"], output="1")


def test_a_task_can_fail_and_be_retried(states, activity):
    retry = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    execution = states.start_execution(stateMachineArn=machine(states, activity, Retry=retry))["executionArn"]
    first = states.get_activity_task(activityArn=activity)
    states.send_task_failure(taskToken=first["taskToken"], error="Again", cause="once")
    second = states.get_activity_task(activityArn=activity)
    states.send_task_failure(taskToken=second["taskToken"], error="Enough", cause="twice")
    described = closed(states, execution)
    assert (described["status"], described["error"], described["cause"]) == ("FAILED", "Enough", "twice")


def test_a_poll_that_waits_gets_the_task_when_it_comes(states, activity):
    arn = machine(states, activity)
    got = {}
    poll = threading.Thread(target=lambda: got.update(states.get_activity_task(activityArn=activity)))
    poll.start()
    time.sleep(1)  # Long enough that the poll is waiting; if it isn't, the test proves less, and passes all the same.
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    poll.join(timeout=30)
    assert got["taskToken"]
    states.send_task_success(taskToken=got["taskToken"], output="1")
    assert closed(states, execution)["status"] == "SUCCEEDED"


def test_a_poller_that_hangs_up_swallows_no_task(states, activity, endpoint, account):
    hasty = client("stepfunctions", endpoint, access_key=account, timeout=1)
    with pytest.raises(ReadTimeoutError):
        hasty.get_activity_task(activityArn=activity, workerName="gone")
    hasty.close()
    execution = states.start_execution(stateMachineArn=machine(states, activity))["executionArn"]
    task = states.get_activity_task(activityArn=activity, workerName="here")
    events = states.get_execution_history(executionArn=execution)["events"]
    assert events[3]["activityStartedEventDetails"] == {"workerName": "here"}
    states.send_task_success(taskToken=task["taskToken"], output="1")
    assert closed(states, execution)["status"] == "SUCCEEDED"


def test_an_activity_that_is_not_there_fails_its_state(states, activity):
    arn = machine(states, activity)
    states.delete_activity(activityArn=activity)
    execution = closed(states, states.start_execution(stateMachineArn=arn)["executionArn"])
    assert execution["error"] == "States.Runtime"
    assert execution["cause"] == (
        "An error occurred while executing the state 'T' (entered at the event id #2). "
        f"The activity {activity} does not exist."
    )


def test_tasks_survive_kill_9_and_none_is_given_twice(start_newel, account):
    newel = start_newel()
    states = client("stepfunctions", newel.http, access_key=account)
    activity = states.create_activity(name="work")["activityArn"]
    arn = machine(states, activity)
    executions = [states.start_execution(stateMachineArn=arn, input=str(n))["executionArn"] for n in range(6)]
    tokens = {}
    for _ in range(3):
        task = states.get_activity_task(activityArn=activity)
        tokens[task["input"]] = task["taskToken"]
    assert sorted(tokens) == ["0", "1", "2"]
    newel.crash_and_restart()
    states = client("stepfunctions", newel.http, access_key=account)
    for _ in range(3):
        task = states.get_activity_task(activityArn=activity)
        assert task["input"] not in tokens
        tokens[task["input"]] = task["taskToken"]
    newel.crash_and_restart()
    states = client("stepfunctions", newel.http, access_key=account)
    for number, token in tokens.items():
        states.send_task_success(taskToken=token, output=number)
    for number, execution in enumerate(executions):
        assert closed(states, execution)["output"] == str(number)
        assert types(states, execution).count("ActivityStarted") == 1
