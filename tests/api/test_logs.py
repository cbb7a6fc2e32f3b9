"""Execution logs: which records, in which shape, and that a level leaves out what it should."""

import json

import pytest
from support.clients import client
from support.executions import history
from support.waiting import wait_until

from .conftest import closed, create, definition

GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/test:*"
FAIL = json.dumps(
    {
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "Next": "F"}, "F": {"Type": "Fail", "Error": "E", "Cause": "why"}},
    }
)


@pytest.fixture
def logged(start_newel, tmp_path):
    """A client, and what gives the log's records once there are as many of an execution as are expected."""
    log = tmp_path / "executions.jsonl"
    newel = start_newel({"NEWEL_LOGS__FILE": str(log), "NEWEL_LOGS__FILE_BYTES": "100000000"})

    def records(execution: str, count: int) -> list[dict]:
        def found():
            lines = log.read_text().splitlines() if log.exists() else []
            return [record for record in map(json.loads, lines) if record["execution_arn"] == execution]

        wait_until(lambda: len(found()) >= count, f"{count} records of {execution}")
        return found()

    return client("stepfunctions", newel.http, inject_host_prefix=False), records


def configuration(level: str, data: bool = True) -> dict:
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": GROUP}}
    return {"level": level, "includeExecutionData": data, "destinations": [destination]}


def test_records_tell_what_the_history_tells(logged):
    states, records = logged
    arn = create(states, loggingConfiguration=configuration("ALL"))
    execution = states.start_execution(stateMachineArn=arn, input='{"a": 1}')["executionArn"]
    closed(states, execution)
    events = history(states, execution)
    found = records(execution, len(events))
    assert len(found) == len(events)
    for record, event in zip(found, events, strict=True):
        details = [value for key, value in event.items() if key.endswith("EventDetails")]
        assert record == {
            "id": str(event["id"]),
            "type": event["type"],
            "details": details[0] if details else {},
            "previous_event_id": str(event["previousEventId"]),
            "event_timestamp": str(round(event["timestamp"].timestamp() * 1000)),
            "execution_arn": execution,
            "redrive_count": "0",
        }


@pytest.mark.parametrize(
    ("level", "types"),
    [("ERROR", ["FailStateEntered", "ExecutionFailed"]), ("FATAL", ["ExecutionFailed"])],
)
@pytest.mark.parametrize("data", [True, False])
def test_levels_and_execution_data(logged, level, types, data):
    states, records = logged
    arn = create(states, text=FAIL, loggingConfiguration=configuration(level, data))
    execution = states.start_execution(stateMachineArn=arn, input='{"secret": 1}')["executionArn"]
    found = records(execution, len(types))
    assert [record["type"] for record in found] == types
    assert found[-1]["details"] == {"error": "E", "cause": "why"}
    assert ("secret" in json.dumps(found)) == (data and level == "ERROR")


def test_off_logs_nothing_and_express_executions_log_too(logged):
    states, records = logged
    quiet = create(states, name="quiet", type="EXPRESS")
    loud = create(states, name="loud", type="EXPRESS", loggingConfiguration=configuration("ALL"))
    silent = states.start_sync_execution(stateMachineArn=quiet)["executionArn"]
    done = states.start_sync_execution(stateMachineArn=loud, input='{"a": 1}')["executionArn"]
    found = records(done, 4)
    assert [record["type"] for record in found] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert found[-1]["details"] == {"output": '{"a":1}', "outputDetails": {"truncated": False}}
    assert records(silent, 0) == []


def test_standard_output_is_a_sink_too(start_newel):
    newel = start_newel({"NEWEL_LOGS__STDOUT": "true"})
    states = client("stepfunctions", newel.http)
    arn = create(states, text=definition(), loggingConfiguration=configuration("ALL"))
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]

    def ended():
        lines = newel.log.read_text(errors="replace").splitlines()
        records = [json.loads(line) for line in lines if line.startswith('{"id":')]
        return [one for one in records if one["type"] == "ExecutionSucceeded" and one["execution_arn"] == execution]

    wait_until(ended, "the record on standard output")
