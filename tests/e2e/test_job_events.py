"""A queue of EventBridge's events about jobs wakes the poller: the job that an event tells of is looked at at once."""

import json
import os
import subprocess
import uuid

import pytest
from support.clients import REGION, client
from support.executions import closed, machine, seen, single, start, task
from support.newel import AWS_ENVIRONMENT, Dev, binary, catalog, environment
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

# So long that no test lives to see a poll that nothing asked for.
SLEEPY = {"young_millis": 600_000, "old_millis": 600_000, "calls_per_second": 50, "burst": 50}


@pytest.fixture(scope="module")
def queue(moto):
    """A queue's URL, fed by a rule for Batch's events."""
    events, sqs = client("events", moto.url), client("sqs", moto.url)
    name = f"newel-batch-{uuid.uuid4().hex}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    detail = {"status": ["SUCCEEDED", "FAILED"]}
    pattern = {"source": ["aws.batch"], "detail-type": ["Batch Job State Change"], "detail": detail}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "newel", "Arn": arn}])
    yield url
    events.remove_targets(Rule=name, Ids=["newel"])
    events.delete_rule(Name=name)


@pytest.fixture(scope="module")
def newel(moto, queue, tmp_path_factory):
    config = {"worker.poll": SLEEPY, "worker.events": {"region": REGION}, "worker.events.queues": {"batch": queue}}
    with Dev(tmp_path_factory.mktemp("newel-events"), moto.url, config) as newel:
        yield newel


def tell(moto, job: str, status: str = "SUCCEEDED") -> None:
    """Puts Batch's event about a job on the bus."""
    detail = json.dumps({"jobId": job, "status": status})
    entry = {"Source": "aws.batch", "DetailType": "Batch Job State Change", "Detail": detail}
    assert client("events", moto.url).put_events(Entries=[entry])["FailedEntryCount"] == 0


def empty(moto, queue: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = client("sqs", moto.url).get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return all(int(counts[name]) == 0 for name in names)


def ended_job(sfn, moto, execution: str) -> str:
    """The id of an execution's job, once the emulator has ended it."""
    submitted = wait_until(lambda: seen(sfn, execution, "TaskSubmitted"), "the job to be submitted")
    job = json.loads(submitted["output"])["JobId"]
    batch = client("batch", moto.url)
    wait_until(lambda: batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "SUCCEEDED", "the job to end", seconds=90)
    return job


def test_a_job_that_an_event_tells_of_ends_at_once_and_another_does_not(newel, moto, queue, seeded):
    sfn = newel.client()
    parameters = {"JobName": "told", "JobQueue": seeded.job_queue, "JobDefinition": seeded.job_definition}
    definition = single(task("batch:submitJob.sync", parameters))
    told = start(sfn, machine(sfn, definition))
    # Of another role, so that no call about the first job is one about the second as well.
    untold = start(sfn, machine(sfn, definition, role="arn:aws:iam::000000000000:role/another"))
    first, second = ended_job(sfn, moto, told), ended_job(sfn, moto, untold)
    tell(moto, first)
    assert closed(sfn, told, seconds=30)["status"] == "SUCCEEDED"
    assert sfn.describe_execution(executionArn=untold)["status"] == "RUNNING"
    # What the event says isn't believed: the job is asked about.
    tell(moto, second, "FAILED")
    assert closed(sfn, untold, seconds=30)["status"] == "SUCCEEDED"
    wait_until(lambda: empty(moto, queue), "the queue to be empty", seconds=60)


def test_messages_that_nobody_wants_are_deleted_in_the_end(newel, moto, queue):
    tell(moto, str(uuid.uuid4()))
    sqs = client("sqs", moto.url)
    for body in ("no JSON", "[]", json.dumps({"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": {}})):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    wait_until(lambda: empty(moto, queue), "the queue to be empty", seconds=90)


def test_a_family_without_job_events_can_have_no_queue(queue):
    config = {"worker.events": {"region": REGION}, "worker.events.queues": {"dynamodb": queue}}
    env = {**os.environ, **AWS_ENVIRONMENT, "NEWEL_CATALOG": str(catalog()), **environment(config)}
    ended = subprocess.run([binary(), "worker", "dynamodb"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "worker.events.queues.dynamodb: no events tell of the jobs of this family" in ended.stderr
