"""RedriveExecution by boto3."""

import json

from support.refusals import refused

from .conftest import WAITS, closed, create

FAILS = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Fail", "Error": "Wanted", "Cause": "why"}}})


def redrive_members(execution: dict) -> dict:
    return {name: value for name, value in execution.items() if name.startswith("redrive")}


def test_a_failed_execution_is_redriven_and_tells_of_it(states):
    machine = create(states, text=FAILS)
    arn = states.start_execution(stateMachineArn=machine, name="one")["executionArn"]
    before = closed(states, arn)
    assert redrive_members(before) == {"redriveCount": 0, "redriveStatus": "REDRIVABLE"}
    redriven = states.redrive_execution(executionArn=arn, clientToken="token-1")
    assert states.redrive_execution(executionArn=arn, clientToken="token-1")["redriveDate"] == redriven["redriveDate"]
    after = closed(states, arn)
    assert after["status"] == "FAILED" and after["startDate"] == before["startDate"]
    assert redrive_members(after) == {
        "redriveCount": 1,
        "redriveStatus": "REDRIVABLE",
        "redriveDate": redriven["redriveDate"],
    }
    events = states.get_execution_history(executionArn=arn)["events"]
    assert [(e["id"], e["type"]) for e in events] == [
        (1, "ExecutionStarted"),
        (2, "FailStateEntered"),
        (3, "ExecutionFailed"),
        (4, "ExecutionRedriven"),
        (5, "FailStateEntered"),
        (6, "ExecutionFailed"),
    ]
    assert events[3]["executionRedrivenEventDetails"] == {"redriveCount": 1}


def test_what_may_not_be_redriven_is_refused(states):
    succeeded = states.start_execution(stateMachineArn=create(states, name="ok"))["executionArn"]
    closed(states, succeeded)
    running = states.start_execution(stateMachineArn=create(states, name="waits", text=WAITS))["executionArn"]
    for arn, status in ((succeeded, "SUCCEEDED"), (running, "RUNNING")):
        with refused("ExecutionNotRedrivable") as caught:
            states.redrive_execution(executionArn=arn)
        reason = f"Execution is {status} and cannot be redriven"
        assert reason in caught.value.response["Error"]["Message"]
        assert redrive_members(states.describe_execution(executionArn=arn)) == {
            "redriveCount": 0,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": reason,
        }
    with refused("ExecutionDoesNotExist"):
        states.redrive_execution(executionArn=running + "-no")
    with refused("InvalidArn"):
        states.redrive_execution(executionArn=running.replace(":execution:", ":express:"))


def test_a_stopped_execution_goes_on_where_it_was(states):
    text = json.dumps(
        {
            "StartAt": "Before",
            "States": {
                "Before": {"Type": "Pass", "Result": {"before": True}, "Next": "Wait"},
                "Wait": {"Type": "Wait", "Seconds": 1, "Next": "After"},
                "After": {
                    "Type": "Pass",
                    "Parameters": {"count.$": "$$.Execution.RedriveCount", "before.$": "$.before"},
                    "End": True,
                },
            },
        }
    )
    arn = states.start_execution(stateMachineArn=create(states, text=text))["executionArn"]
    states.stop_execution(executionArn=arn, error="Enough")
    assert closed(states, arn)["status"] == "ABORTED"
    states.redrive_execution(executionArn=arn)
    done = closed(states, arn)
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"count": 1, "before": True})
    types = [e["type"] for e in states.get_execution_history(executionArn=arn)["events"]]
    assert types.count("PassStateEntered") == 2 and types.count("WaitStateEntered") == 1


def test_lists_show_and_filter_redrives(states):
    machine = create(states, text=FAILS)
    arns = [states.start_execution(stateMachineArn=machine, name=f"e{n}")["executionArn"] for n in range(3)]
    for arn in arns:
        closed(states, arn)
    states.redrive_execution(executionArn=arns[1])
    closed(states, arns[1])
    for wanted, names in (("REDRIVEN", ["e1"]), ("NOT_REDRIVEN", ["e0", "e2"])):
        listed = states.list_executions(stateMachineArn=machine, redriveFilter=wanted)["executions"]
        assert sorted(item["name"] for item in listed) == names
    counts = {i["name"]: i["redriveCount"] for i in states.list_executions(stateMachineArn=machine)["executions"]}
    assert counts == {"e0": 0, "e1": 1, "e2": 0}
