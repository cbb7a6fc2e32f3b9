"""Throttling by boto3: off unless it is enabled, and then by account and operation."""

import datetime
import time

from support.clients import client
from support.executions import closed, machine, start
from support.refusals import refused
from support.waiting import wait_until

RATES = """
[throttling]
enabled = true
[throttling.operations.ListActivities]
bucket = 3
refill = 1
"""


def test_nothing_is_throttled_unless_that_is_enabled(states):
    for _ in range(120):
        states.list_activities()


def test_calls_are_throttled_by_account_and_operation(start_newel, tmp_path, account):
    config = tmp_path / "newel.toml"
    config.write_text(RATES)
    newel = start_newel({"NEWEL_CONFIG": str(config)})
    states = client("stepfunctions", newel.http, access_key=account)
    for _ in range(3):
        states.list_activities()
    with refused("ThrottlingException", 400) as caught:
        for _ in range(10):
            states.list_activities()
    assert caught.value.response["Error"]["Message"] == "Rate exceeded"
    states.list_state_machines()
    client("stepfunctions", newel.http, access_key="999999999999").list_activities()

    def refilled():
        try:
            return states.list_activities()
        except states.exceptions.ClientError:
            return None

    wait_until(refilled, "the bucket to fill again")


def test_state_transitions_beyond_the_rate_are_slow_and_nothing_fails(start_newel, tmp_path, account):
    config = tmp_path / "newel.toml"
    config.write_text("[throttling]\nenabled = true\n[throttling.transitions]\nbucket = 10\nrefill = 10\n")
    newel = start_newel({"NEWEL_CONFIG": str(config)})
    states = client("stepfunctions", newel.http, access_key=account, inject_host_prefix=False)
    chain = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(9)}
    definition = {"StartAt": "S0", "States": {**chain, "S9": {"Type": "Pass", "End": True}}}
    arn = machine(states, definition)
    started = [start(states, arn) for _ in range(5)]
    slow = [closed(states, one) for one in started]
    assert {execution["status"] for execution in slow} == {"SUCCEEDED"}
    # 50 transitions, of which 10 are there at once and the others come in four seconds; the last turn's may be owed.
    assert max(execution["stopDate"] for execution in slow) - slow[0]["startDate"] >= datetime.timedelta(seconds=2.5)

    express = machine(states, definition, type="EXPRESS")
    began = time.monotonic()
    for _ in range(5):
        states.start_sync_execution(stateMachineArn=express)
    assert time.monotonic() - began < 2


def test_standard_retries_get_through(start_newel, tmp_path, account):
    config = tmp_path / "newel.toml"
    config.write_text(RATES)
    newel = start_newel({"NEWEL_CONFIG": str(config)})
    patient = client("stepfunctions", newel.http, access_key=account, attempts=8)
    for _ in range(6):
        patient.list_activities()
