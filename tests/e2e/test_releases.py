"""A database that an earlier release has written opens, everything in it is found, and what is open goes on."""

import json

import pytest
from support import releases
from support.executions import closed, flaws, history, listed, start
from support.newel import Dev

# Executions stay however old the release is.
FOREVER = {"engine": {"retention_days": 36_500}, "worker": {"listing_lag_seconds": 1}, "worker.poll": {"young_millis": 300}}


def includes(now, before) -> bool:
    """Whether an answer has all that an earlier one had, with the same values. Later releases may say more."""
    if isinstance(before, dict):
        return isinstance(now, dict) and all(key in now and includes(now[key], value) for key, value in before.items())
    if isinstance(before, list):
        return len(now) == len(before) and all(includes(*pair) for pair in zip(now, before, strict=True))
    return now == before


@pytest.fixture(params=releases.names())
def left(request, aws_fake, tmp_path):
    expected = releases.unpack(request.param, tmp_path / "data")
    # The fake has never heard of the job that the release has left running.
    submitted = next(event for event in expected["open"]["job"]["history"] if event["type"] == "TaskSubmitted")
    job = json.loads(submitted["taskSubmittedEventDetails"]["output"])
    ended = {"jobId": job["JobId"], "jobName": job["JobName"], "status": "SUCCEEDED"}
    aws_fake.fault({"match": {"operation": "DescribeJobs"}, "kind": "answer", "body": {"jobs": [ended]}})
    with Dev(tmp_path, aws_fake.url, FOREVER) as newel:
        yield newel, expected


def test_a_release_left_its_database():
    assert "0.1.0" in releases.names()


def test_everything_is_found_and_what_is_open_goes_on(left):
    newel, expected = left
    sfn = newel.client()
    for before in expected["machines"]:
        now = releases.plain(sfn.describe_state_machine(stateMachineArn=before["stateMachineArn"]))
        assert includes(now, before), (now, before)
    machines = {item["stateMachineArn"] for item in sfn.list_state_machines()["stateMachines"]}
    assert machines == {before["stateMachineArn"] for before in expected["machines"]}
    for arn, tags in expected["tags"].items():
        assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    for name, before in expected["closed"].items():
        arn = before["execution"]["executionArn"]
        now = releases.told(sfn, arn)
        assert includes(now, before), (name, now, before)
        assert arn in {item["executionArn"] for item in listed(sfn, before["execution"]["stateMachineArn"])}

    sfn.send_task_success(taskToken=expected["token"], output='{"answer": 42}')
    for name, before in expected["open"].items():
        arn = before["execution"]["executionArn"]
        now = closed(sfn, arn)
        assert now["status"] == releases.OPEN[name][3], (name, now)
        assert now["input"] == before["execution"]["input"]
        events = history(sfn, arn)
        assert flaws(events) == [], name
        begun = [releases.plain(event) for event in events[: len(before["history"])]]
        assert includes(begun, before["history"]), (name, begun, before["history"])
        if name == "callback":
            assert now["result"] == {"answer": 42}

    again = start(sfn, expected["closed"]["second"]["execution"]["stateMachineArn"])
    assert closed(sfn, again)["result"] == "after"


def test_what_was_migrated_stays_after_another_start(left):
    newel, expected = left
    newel.crash()
    sfn = newel.client()
    for name, before in expected["closed"].items():
        now = releases.told(sfn, before["execution"]["executionArn"])
        assert includes(now, before), name
