"""`newel test`: cases played on virtual time, and what is said of cases that can't be."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
from support.executions import single
from support.newel import binary, catalog

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "newel-test.md"
TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}}


@pytest.fixture
def rehearse(tmp_path):
    """Runs `newel test` on a definition and mocks, each an object or a text."""

    def run(definition, mocks, *arguments: str, name: str = "machine"):
        files = (tmp_path / f"{name}.asl.json", tmp_path / "mocks.json")
        for file, content in zip(files, (definition, mocks), strict=True):
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        command = [str(binary()), "test", str(files[0]), "--mocks", str(files[1]), "--catalog", str(catalog()), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return run


def documented() -> list[tuple[str, str, str]]:
    """The examples of the document: definition, mocks and transcript."""
    text = DOCUMENT.read_text()
    blocks = re.findall(r"```json\n(.*?)```", text, re.S)
    transcripts = re.findall(r"```\n\$ newel test .*?\n(.*?)```", text, re.S)
    return list(zip(blocks[::2], blocks[1::2], transcripts, strict=True))


def test_the_documents_example_is_what_happens(rehearse):
    definition, mocks, transcript = documented()[0]
    done = rehearse(definition, mocks, name="order")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("ok ")] == [
        "ok Declined",
        "ok LargeAndSlow",
        "ok NobodyApproves",
        "ok Small",
    ]
    one = rehearse(definition, mocks, "--case", "LargeAndSlow", name="order")
    assert one.stdout == transcript


def test_the_documents_distributed_map_is_what_happens(rehearse):
    definition, mocks, transcript = documented()[1]
    done = rehearse(definition, mocks, name="import")
    assert (done.returncode, done.stdout) == (0, transcript), done.stderr
    told = json.loads(rehearse(definition, mocks, "--json", name="import").stdout)
    assert [(state["name"], state["depth"], state.get("iteration"), state["at"]) for state in told["states"]] == [
        ("Each", 0, None, 0),
        ("Import", 1, 0, 5000),
        ("Import", 1, 1, 5000),
        ("Import", 1, 2, 15000),
    ]
    answers = json.loads(mocks)
    del answers["States"]["Each"]
    unread = rehearse(definition, answers, name="import")
    assert unread.returncode == 2
    assert "the items of the Map 'Each' are read and have no answer" in unread.stderr


def test_a_year_of_waiting_and_retries_takes_no_time(rehearse):
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600, "MaxAttempts": 10, "BackoffRate": 2.0}
    definition = {
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 86400 * 100, "Next": "Task"},
            "Task": {**TASK, "Retry": [retry], "End": True},
        },
    }
    mocks = {"States": {"Task": {"0-9": {"Throw": {"Error": "Busy"}}, "10": {"Return": "done"}}}}
    began = time.monotonic()
    done = rehearse(definition, mocks, "--json")
    assert time.monotonic() - began < 30
    told = json.loads(done.stdout)
    assert (done.returncode, told["status"], told["output"]) == (0, "SUCCEEDED", "done")
    assert told["millis"] == (86400 * 100 + 3600 * (2**10 - 1)) * 1000
    assert len(told["states"][1]["calls"]) == 11


def test_what_differs_is_told(rehearse):
    mocks = {
        "Input": {"n": 1},
        "States": {"S": {"Return": {"a": 1}}},
        "Expect": {"Output": {"a": 2}, "Path": ["S", "T"], "Calls": {"S": 2}, "Status": "FAILED"},
    }
    done = rehearse(single(TASK, "S"), mocks)
    assert done.returncode == 1
    for line in (
        'Output: expected {"a":2}, was {"a":1}',
        "Path: expected S → T, was S",
        "Calls of S: expected 2, was 1",
        "Status: expected FAILED, was SUCCEEDED",
    ):
        assert f"✗ {line}" in done.stdout, done.stdout


def test_an_execution_that_fails_without_an_expectation_fails_the_case(rehearse):
    done = rehearse(single(TASK, "S"), {"States": {"S": {"Throw": {"Error": "Bad", "Cause": "why"}}}})
    assert done.returncode == 1
    assert "Bad: why" in done.stdout


def test_the_configuration_of_step_functions_local_is_read(rehearse):
    mocks = {
        "StateMachines": {
            "Other": {"TestCases": {"X": {}}},
            "machine": {"TestCases": {"Happy": {"S": "Ok"}, "Retried": {"S": "AtLast"}}},
        },
        "MockedResponses": {
            "Ok": {"0": {"Return": {"StatusCode": 200, "Payload": {"x": 1}}}},
            "AtLast": {
                "0-1": {"Throw": {"Error": "Busy", "Cause": "later"}},
                "2": {"Return": {"StatusCode": 200, "Payload": {"x": 2}}},
            },
        },
    }
    function = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"}
    retry = {"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2}
    done = rehearse(single({**function, "Retry": [retry]}, "S"), mocks, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(case["case"], case["output"], case["millis"]) for case in told] == [
        ("Happy", {"x": 1}, 0),
        ("Retried", {"x": 2}, 3000),
    ]


@pytest.mark.parametrize(
    ("mocks", "said"),
    [
        ("{", "is no JSON"),
        ({"States": {"S": {"Retrun": 1}}}, 'mocks.json:1:29: /States/S/Retrun a call is numbered from 0'),
        ({"States": {"S": {"0": {"Return": 1, "Throw": {}}}}}, "/States/S/0 must have one of Return and Throw"),
        ({"States": {"S": {"0-2": {"Return": 1}, "1": {"Return": 1}}}}, "call 1 is answered twice"),
        ({"States": {"T": {"Return": 1}}}, "the definition has no state 'T'"),
        ({"States": {}}, "the task 'S' is called and has no answer"),
        ({"States": {"S": "Gone"}}, "refers to the response Gone, which the file doesn't have"),
        ({"States": {"S": {"1": {"Return": 1}}}}, "call 0 of the state 'S' (counted from 0) has no answer"),
        ({"Cases": {"A": {"States": {}, "Inputs": 1}}}, "/Cases/A has no member Inputs"),
        ({"Cases": {}}, "has no cases"),
    ],
)
def test_mocks_that_are_wrong_are_told_with_their_place(rehearse, mocks, said):
    done = rehearse(single(TASK, "S"), mocks)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr, done.stderr


def test_a_case_that_cannot_be_played_hides_no_other(rehearse):
    mocks = {"Cases": {"A": {"States": {}}, "B": {"States": {"S": {"Return": 1}}}, "C": {"States": {"S": {"Throw": {"Error": "E"}}}}}}
    done = rehearse(single(TASK, "S"), mocks, "--json")
    assert done.returncode == 2, done.stdout + done.stderr
    unplayed, played, failed = [json.loads(line) for line in done.stdout.splitlines()]
    assert "case A: /Cases/A/States: the task 'S' is called and has no answer" in unplayed["problem"]
    assert (played["case"], played["differences"], failed["case"]) == ("B", [], "C")
    assert failed["differences"] != []


def test_a_definition_that_is_wrong_is_told_with_its_place(rehearse):
    done = rehearse({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}, {"States": {}})
    assert done.returncode == 2
    assert "MISSING_TRANSITION_TARGET" in done.stderr and "machine.asl.json:1:" in done.stderr
    unknown = rehearse(single(TASK, "S"), {"States": {"S": {"Return": 1}}}, "--case", "Gone")
    assert unknown.returncode == 2 and "there are: default" in unknown.stderr
    assert rehearse(single(TASK, "S"), {"States": {"S": {"Return": 1}}}, "--input", "{").returncode == 2
