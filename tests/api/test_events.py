"""Status-change events: EventBridge's shape, by file and by webhook."""

import hashlib
import hmac
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.clients import client
from support.waiting import wait_until

from .conftest import ROLE, WAITS, closed, create

SECRET = "of the webhook"


class Receiver:
    """A webhook that remembers what it was sent, and first answers as it is told."""

    def __init__(self):
        self.requests: list[tuple[dict, bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.requests.append((dict(self.headers), body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?of=newel"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def details(self, execution: str) -> list[dict]:
        bodies = [json.loads(body)["detail"] for _, body in self.requests]
        return [detail for detail in bodies if detail["executionArn"] == execution]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def told(start_newel, tmp_path, receiver):
    """A client, and what gives the events in the file once there are as many of an execution as are expected."""
    secret, log = tmp_path / "secret", tmp_path / "events.jsonl"
    secret.write_text(SECRET + "\n")
    newel = start_newel(
        {
            "NEWEL_EVENTS__WEBHOOK_URL": receiver.url,
            "NEWEL_EVENTS__WEBHOOK_SECRET_FILE": str(secret),
            "NEWEL_EVENTS__FILE": str(log),
        }
    )

    def events(execution: str, count: int) -> list[dict]:
        def found():
            lines = log.read_text().splitlines() if log.exists() else []
            return [event for event in map(json.loads, lines) if event["resources"] == [execution]]

        wait_until(lambda: len(found()) >= count, f"{count} events of {execution}")
        return found()

    return client("stepfunctions", newel.http, inject_host_prefix=False), events


def test_a_life_is_two_events_in_eventbridge_s_shape(told):
    states, events = told
    arn = create(states)
    execution = states.start_execution(stateMachineArn=arn, name="e", input='{"a": 1}')["executionArn"]
    described = closed(states, execution)
    begun, ended = events(execution, 2)
    stamp = lambda at: round(at.timestamp() * 1000)  # noqa: E731
    detail = {
        "executionArn": execution,
        "stateMachineArn": arn,
        "name": "e",
        "status": "RUNNING",
        "startDate": stamp(described["startDate"]),
        "stopDate": None,
        "input": '{"a": 1}',
        "output": None,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
        "inputDetails": {"included": True},
        "outputDetails": None,
        "error": None,
        "cause": None,
    }
    envelope = {
        "version": "0",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "000000000000",
        "region": "us-east-1",
        "resources": [execution],
    }
    for event in (begun, ended):
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event.pop("id"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("time"))
    assert begun == envelope | {"detail": detail}
    end = {
        "status": "SUCCEEDED",
        "stopDate": stamp(described["stopDate"]),
        "output": '{"a":1}',
        "outputDetails": {"included": True},
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }
    assert ended == envelope | {"detail": detail | end}


def test_an_abort_tells_its_error(told):
    states, events = told
    execution = states.start_execution(stateMachineArn=create(states, text=WAITS))["executionArn"]
    states.stop_execution(executionArn=execution, error="Enough", cause="of that")
    detail = events(execution, 2)[1]["detail"]
    assert (detail["status"], detail["error"], detail["cause"]) == ("ABORTED", "Enough", "of that")


def test_express_executions_have_no_events(told):
    states, events = told
    express = states.create_state_machine(
        name="x", roleArn=ROLE, type="EXPRESS", definition=json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})
    )["stateMachineArn"]
    run = states.start_sync_execution(stateMachineArn=express)["executionArn"]
    execution = states.start_execution(stateMachineArn=create(states))["executionArn"]
    events(execution, 2)
    assert events(run, 0) == []


def test_what_does_not_fit_is_left_out(told):
    states, events = told
    large = json.dumps("x" * 150_000)
    execution = states.start_execution(stateMachineArn=create(states), input=large)["executionArn"]
    begun, ended = (event["detail"] for event in events(execution, 2))
    assert (begun["input"], begun["inputDetails"]) == (large, {"included": True})
    assert (ended["input"], ended["inputDetails"]) == (None, {"included": False})
    assert (ended["output"], ended["outputDetails"]) == (large, {"included": True})
    huge = json.dumps("x" * 255_000)
    execution = states.start_execution(stateMachineArn=create(states), input=huge)["executionArn"]
    ended = events(execution, 2)[1]["detail"]
    assert (ended["input"], ended["output"], ended["outputDetails"]) == (None, None, {"included": False})


def test_a_webhook_is_tried_again_and_its_requests_are_signed(told, receiver):
    states, _ = told
    receiver.answers = [503, 429]
    execution = states.start_execution(stateMachineArn=create(states))["executionArn"]

    wait_until(lambda: len(receiver.details(execution)) == 4, "two events and two repetitions")
    assert {detail["status"] for detail in receiver.details(execution)} == {"RUNNING", "SUCCEEDED"}
    ids = set()
    for headers, body in receiver.requests:
        headers = {name.lower(): value for name, value in headers.items()}
        assert headers["content-type"] == "application/json"
        assert headers["newel-event-id"] == json.loads(body)["id"]
        ids.add(headers["newel-event-id"])
        seconds, signature = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["newel-signature"]).groups()
        expect = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
        assert signature == expect
    assert len(ids) == 2, "a repetition has the id of the first"


def test_a_receiver_that_refuses_is_not_asked_again(told, receiver):
    states, _ = told
    receiver.answers = [400, 400]
    execution = states.start_execution(stateMachineArn=create(states))["executionArn"]
    wait_until(lambda: len(receiver.details(execution)) == 2, "both events to be sent")
    # The next execution's events come after any that would be repeated at once.
    later = states.start_execution(stateMachineArn=create(states, name="later"))["executionArn"]
    wait_until(lambda: len(receiver.details(later)) == 2, "the next execution's events")
    assert len(receiver.details(execution)) == 2
