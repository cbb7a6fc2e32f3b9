"""Distributed Maps and their map runs by boto3."""

import json

from support.refusals import refused
from support.waiting import wait_until

from .conftest import closed, create

WAITS = {"I": {"Type": "Wait", "Seconds": 3_600, "End": True}}
PASS = {"I": {"Type": "Pass", "End": True}}
PICKY = {
    "I": {"Type": "Choice", "Choices": [{"Variable": "$.bad", "IsPresent": True, "Next": "F"}], "Default": "P"},
    "F": {"Type": "Fail", "Error": "Bad"},
    "P": {"Type": "Pass", "End": True},
}


def distributed(states: dict, **fields) -> str:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "I"}
    state = {"Type": "Map", "End": True, "ItemProcessor": processor | {"States": states}} | fields
    return json.dumps({"StartAt": "M", "States": {"M": state}})


def started(states, text: str, items: list) -> str:
    machine = create(states, text=text)
    return states.start_execution(stateMachineArn=machine, input=json.dumps(items))["executionArn"]


def only_run(states, execution: str) -> dict:
    (run,) = states.list_map_runs(executionArn=execution)["mapRuns"]
    return states.describe_map_run(mapRunArn=run["mapRunArn"])


def counts(**given) -> dict:
    names = ("pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten")
    return dict.fromkeys(names, 0) | given


def test_a_map_run_and_its_children(states, account):
    arn = started(states, distributed(PASS, Label="items", MaxConcurrency=2), ["a", "b", "c"])
    assert json.loads(closed(states, arn)["output"]) == ["a", "b", "c"]
    (listed,) = states.list_map_runs(executionArn=arn)["mapRuns"]
    prefix = f"arn:aws:states:us-east-1:{account}"
    assert listed["mapRunArn"].startswith(f"{prefix}:mapRun:machine/items:")
    assert listed["stateMachineArn"] == f"{prefix}:stateMachine:machine/items"
    assert listed["executionArn"] == arn and listed["stopDate"] >= listed["startDate"]
    run = only_run(states, arn)
    told = {k: v for k, v in run.items() if k not in ("startDate", "stopDate", "ResponseMetadata")}
    assert told == {
        "mapRunArn": listed["mapRunArn"],
        "executionArn": arn,
        "status": "SUCCEEDED",
        "maxConcurrency": 2,
        "toleratedFailurePercentage": 0.0,
        "toleratedFailureCount": 0,
        "itemCounts": counts(succeeded=3, total=3, resultsWritten=3),
        "executionCounts": counts(succeeded=3, total=3, resultsWritten=3),
    }
    children = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert len(children) == 3
    for child in children:
        assert child["mapRunArn"] == run["mapRunArn"] and child["itemCount"] == 1
        assert child["executionArn"].startswith(f"{prefix}:execution:machine/items:")
        described = states.describe_execution(executionArn=child["executionArn"])
        assert described["mapRunArn"] == run["mapRunArn"] and described["status"] == "SUCCEEDED"
        assert described["input"] == described["output"]
        machine = states.describe_state_machine_for_execution(executionArn=child["executionArn"])
        assert machine["label"] == "items" and machine["mapRunArn"] == run["mapRunArn"]
        assert json.loads(machine["definition"])["StartAt"] == "I"
    events = states.get_execution_history(executionArn=arn)["events"]
    assert events[3]["mapRunStartedEventDetails"] == {"mapRunArn": run["mapRunArn"]}
    # The children aren't executions of the state machine itself.
    machine = f"{prefix}:stateMachine:machine"
    assert [e["executionArn"] for e in states.list_executions(stateMachineArn=machine)["executions"]] == [arn]


def test_too_many_failures_fail_the_run_and_a_redrive_takes_them_up(states):
    arn = started(states, distributed(PICKY, ToleratedFailureCount=0), [{"n": 1}, {"bad": 1}])
    failed = closed(states, arn)
    assert failed["error"] == "States.ExceedToleratedFailureThreshold"
    assert failed["cause"] == "The specified tolerated failure threshold was exceeded"
    run = only_run(states, arn)
    assert run["status"] == "FAILED" and run["itemCounts"] == counts(succeeded=1, failed=1, total=2)
    (child,) = states.list_executions(mapRunArn=run["mapRunArn"], statusFilter="FAILED")["executions"]
    assert states.describe_execution(executionArn=child["executionArn"])["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    with refused("ExecutionNotRedrivable"):
        states.redrive_execution(executionArn=child["executionArn"])
    with refused("ValidationException") as caught:
        states.update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=3)
    assert caught.value.response["reason"] == "CANNOT_UPDATE_COMPLETED_MAP_RUN"

    states.redrive_execution(executionArn=arn)
    assert closed(states, arn)["status"] == "FAILED"
    run = only_run(states, arn)
    assert (run["redriveCount"], run["itemCounts"]["succeeded"], run["itemCounts"]["failed"]) == (1, 1, 1)
    types = [e["type"] for e in states.get_execution_history(executionArn=arn)["events"]]
    assert types.count("MapRunStarted") == 1 and types.count("MapRunRedriven") == 1
    assert states.describe_execution(executionArn=child["executionArn"])["redriveCount"] == 1


def test_settings_change_while_it_runs_and_a_stop_reaches_the_children(states):
    arn = started(states, distributed(WAITS, MaxConcurrency=2), list(range(5)))

    def running(count: int):
        def check():
            run = only_run(states, arn)
            return run if run["itemCounts"]["running"] == count else None

        return check

    run = wait_until(running(2), "two children to run")
    assert run["itemCounts"] == counts(pending=3, running=2, total=5)
    with refused("ValidationException"):
        states.update_map_run(mapRunArn=run["mapRunArn"])
    states.update_map_run(
        mapRunArn=run["mapRunArn"], maxConcurrency=4, toleratedFailurePercentage=12.5, toleratedFailureCount=3
    )
    run = wait_until(running(4), "four children to run")
    assert (run["maxConcurrency"], run["toleratedFailurePercentage"], run["toleratedFailureCount"]) == (4, 12.5, 3)
    states.stop_execution(executionArn=arn, error="Enough")

    def over():
        run = only_run(states, arn)
        return run if run["status"] != "RUNNING" else None

    run = wait_until(over, "the map run to end")
    assert (run["status"], run["itemCounts"]) == ("ABORTED", counts(pending=1, aborted=4, total=5))
    listed = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert {child["status"] for child in listed} == {"ABORTED"}


def test_batches_and_what_is_kept_of_them(states):
    text = distributed(
        PASS,
        ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"k": 1}},
        ResultWriter={"WriterConfig": {"Transformation": "NONE"}},
    )
    arn = started(states, text, [1, 2, 3])
    records = json.loads(closed(states, arn)["output"])
    assert [json.loads(record["Output"]) for record in records] == [
        {"BatchInput": {"k": 1}, "Items": [1, 2]},
        {"BatchInput": {"k": 1}, "Items": [3]},
    ]
    assert records[0]["Status"] == "SUCCEEDED" and records[0]["InputDetails"] == {"Included": True}
    run = only_run(states, arn)
    assert (run["itemCounts"]["total"], run["executionCounts"]["total"]) == (3, 2)


def test_what_is_not_there_is_not_found(states, account):
    missing = f"arn:aws:states:us-east-1:{account}:mapRun:machine/l:0"
    for call in (
        lambda: states.describe_map_run(mapRunArn=missing),
        lambda: states.update_map_run(mapRunArn=missing, maxConcurrency=1),
        lambda: states.list_executions(mapRunArn=missing),
    ):
        with refused("ResourceNotFound") as caught:
            call()
        assert caught.value.response["resourceName"] == missing
    with refused("InvalidArn"):
        states.describe_map_run(mapRunArn=f"arn:aws:states:us-east-1:{account}:stateMachine:machine")
    with refused("ExecutionDoesNotExist"):
        states.list_map_runs(executionArn=f"arn:aws:states:us-east-1:{account}:execution:machine:none")


def test_a_run_goes_on_after_kill_9(start_newel, account):
    from support.clients import client

    newel = start_newel()
    states = client("stepfunctions", newel.http, access_key=account)
    body = {"I": {"Type": "Wait", "Seconds": 1, "Next": "P"}, "P": {"Type": "Pass", "End": True}}
    arn = started(states, distributed(body, MaxConcurrency=40), list(range(200)))
    for _ in range(3):
        wait_until(lambda: only_run(states, arn)["itemCounts"]["running"] > 0, "children to run")
        newel.crash_and_restart()
        states = client("stepfunctions", newel.http, access_key=account)
    done = wait_until(
        lambda: (e := states.describe_execution(executionArn=arn)) and e["status"] != "RUNNING" and e, "the end", 60
    )
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", list(range(200)))
    run = only_run(states, arn)
    assert run["executionCounts"] == counts(succeeded=200, total=200, resultsWritten=200)
    children, token = [], {}
    while True:
        page = states.list_executions(mapRunArn=run["mapRunArn"], **token)
        children += page["executions"]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert len({child["executionArn"] for child in children}) == len(children) == 200
