"""kill -9 and a new start: everything that was acknowledged is there, and goes on."""

import time

import pytest
from support.executions import closed, count, flaws, history, listed, machine, seen, single, start, task
from support.newel import Dev
from support.waiting import wait_until

BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}
PASS = single({"Type": "Pass"})


@pytest.fixture
def dev(aws_fake, tmp_path):
    brisk = {"worker.poll": {"young_millis": 300}, "worker": {"listing_lag_seconds": 1}}
    with Dev(tmp_path, aws_fake.url, brisk) as dev:
        yield dev


def test_everything_is_kept(dev, aws_fake):
    sfn = dev.client()
    arn = machine(sfn, PASS, "kept")
    sfn.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "a"}])
    done = [start(sfn, arn, {"n": n}) for n in range(20)]
    before = [closed(sfn, execution) for execution in done]
    events = history(sfn, done[0])
    dev.crash()
    again = [sfn.describe_execution(executionArn=execution) for execution in done]
    for was, now in zip(before, again, strict=True):
        assert {k: v for k, v in was.items() if k not in ("ResponseMetadata", "result")} == {
            k: v for k, v in now.items() if k != "ResponseMetadata"
        }
    assert history(sfn, done[0]) == events
    assert sfn.describe_state_machine(stateMachineArn=arn)["name"] == "kept"
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "a"}]


def test_page_tokens_survive(dev):
    sfn = dev.client()
    arn = machine(sfn, PASS)
    for n in range(5):
        closed(sfn, start(sfn, arn, {"n": n}))
    page = sfn.list_executions(stateMachineArn=arn, maxResults=2)
    first = page["executions"]
    events = sfn.get_execution_history(executionArn=first[0]["executionArn"], maxResults=1)
    dev.crash()
    rest = sfn.list_executions(stateMachineArn=arn, maxResults=1000, nextToken=page["nextToken"])["executions"]
    names = [execution["name"] for execution in first + rest]
    assert len(set(names)) == len(names) == 5
    more = sfn.get_execution_history(executionArn=first[0]["executionArn"], nextToken=events["nextToken"])
    assert [event["id"] for event in more["events"]][0] == 2


def test_a_wait_ends_when_it_should_have(dev):
    sfn = dev.client()
    arn = start(sfn, machine(sfn, single({"Type": "Wait", "Seconds": 3})))
    begun = time.monotonic()
    dev.crash()
    assert closed(sfn, arn)["status"] == "SUCCEEDED"
    assert time.monotonic() - begun > 1.5
    assert flaws(history(sfn, arn)) == []


def test_a_wait_that_ended_meanwhile_ends_at_once(dev):
    sfn = dev.client()
    arn = start(sfn, machine(sfn, single({"Type": "Wait", "Seconds": 1})))
    dev.kill()
    time.sleep(1.5)
    dev.start()
    assert closed(sfn, arn, seconds=5)["status"] == "SUCCEEDED"


def test_a_job_is_watched_on(dev, aws_fake):
    aws_fake.script({"match": {"service": "batch"}, "steps": [{"status": "RUNNING"}, {"status": "SUCCEEDED", "after": 4}]})
    sfn = dev.client()
    arn = start(sfn, machine(sfn, single(task("batch:submitJob.sync", BATCH))))
    seen(sfn, arn, "TaskSubmitted")
    dev.crash()
    assert closed(sfn, arn)["result"]["Status"] == "SUCCEEDED"
    assert len(aws_fake.jobs(service="batch")) == 1


def test_a_job_is_stopped_whose_execution_was_stopped_just_before(dev, aws_fake):
    aws_fake.script({"match": {"service": "batch"}, "steps": [{"status": "RUNNING"}]})
    sfn = dev.client()
    arn = start(sfn, machine(sfn, single(task("batch:submitJob.sync", BATCH))))
    seen(sfn, arn, "TaskSubmitted")
    aws_fake.fault({"match": {"operation": "TerminateJob"}, "kind": "server_error", "seconds": 2})
    sfn.stop_execution(executionArn=arn)
    dev.crash()
    wait_until(lambda: aws_fake.jobs(service="batch")[0]["status"] == "FAILED", "the job to be terminated")
    assert closed(sfn, arn)["status"] == "ABORTED"


def test_a_retry_is_not_forgotten(dev):
    sfn = dev.client()
    arn = start(sfn, machine(sfn, single(task("dynamodb:getItem", {"TableName": "none", "Key": {"id": {"S": "a"}}}, Retry=[
        {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 1}
    ]))))
    seen(sfn, arn, "TaskFailed")
    dev.crash()
    assert closed(sfn, arn)["error"] == "DynamoDB.ResourceNotFoundException"
    assert [event["type"] for event in history(sfn, arn)].count("TaskFailed") == 2


def test_a_start_is_answered_the_same_when_repeated(dev):
    sfn = dev.client()
    arn = machine(sfn, single({"Type": "Wait", "Seconds": 300}))
    request = {"stateMachineArn": arn, "name": "once", "input": "{}"}
    first = sfn.start_execution(**request)
    dev.crash()
    second = sfn.start_execution(**request)
    assert (first["executionArn"], first["startDate"]) == (second["executionArn"], second["startDate"])
    assert [execution["name"] for execution in listed(sfn, arn)] == ["once"]
    assert count(sfn, arn, "RUNNING") == 1


def test_an_orderly_stop_loses_nothing(dev):
    sfn = dev.client()
    arn = machine(sfn, PASS)
    done = [start(sfn, arn, {"n": n}) for n in range(50)]
    dev.stop()
    dev.start()
    assert all(closed(sfn, execution)["status"] == "SUCCEEDED" for execution in done)
