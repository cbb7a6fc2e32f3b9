"""ValidateStateMachineDefinition."""

import json

import pytest
from botocore.exceptions import ClientError
from .conftest import definition


def machine(**states) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def test_a_definition_that_would_be_taken_has_nothing_said_of_it(states):
    answer = states.validate_state_machine_definition(definition=definition())
    assert (answer["result"], answer["diagnostics"], answer["truncated"]) == ("OK", [], False)


def test_an_error_has_its_code_message_and_place(states):
    answer = states.validate_state_machine_definition(definition=machine(A={"Type": "Pass", "Next": "B"}))
    assert answer["result"] == "FAIL"
    assert answer["diagnostics"][0] == {
        "severity": "ERROR",
        "code": "MISSING_TRANSITION_TARGET",
        "message": "Missing 'Next' target: B",
        "location": "/States/A/Next",
    }


def test_what_is_no_json_is_located_in_its_source(states):
    [found] = states.validate_state_machine_definition(definition='{"StartAt": nowhere}')["diagnostics"]
    assert found["code"] == "INVALID_JSON_DESCRIPTION"
    assert found["location"] == '[Source: (String)"{"StartAt": nowhere}"; line: 1, column: 20]'
    assert found["message"].endswith("at " + found["location"])


def test_warnings_are_told_only_when_asked_for(states):
    text = definition(Parameters={"name": "$.name"})
    quiet = states.validate_state_machine_definition(definition=text)
    assert (quiet["result"], quiet["diagnostics"]) == ("OK", [])
    loud = states.validate_state_machine_definition(definition=text, severity="WARNING")
    assert loud["result"] == "OK"
    assert {(found["severity"], found["code"]) for found in loud["diagnostics"]} == {("WARNING", "NO_DOLLAR")}


def test_the_type_decides_what_is_allowed(states):
    text = definition(
        Type="Task",
        Resource="arn:aws:states:::batch:submitJob.sync",
        Parameters={"JobName": "j", "JobQueue": "q", "JobDefinition": "d"},
    )
    assert states.validate_state_machine_definition(definition=text)["result"] == "OK"
    [found] = states.validate_state_machine_definition(definition=text, type="EXPRESS")["diagnostics"]
    assert found["message"] == "Express state machine does not support '.sync' service integration"


def test_no_more_is_told_than_was_asked_for(states):
    wrong = {f"S{n}": {"Type": "Pass", "End": True, "Bad": 1} for n in range(5)}
    few = states.validate_state_machine_definition(definition=machine(**wrong), maxResults=2)
    assert (len(few["diagnostics"]), few["truncated"], few["result"]) == (2, True, "FAIL")
    every = states.validate_state_machine_definition(definition=machine(**wrong), maxResults=0)
    assert (len(every["diagnostics"]), every["truncated"]) == (5, False)


@pytest.mark.parametrize(
    ("members", "place"),
    [({"maxResults": 101}, "maxResults"), ({"severity": "INFO"}, "severity"), ({"type": "FAST"}, "type")],
)
def test_a_member_out_of_range_is_refused(states, members, place):
    with pytest.raises(ClientError) as refused:
        states.validate_state_machine_definition(definition=definition(), **members)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert f"'{place}'" in error["Message"]
