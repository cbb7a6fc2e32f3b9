"""Definitions and inputs that can't be right: AWS's error and text, and the server is as well as before."""

import http.client
import json
import urllib.parse
import uuid

import pytest
from botocore.exceptions import ClientError
from support.executions import ROLE, closed, failed, machine, run, single, start
from support.refusals import refused

PASS = single({"Type": "Pass"})
ITEM = single({"Type": "Pass"}, "Item")
DEEP = "[" * 5_000 + "]" * 5_000


@pytest.fixture(autouse=True)
def _still_well(newel, sfn):
    """Whatever a test sends, the server takes the next call and the process is the same."""
    pid = newel.program.pid
    yield
    assert run(sfn, PASS)["status"] == "SUCCEEDED"
    assert newel.program.pid == pid and not newel.program.ended
    assert "panicked" not in newel.program.output()


def raw(newel, body: bytes, operation: str = "CreateStateMachine", **headers) -> tuple[int, dict]:
    """One request as no SDK would make it."""
    where = urllib.parse.urlsplit(newel.http_url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    common = {"X-Amz-Target": f"AWSStepFunctions.{operation}", "Content-Type": "application/x-amz-json-1.0"}
    scope = "000000000000/20260101/us-east-1/states/aws4_request"
    common["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    connection.request("POST", "/", body, {**common, **headers})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text or b"{}")


@pytest.mark.parametrize(
    "definition",
    [
        "",
        "not a definition",
        "null",
        "[]",
        "{}",
        '{"StartAt": "A"}',
        '{"StartAt": "A", "States": {}}',
        '{"StartAt": "B", "States": {"A": {"Type": "Pass", "End": true}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Nonsense", "End": true}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Pass"}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Gone"}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true, "Unknown": 1}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": "soon", "End": true}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": "$[", "End": true}}}',
        '{"StartAt": 1, "States": {"A": 2}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": ' + DEEP + ', "End": true}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 01, "End": true}}}',
        '{"StartAt": "\\ud800", "States": {}}',
    ],
    ids=lambda text: text[:60],
)
def test_a_malformed_definition(sfn, definition):
    with pytest.raises(ClientError) as caught:
        sfn.create_state_machine(name=f"never-{uuid.uuid4().hex}", definition=definition or " ", roleArn=ROLE)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidDefinition"
    assert error["Message"].startswith("Invalid State Machine Definition: '"), error


def test_a_definition_that_is_too_long(sfn):
    text = json.dumps(single({"Type": "Pass", "Comment": "x" * 1_048_577}))
    with pytest.raises(ClientError) as caught:
        sfn.create_state_machine(name="never", definition=text, roleArn=ROLE)
    # A definition of the greatest length and what comes with it are more than a request may have.
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 413)
    assert "1048576" in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    "text, says",
    [
        ("not json", "Invalid State Machine Execution Input: 'Unrecognized token 'not'"),
        ("{", "Invalid State Machine Execution Input: '"),
        ('{"a":}', "Invalid State Machine Execution Input: '"),
    ],
)
def test_an_input_that_is_no_json(sfn, text, says):
    arn = machine(sfn, PASS)
    with refused("InvalidExecutionInput") as error:
        sfn.start_execution(stateMachineArn=arn, input=text)
    assert error.value.response["Error"]["Message"].startswith(says)


def test_an_input_that_is_too_long(sfn):
    arn = machine(sfn, PASS)
    start(sfn, arn, "x" * 200_000)
    with pytest.raises(ClientError) as caught:
        start(sfn, arn, "x" * 262_144)
    assert caught.value.response["Error"]["Code"] in ("InvalidExecutionInput", "ValidationException")


def test_an_input_that_is_too_deep(sfn):
    arn = machine(sfn, PASS)
    try:
        execution = sfn.start_execution(stateMachineArn=arn, input=DEEP)["executionArn"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidExecutionInput"
    else:
        assert closed(sfn, execution)["status"] in ("SUCCEEDED", "FAILED")


def test_a_payload_that_grows_too_long(sfn):
    grow = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}}
    definition = {"StartAt": "One", "States": {"One": {**grow, "Next": "Two"}, "Two": {**grow, "End": True}}}
    error, cause = failed(sfn, definition, "x" * 100_000)
    assert error == "States.DataLimitExceeded"
    assert "exceeding the maximum number of bytes service limit" in cause


@pytest.mark.parametrize(
    "state, data, error",
    [
        ({"Type": "Pass", "InputPath": "$.missing"}, {}, "States.Runtime"),
        ({"Type": "Pass", "Parameters": {"a.$": "States.MathAdd($.x, 1)"}}, {"x": "one"}, "States.Runtime"),
        ({"Type": "Pass", "Parameters": {"a.$": "States.ArrayRange(1, 10000, 1)"}}, {}, "States.Runtime"),
        ({"Type": "Map", "ItemsPath": "$.x", "ItemProcessor": ITEM}, {"x": "no list"}, "States.Runtime"),
        ({"Type": "Wait", "SecondsPath": "$.x"}, {"x": -1}, "States.Runtime"),
        ({"Type": "Wait", "TimestampPath": "$.x"}, {"x": "tomorrow"}, "States.Runtime"),
    ],
)
def test_data_that_a_state_cannot_use(sfn, state, data, error):
    found, cause = failed(sfn, single(state), data)
    assert found == error
    assert cause.startswith("An error occurred while executing the state 'Work' (entered at the event id #2)."), cause


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'{"name": 1}', b'{"name": "a", "definition": {}}', b"\xff\xfe", DEEP.encode()],
    ids=lambda body: body[:30].decode(errors="replace"),
)
def test_a_request_body_of_the_wrong_shape(newel, body):
    status, answer = raw(newel, body)
    assert status == 400
    assert answer["__type"].split("#")[-1] in ("SerializationException", "ValidationException"), answer


def test_an_unknown_operation(newel):
    status, answer = raw(newel, b"{}", "MakeCoffee")
    assert status in (400, 404) and answer["__type"].split("#")[-1] in ("UnknownOperationException", "UnknownOperation")


def test_a_request_that_is_too_long(newel):
    status, _ = raw(newel, json.dumps({"name": "x", "definition": "y" * 6_000_000}).encode())
    assert status in (400, 413)


def test_unknown_things(sfn):
    prefix = "arn:aws:states:us-east-1:000000000000"
    gone_machine, gone = f"{prefix}:stateMachine:gone", f"{prefix}:execution:gone:gone"
    for code, call, members in [
        ("StateMachineDoesNotExist", sfn.describe_state_machine, {"stateMachineArn": gone_machine}),
        ("StateMachineDoesNotExist", sfn.start_execution, {"stateMachineArn": gone_machine}),
        ("StateMachineDoesNotExist", sfn.list_executions, {"stateMachineArn": gone_machine}),
        ("ExecutionDoesNotExist", sfn.describe_execution, {"executionArn": gone}),
        ("ExecutionDoesNotExist", sfn.stop_execution, {"executionArn": gone}),
        ("ExecutionDoesNotExist", sfn.get_execution_history, {"executionArn": gone}),
        ("InvalidArn", sfn.describe_execution, {"executionArn": "nonsense"}),
        ("InvalidToken", sfn.list_state_machines, {"nextToken": "nonsense"}),
    ]:
        with refused(code):
            call(**members)


@pytest.mark.parametrize("name", ["a b", "a/b", "a*", "<a>", "a\tb"])
def test_names_that_no_one_may_have(sfn, name):
    with refused("InvalidName"):
        machine(sfn, PASS, name)
    arn = machine(sfn, PASS)
    with refused("InvalidName"):
        start(sfn, arn, name=name)
