"""What every action of the optimized integrations asks of AWS, as botocore reads it, and what its state makes of the answer.
The services are `support.scripted_aws`; `calls.py` has the table."""

import json
import subprocess

import pytest
from e2e.calls import CALLBACKS, REFUSALS, ROWS, TASK_TOKEN, Answers, Row
from support.executions import closed, events_of, machine, seen, single, start, task
from support.life_cycles import filled, new_mark, without_marker
from support.newel import Dev, binary
from support.scripted_aws import Call, ScriptedAws

pytestmark = pytest.mark.timeout(120)

ELSEWHERE = ("http:", "apigateway:", "states:", "eks:call", "eks:runJob")
"""Actions that call no service of AWS's models."""


@pytest.fixture(scope="module")
def answers():
    return Answers()


@pytest.fixture(scope="module")
def aws(answers):
    with ScriptedAws(answers) as aws:
        yield aws


@pytest.fixture(scope="module")
def newel(aws, tmp_path_factory):
    with Dev(tmp_path_factory.mktemp("newel-calls"), aws.url) as newel:
        yield newel


@pytest.fixture
def sfn(newel):
    return newel.client()


def test_every_action_has_a_row():
    printed = subprocess.run([binary(), "integrations", "--json"], capture_output=True, check=True, text=True).stdout
    known = [(line["resource"], line["patterns"]) for line in json.loads(printed)["integrations"]]
    known = [(resource.split(":::")[1], patterns) for resource, patterns in known if ":::" in resource]
    known = [(resource, patterns) for resource, patterns in known if not resource.startswith((*ELSEWHERE, "aws-sdk:"))]
    assert sorted(row.resource for row in ROWS) == sorted(resource for resource, _ in known)
    callbacks = [resource + ".waitForTaskToken" for resource, patterns in known if ".waitForTaskToken" in patterns]
    assert sorted(row.resource for row in CALLBACKS) == sorted(callbacks)


def read_of(row: Row, call: Call, execution: str, token: str | None = None) -> dict:
    """The parameters of a call, without its idempotency token, and words for what is new in every execution."""
    parameters = dict(call.parameters)
    if row.marker:
        parameters = without_marker(parameters, row.marker)
    if row.token:
        assert len(parameters.pop(row.token)) >= 32
    text = json.dumps(parameters, default=lambda value: value.decode(), ensure_ascii=False)
    machine_arn = execution.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0]
    for word, name in ((execution, "EXECUTION"), (machine_arn, "MACHINE"), (token, TASK_TOKEN)):
        text = text.replace(word, name) if word else text
    return json.loads(text)


def asked(aws, row: Row, mark: str, execution: str, token: str | None = None) -> list[tuple[str, dict]]:
    calls = [call for call in list(aws.calls) if mark in call.text]
    return [(call.operation, read_of(row, call, execution, token)) for call in calls]


def flaws_of(aws, mark: str) -> list[str]:
    """What was wrong with the requests to the service that this was about."""
    return sum((aws.flaws_of(call.service) for call in list(aws.calls) if mark in call.text), [])


def expected(row: Row, mark: str) -> list[tuple[str, dict]]:
    return [(operation, filled(wire, mark)) for operation, wire, _ in row.calls]


def without_metadata(result: dict) -> dict:
    assert result.pop("SdkResponseMetadata") == {"RequestId": "scripted"}
    assert result.pop("SdkHttpMetadata")["HttpStatusCode"] in (200, 201, 202)
    return result


def begun(sfn, answers, row: Row, refused: str | None = None) -> tuple[str, str]:
    mark = new_mark()
    answers.tell(row, mark, refused)
    return mark, start(sfn, machine(sfn, single(task(row.resource, filled(row.parameters, mark)))))


@pytest.mark.parametrize("row", ROWS, ids=[row.resource for row in ROWS])
def test_an_action(sfn, aws, answers, row):
    mark, execution = begun(sfn, answers, row)
    described = closed(sfn, execution)
    assert described["status"] == "SUCCEEDED", (described, aws.flaws)
    assert without_metadata(described["result"]) == filled(row.result, mark)
    assert asked(aws, row, mark, execution) == expected(row, mark)
    assert flaws_of(aws, mark) == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.resource in REFUSALS], ids=lambda row: row.resource)
def test_a_refusal_is_named_for_its_service(sfn, aws, answers, row):
    code, error, service, status = REFUSALS[row.resource]
    mark, execution = begun(sfn, answers, row, code)
    described = closed(sfn, execution)
    assert (described["status"], described["error"]) == ("FAILED", error)
    words = f"Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: scripted; Proxy: null"
    assert described["cause"] == f"told to ({words})"
    assert len([call for call in list(aws.calls) if mark in call.text]) == 1
    assert flaws_of(aws, mark) == []


@pytest.mark.parametrize("row", CALLBACKS, ids=[row.resource for row in CALLBACKS])
def test_a_callback(sfn, aws, answers, row):
    mark, execution = begun(sfn, answers, row)
    submitted = json.loads(seen(sfn, execution, "TaskSubmitted")["output"])
    assert without_metadata(submitted) == filled(row.result, mark)
    [scheduled] = events_of(sfn, execution, "TaskScheduled")
    token = token_in(json.loads(scheduled["parameters"]))
    assert asked(aws, row, mark, execution, token) == expected(row, mark)
    sfn.send_task_success(taskToken=token, output='{"answer": 1}')
    assert closed(sfn, execution)["result"] == {"answer": 1}
    assert flaws_of(aws, mark) == []


def token_in(value) -> str | None:
    """The longest text in it: a task token is longer than all else here."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return max((token_in(item) or "" for item in value), key=len, default=None)
    return value if isinstance(value, str) else None
