"""Requests that no SDK would send, and AWS's words about them."""

import json
import urllib.error
import urllib.request

import pytest

from .conftest import create


@pytest.fixture
def post(endpoint, account):
    """Sends a raw body; gives status, error and message."""

    def send(operation, body, target="AWSStepFunctions."):
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": target + operation,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={account}/20240101/us-east-1/states/aws4_request, "
            "SignedHeaders=host, Signature=0",
        }
        request = urllib.request.Request(endpoint + "/", data=data, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.headers["x-amzn-RequestId"]
                return answer.status, None, None
        except urllib.error.HTTPError as error:
            answer = json.loads(error.read())
            assert error.headers["x-amzn-RequestId"] and error.headers["Content-Type"] == "application/x-amz-json-1.0"
            return error.code, answer["__type"], answer.get("message")

    return send


def constraint(value, member, rule, errors=1):
    return f"{errors} validation error{'s' * (errors > 1)} detected: {value} at '{member}' failed to satisfy constraint: {rule}"


NAME = "Member must have length less than or equal to 80"
NULL = "Member must not be null"
STATUSES = "Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"


@pytest.mark.parametrize(
    "operation, body, message",
    [
        ("StartExecution", {}, constraint("Value null", "stateMachineArn", NULL)),
        ("DescribeExecution", {"executionArn": None}, constraint("Value null", "executionArn", NULL)),
        (
            "StartExecution",
            {"stateMachineArn": "a", "name": "x" * 81},
            constraint(f"Value '{'x' * 81}'", "name", NAME),
        ),
        (
            "DescribeExecution",
            {"executionArn": ""},
            constraint("Value ''", "executionArn", "Member must have length greater than or equal to 1"),
        ),
        (
            "ListStateMachines",
            {"maxResults": 1001},
            constraint("Value '1001'", "maxResults", "Member must have value less than or equal to 1000"),
        ),
        (
            "ListStateMachines",
            {"maxResults": -1},
            constraint("Value '-1'", "maxResults", "Member must have value greater than or equal to 0"),
        ),
        (
            "ListExecutions",
            {"stateMachineArn": "a", "statusFilter": "succeeded"},
            constraint("Value 'succeeded'", "statusFilter", STATUSES),
        ),
        (
            "StopExecution",
            {"executionArn": "a", "error": "secret" * 50},
            constraint("Value", "error", "Member must have length less than or equal to 256"),
        ),
        (
            "TagResource",
            {"resourceArn": "a", "tags": [{"key": "k"}, {"key": ""}]},
            constraint("Value ''", "tags.2.member.key", "Member must have length greater than or equal to 1"),
        ),
        (
            "ListStateMachines",
            {"maxResults": 2000, "nextToken": ""},
            constraint("Value '2000'", "maxResults", "Member must have value less than or equal to 1000", 2)
            + "; Value '' at 'nextToken' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
    ],
)
def test_constraints(post, operation, body, message):
    assert post(operation, body) == (400, "ValidationException", message)


@pytest.mark.parametrize(
    "operation, body",
    [
        ("ListStateMachines", ""),
        ("ListStateMachines", "{"),
        ("ListStateMachines", "[]"),
        ("ListStateMachines", '"text"'),
        ("ListStateMachines", b"\xff\xfe"),
        ("ListStateMachines", {"maxResults": "5"}),
        ("ListStateMachines", {"maxResults": 1.5}),
        ("StartExecution", {"stateMachineArn": 5}),
        ("StartExecution", {"stateMachineArn": ["a"]}),
        ("StartExecution", {"stateMachineArn": {"a": 1}}),
        ("StartExecution", {"stateMachineArn": "a", "input": {"not": "a string"}}),
        ("CreateStateMachine", {"name": "m", "definition": {"StartAt": "S"}, "roleArn": "r"}),
        ("GetExecutionHistory", {"executionArn": "a", "reverseOrder": "yes"}),
        ("TagResource", {"resourceArn": "a", "tags": {"key": "k"}}),
        ("ListStateMachines", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
    ],
)
def test_what_cannot_be_read(post, operation, body):
    status, error, message = post(operation, body)
    assert (status, error) == (400, "SerializationException"), message


@pytest.mark.parametrize("operation", ["Nonsense", ""])
def test_operations_that_the_api_does_not_have(post, operation):
    status, error, message = post(operation, {})
    assert (status, error) == (400, "UnknownOperationException") and message
    assert post("ListStateMachines", {}, target="DynamoDB_20120810.")[1] == "UnknownOperationException"


@pytest.mark.parametrize(
    "operation, body, error, message",
    [
        (
            "DescribeStateMachine",
            {"stateMachineArn": "not_a_valid_arn"},
            "InvalidArn",
            "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'",
        ),
        (
            "CreateStateMachine",
            {"name": "m", "definition": "{}", "roleArn": "role"},
            "InvalidArn",
            "Invalid Role Arn: 'role'",
        ),
        (
            "CreateStateMachine",
            {"name": "m", "definition": "{}", "roleArn": "arn:aws:iam::000000000000:role/r", "versionDescription": "v"},
            "ValidationException",
            "Version description can only be set when publish is true",
        ),
    ],
)
def test_meanings(post, operation, body, error, message):
    assert post(operation, body) == (400, error, message)


def test_a_request_that_is_too_large(post):
    status, error, _ = post("ListStateMachines", {"a": "x" * 2_000_000})
    assert (status, error) == (413, "RequestEntityTooLargeException")


def test_a_definition_that_is_deeply_nested(post):
    definition = '{"StartAt":"S","States":{"S":{"Type":"Pass","Result":' + "[" * 5_000 + "]" * 5_000 + ',"End":true}}}'
    body = {"name": "deep", "definition": definition, "roleArn": "arn:aws:iam::000000000000:role/r"}
    status, error, _ = post("CreateStateMachine", body)
    assert (status, error) == (400, "InvalidDefinition")


def test_the_server_is_still_well(post, states):
    """After all of this (the tests of a file share a server)."""
    machine = create(states)
    assert post("DescribeStateMachine", {"stateMachineArn": machine})[0] == 200
