"""TestState: one state by itself."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from .conftest import ROLE, definition

INVOKE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "f", "Payload.$": "$"},
}


@pytest.fixture
def test(endpoint, account):
    """Tests a state, given as an object, and gives the answer; JSON members may be given as objects."""
    client = boto3.client(
        "stepfunctions",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=account,
        aws_secret_access_key="secret",
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )

    def call(state, result=None, error=None, validation=None, **members):
        if not isinstance(state, str):
            state = json.dumps(state)
        for name in ("input", "variables", "context"):
            if name in members:
                members[name] = json.dumps(members[name])
        if result is not None:
            members["mock"] = {"result": json.dumps(result)}
        if error is not None:
            members["mock"] = {"errorOutput": error}
        if validation:
            members["mock"]["fieldValidationMode"] = validation
        answer = client.test_state(definition=state, **members)
        del answer["ResponseMetadata"]
        return answer

    return call


@pytest.fixture
def refused(test):
    """Name and message of the refusal of a test."""

    def call(*arguments, **members):
        with pytest.raises(ClientError) as raised:
            test(*arguments, **members)
        error = raised.value.response["Error"]
        return error["Code"], error["Message"]

    return call


def test_a_pass_is_told_stage_by_stage(test):
    state = {
        "Type": "Pass",
        "InputPath": "$.data",
        "Parameters": {"n.$": "$.n", "v.$": "$v"},
        "ResultPath": "$.out",
        "Assign": {"w.$": "$.n"},
        "Next": "Elsewhere",
    }
    told = test(state, input={"data": {"n": 1}}, variables={"v": 2}, inspectionLevel="DEBUG")
    data = {name: json.loads(text) for name, text in told.pop("inspectionData").items()}
    made = {"n": 1, "v": 2}
    assert data == {
        "input": {"data": {"n": 1}},
        "afterInputPath": {"n": 1},
        "afterParameters": made,
        "afterResultSelector": made,
        "afterResultPath": {"data": {"n": 1}, "out": made},
        "variables": {"v": 2, "w": 1},
    }
    assert told.pop("output") == json.dumps({"data": {"n": 1}, "out": made}, separators=(",", ":"))
    assert told == {"status": "SUCCEEDED", "nextState": "Elsewhere"}


def test_at_info_only_the_end_is_told(test):
    assert test({"Type": "Succeed"}, input={"a": 1}) == {"status": "SUCCEEDED", "output": '{"a": 1}'}


def test_a_wait_of_a_year_is_over_at_once(test):
    assert test({"Type": "Wait", "Seconds": 31_536_000, "End": True})["status"] == "SUCCEEDED"


def test_a_failing_path_tells_its_cause_without_a_place_in_a_history(test):
    told = test({"Type": "Pass", "InputPath": "$.gone", "End": True})
    assert (told["status"], told["error"]) == ("FAILED", "States.Runtime")
    assert told["cause"].startswith("Invalid path '$.gone'")


def test_a_mocked_task_goes_through_its_selectors(test):
    state = {**INVOKE, "ResultSelector": {"x.$": "$.Payload.x"}, "ResultPath": "$.r", "End": True}
    told = test(state, result={"Payload": {"x": 1}, "StatusCode": 200}, input={"a": 1}, inspectionLevel="TRACE")
    data = told["inspectionData"]
    assert json.loads(data["afterParameters"]) == {"FunctionName": "f", "Payload": {"a": 1}}
    assert json.loads(data["result"])["StatusCode"] == 200
    assert json.loads(data["afterResultSelector"]) == {"x": 1}
    assert json.loads(told["output"]) == {"a": 1, "r": {"x": 1}}


RETRY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2}]
CATCH = [{"ErrorEquals": ["Other"], "Next": "No"}, {"ErrorEquals": ["States.ALL"], "Next": "Caught", "ResultPath": "$.e"}]
BUSY = {"error": "Busy", "cause": "later"}


@pytest.mark.parametrize(("before", "seconds"), [(0, 2), (1, 6)])
def test_a_mocked_error_is_retriable_until_the_retrier_gives_up(test, before, seconds):
    state = {**INVOKE, "Retry": RETRY, "Catch": CATCH, "End": True}
    told = test(state, error=BUSY, stateConfiguration={"retrierRetryCount": before}, inspectionLevel="DEBUG")
    assert (told["status"], told["error"], told["cause"]) == ("RETRIABLE", "Busy", "later")
    details = {"retryIndex": 0, "retryBackoffIntervalSeconds": seconds}
    assert told["inspectionData"]["errorDetails"] == details
    assert "output" not in told and "nextState" not in told


def test_a_mocked_error_is_caught(test):
    state = {**INVOKE, "Retry": RETRY, "Catch": CATCH, "End": True}
    count = {"retrierRetryCount": 2}
    told = test(state, error=BUSY, input={"a": 1}, stateConfiguration=count, inspectionLevel="DEBUG")
    assert (told["status"], told["nextState"]) == ("CAUGHT_ERROR", "Caught")
    assert json.loads(told["output"]) == {"a": 1, "e": {"Error": "Busy", "Cause": "later"}}
    assert told["inspectionData"]["errorDetails"] == {"catchIndex": 1, "retryIndex": 0}


NESTED = json.dumps(
    {
        "StartAt": "Both",
        "States": {
            "Both": {
                "Type": "Parallel",
                "End": True,
                "Branches": [
                    {"StartAt": "Deep", "States": {"Deep": {"Type": "Pass", "Result": 7, "Next": "Last"}, "Last": {"Type": "Succeed"}}},
                    {"StartAt": "Side", "States": {"Side": {"Type": "Pass", "End": True}}},
                ],
            }
        },
    }
)


def test_a_state_of_a_machine_is_found_wherever_it_is(test, refused):
    assert test(NESTED, stateName="Deep") == {"status": "SUCCEEDED", "output": "7", "nextState": "Last"}
    assert refused(NESTED, stateName="Gone") == ("ValidationException", "State not found in definition")
    told = test(NESTED, stateName="Both", result=[1, 2], inspectionLevel="DEBUG")
    assert (told["status"], json.loads(told["output"])) == ("SUCCEEDED", [1, 2])
    code, message = refused(NESTED, stateName="Both")
    assert code == "InvalidDefinition" and message.startswith("TestState API does not support Map or Parallel states.")


def map_state(**more) -> dict:
    processor = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    return {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True} | more


def test_a_map_tells_its_items_and_limits(test):
    selector = {"n.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "all.$": "$.all"}
    state = map_state(ItemSelector=selector, MaxConcurrency=3, ToleratedFailureCount=1, ToleratedFailurePercentage=50)
    told = test(state, result=["a", "b"], input={"items": [5, 6], "all": 0}, inspectionLevel="DEBUG")
    data = told["inspectionData"]
    assert json.loads(data["afterItemsPath"]) == [5, 6]
    assert json.loads(data["afterItemSelector"]) == [{"n": 5, "i": 0, "all": 0}, {"n": 6, "i": 1, "all": 0}]
    assert (data["maxConcurrency"], data["toleratedFailureCount"], data["toleratedFailurePercentage"]) == (3, 1, 50.0)
    assert told["output"] == '["a", "b"]'


def test_iterations_may_fail_as_far_as_is_tolerated(test, refused):
    state = map_state(ToleratedFailureCount=1)
    few = {"mapIterationFailureCount": 1}
    assert test(state, result=[1], input={"items": [1, 2]}, stateConfiguration=few)["status"] == "SUCCEEDED"
    many = {"mapIterationFailureCount": 2}
    told = test(state, result=[1], input={"items": [1, 2]}, stateConfiguration=many)
    assert (told["status"], told["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    more = {"mapIterationFailureCount": 3}
    message = "Map iteration failure count must be less than or equal to the number of Map iterations"
    assert refused(state, result=[1], input={"items": [1, 2]}, stateConfiguration=more) == ("ValidationException", message)
    unmocked = refused(state, stateConfiguration=few)
    assert unmocked[1] == "TestState does not support MapIterationFailureCount when a mock is not specified."


def test_a_callback_sees_the_token_that_is_given(test):
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    context = {"Task": {"Token": "abc"}, "Execution": {"Name": "e"}}
    told = test(state, result="anything", context=context, inspectionLevel="DEBUG")
    assert json.loads(told["inspectionData"]["afterParameters"])["MessageBody"] == {"token": "abc"}
    assert told["output"] == '"anything"'


def test_an_activity_and_a_function_may_give_anything(test):
    for arn in ("arn:aws:states:us-east-1:123456789012:activity:a", "arn:aws:lambda:us-east-1:123456789012:function:f"):
        assert test({"Type": "Task", "Resource": arn, "End": True}, result=[1])["output"] == "[1]"


@pytest.mark.parametrize(
    ("resource", "parameters", "result", "why"),
    [
        ("lambda:invoke", {"FunctionName": "f"}, {"StatusCode": "200"}, "Field 'StatusCode' must be a number"),
        ("sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m"}, {"MessageId": 1}, "Field 'MessageId' must be a string"),
        ("states:startExecution", {"StateMachineArn": "a"}, {}, "Required field 'ExecutionArn' is missing"),
        ("states:startExecution.sync:2", {"StateMachineArn": "a"}, {"Status": "DONE"}, "Field 'Status' is not an expected value"),
        ("aws-sdk:s3:listObjectsV2", {"Bucket": "b"}, {"Contents": {}}, "Field 'Contents' must be an array"),
        ("aws-sdk:kms:encrypt", {"KeyId": "k", "Plaintext": "p"}, {"CiphertextBlob": ""}, "Field 'CiphertextBlob' is smaller than the minimum length"),
    ],
)
def test_a_mocked_result_is_compared_with_the_api(test, refused, resource, parameters, result, why):
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
    assert refused(state, result=result) == ("ValidationException", f"Mock result schema validation error: {why}")
    assert test(state, result=result, validation="NONE")["status"] == "SUCCEEDED"


def test_what_is_missing_is_no_fault_of_what_is_present(test):
    state = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": {"StateMachineArn": "a"}, "End": True}
    assert test(state, result={}, validation="PRESENT")["status"] == "SUCCEEDED"


def test_tests_that_make_no_sense_are_refused(refused):
    task = {**INVOKE, "End": True}
    assert refused(task) == ("ValidationException", "RoleArn must be specified when testing a Task state")
    passing = {"Type": "Pass", "End": True}
    assert refused(passing, result=1)[1] == "State type 'Pass' is not supported when a mock is specified"
    assert refused(passing, context={})[1] == "TestState does not support Context when a mock is not specified."
    assert refused(task, result={}, revealSecrets=True)[1] == "TestState does not support RevealSecrets when a mock is specified."
    sync = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync", "Parameters": {"StateMachineArn": "a"}, "End": True}
    assert refused(sync, roleArn=ROLE)[0] == "InvalidDefinition"
    assert refused("not a state")[0] == "InvalidDefinition"
    assert refused(definition())[1].startswith("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED:")
