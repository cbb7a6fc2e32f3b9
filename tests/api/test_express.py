"""Express state machines through the API, by unmodified boto3."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from support.clients import client
from support.waiting import wait_until

from .conftest import ROLE, create, definition

CHAIN = json.dumps(
    {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Result": {"n": 1}, "ResultPath": "$.a", "Next": "B"},
            "B": {"Type": "Pass", "Parameters": {"name.$": "$$.Execution.Name", "a.$": "$.a"}, "End": True},
        },
    }
)


def express(states, text=None, name="express", **more) -> str:
    return create(states, name=name, text=text, type="EXPRESS", **more)


def refusal(call, **arguments) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_start_that_is_waited_for_answers_with_the_end(express_states):
    arn = express(express_states, CHAIN)
    done = express_states.start_sync_execution(stateMachineArn=arn, name="e", input='{"x": 1}')
    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"]) == {"name": "e", "a": {"n": 1}}
    assert (done["input"], done["name"], done["stateMachineArn"]) == ('{"x": 1}', "e", arn)
    assert done["executionArn"].startswith(arn.replace(":stateMachine:", ":express:") + ":e:")
    assert done["billingDetails"] == {"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64}
    assert done["inputDetails"] == done["outputDetails"] == {"included": True}
    assert done["startDate"] <= done["stopDate"]
    again = express_states.start_sync_execution(stateMachineArn=arn, name="e")
    assert (again["input"], again["executionArn"] != done["executionArn"]) == ("{}", True)
    metadata = express_states.start_sync_execution(stateMachineArn=arn, includedData="METADATA_ONLY")
    assert "input" not in metadata and "output" not in metadata
    assert metadata["inputDetails"] == metadata["outputDetails"] == {"included": False}


def test_an_execution_that_fails_is_an_answer_too(express_states):
    text = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Fail", "Error": "E", "Cause": "why"}}})
    arn = express(express_states, text)
    done = express_states.start_sync_execution(stateMachineArn=arn)
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "E", "why")
    assert "output" not in done and done["outputDetails"] == {"included": True}
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_waiting_takes_its_time_and_is_billed_in_steps(express_states):
    arn = express(express_states, definition(Type="Wait", Seconds=1))
    with ThreadPoolExecutor(8) as pool:
        starts = [pool.submit(express_states.start_sync_execution, stateMachineArn=arn) for _ in range(8)]
        for start in starts:
            done = start.result()
            assert done["status"] == "SUCCEEDED"
            billed = done["billingDetails"]["billedDurationInMilliseconds"]
            assert 1_000 <= billed < 10_000 and billed % 100 == 0


def test_a_time_limit_of_its_own_ends_it(express_states):
    text = json.dumps({"TimeoutSeconds": 1} | json.loads(definition(Type="Wait", Seconds=60)))
    done = express_states.start_sync_execution(stateMachineArn=express(express_states, text))
    assert (done["status"], done["error"]) == ("TIMED_OUT", "States.Timeout")


def test_operations_keep_to_their_type(express_states):
    states = express_states
    arn, standard = express(states), create(states, name="standard")
    run = states.start_execution(stateMachineArn=arn, name="e")["executionArn"]
    assert run.split(":")[5:8] == ["express", "express", "e"]
    invalid = ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    for call in (states.describe_execution, states.stop_execution, states.get_execution_history):
        assert refusal(call, executionArn=run) == invalid
    wrong = ("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
    assert refusal(states.list_executions, stateMachineArn=arn) == wrong
    assert refusal(states.start_sync_execution, stateMachineArn=standard) == wrong
    assert states.start_execution(stateMachineArn=arn, name="e")["executionArn"] != run
    assert [m["type"] for m in states.list_state_machines()["stateMachines"]] == ["EXPRESS", "STANDARD"]


def test_input_is_checked_as_of_any_start(express_states):
    arn = express(express_states)
    code, message = refusal(express_states.start_sync_execution, stateMachineArn=arn, input="not json")
    assert code == "InvalidExecutionInput" and message.startswith("Invalid State Machine Execution Input: '")
    missing = arn.replace("express", "nothing")
    assert refusal(express_states.start_sync_execution, stateMachineArn=missing)[0] == "StateMachineDoesNotExist"
    assert refusal(express_states.start_sync_execution, stateMachineArn=arn, name="a b")[0] == "InvalidName"


def test_patterns_that_express_machines_lack_are_refused(express_states):
    for resource in ("arn:aws:states:::batch:submitJob.sync", "arn:aws:states:::sqs:sendMessage.waitForTaskToken"):
        text = definition(Type="Task", Resource=resource)
        code, _ = refusal(
            express_states.create_state_machine, name="refused", definition=text, roleArn=ROLE, type="EXPRESS"
        )
        assert code == "InvalidDefinition"


def test_a_start_that_nobody_waits_for_runs_again_after_kill(start_newel, tmp_path):
    log = tmp_path / "executions.jsonl"
    newel = start_newel({"NEWEL_LOGS__FILE": str(log)})
    states = client("stepfunctions", newel.http)
    group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/express:*"
    logging = {
        "level": "ALL",
        "includeExecutionData": True,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    }
    arn = express(states, definition(Type="Wait", Seconds=3), loggingConfiguration=logging)
    run = states.start_execution(stateMachineArn=arn, input='{"n": 1}')["executionArn"]

    def seen(kind: str) -> list[dict]:
        records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [one for one in records if one["execution_arn"] == run and one["type"] == kind]

    wait_until(lambda: seen("WaitStateEntered"), "the execution to wait")
    newel.crash_and_restart()
    ended = wait_until(lambda: seen("ExecutionSucceeded"), "the execution to succeed after the crash")
    assert json.loads(ended[0]["details"]["output"]) == {"n": 1}
    assert len(seen("ExecutionStarted")) == 2, "once before the crash and once after"
    newel.crash_and_restart()
    states = client("stepfunctions", newel.http, inject_host_prefix=False)
    states.start_sync_execution(stateMachineArn=arn)
    assert len(seen("ExecutionStarted")) == 2, "what is closed doesn't run again"
