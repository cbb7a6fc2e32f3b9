"""Throttling by boto3: off unless it is enabled, and then by account and operation."""

from support.clients import client
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


def test_standard_retries_get_through(start_newel, tmp_path, account):
    config = tmp_path / "newel.toml"
    config.write_text(RATES)
    newel = start_newel({"NEWEL_CONFIG": str(config)})
    patient = client("stepfunctions", newel.http, access_key=account, attempts=8)
    for _ in range(6):
        patient.list_activities()
