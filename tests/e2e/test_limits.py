"""AWS's limits are defaults: whoever runs Newel may raise them, and it holds."""

import json

import pytest
from support.executions import closed, flaws, history, machine, single, start
from support.newel import Dev

PAYLOAD_BYTES = 4 << 20
EVENTS = 100_000
LOOPS = EVENTS // 4

RAISED = {"limits": {"payload_bytes": 8 << 20, "request_bytes": 32 << 20, "history_events": 2 * EVENTS}}


@pytest.fixture
def roomy(aws_fake, tmp_path):
    with Dev(tmp_path, aws_fake.url, RAISED) as dev:
        yield dev


def test_payloads_of_four_mebibytes(roomy):
    sfn = roomy.client()
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Parameters": {"in.$": "$"}, "End": True}}
    text = "x" * PAYLOAD_BYTES
    arn = start(sfn, machine(sfn, {"StartAt": "A", "States": states}), text)
    assert closed(sfn, arn)["result"] == {"in": text}
    roomy.crash()
    described = sfn.describe_execution(executionArn=arn)
    assert json.loads(described["output"]) == {"in": text}
    assert len(history(sfn, arn)) == 6


@pytest.mark.timeout(240)
def test_a_history_of_a_hundred_thousand_events(roomy):
    sfn = roomy.client()
    choice = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.n", "NumericLessThan": LOOPS, "Next": "Step"}],
        "Default": "Done",
    }
    step = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "More"}
    definition = {"StartAt": "More", "States": {"More": choice, "Step": step, "Done": {"Type": "Succeed"}}}
    arn = start(sfn, machine(sfn, definition), {"n": 0})
    assert closed(sfn, arn, seconds=120)["result"] == {"n": LOOPS}
    events = history(sfn, arn)
    assert len(events) == EVENTS + 6
    assert flaws(events) == []


def test_the_defaults_are_aws_s(sfn):
    """As many events as AWS keeps, and not one more."""
    again = {"Type": "Choice", "Choices": [{"Variable": "$.never", "IsPresent": True, "Next": "End"}], "Default": "Step"}
    states = {"Again": again, "Step": {"Type": "Pass", "Next": "Again"}, "End": {"Type": "Succeed"}}
    arn = start(sfn, machine(sfn, {"StartAt": "Again", "States": states}))
    assert closed(sfn, arn)["status"] == "FAILED"
    assert len(history(sfn, arn)) == 25_000
    too_long = "x" * 262_145
    assert closed(sfn, start(sfn, machine(sfn, single({"Type": "Pass", "Result": too_long}))))["status"] == "FAILED"
