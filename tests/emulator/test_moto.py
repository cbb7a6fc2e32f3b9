"""The emulator as the demo and the end-to-end tests use it: seeded, its Batch jobs local processes."""

import json

import pytest
from support.clients import client
from support.seed import seed
from support.waiting import wait_until


@pytest.fixture(scope="module")
def seeded(moto):
    return seed(moto.url)


def connect(moto, service):
    return client(service, moto.url, attempts=2)


def run_batch(moto, seeded, **more):
    batch = connect(moto, "batch")
    job_id = batch.submit_job(
        jobName="test", jobQueue=seeded.job_queue, jobDefinition=seeded.job_definition, **more
    )["jobId"]
    return batch, job_id


def ended_batch(batch, job_id):
    def check():
        [job] = batch.describe_jobs(jobs=[job_id])["jobs"]
        return job if job["status"] in ("SUCCEEDED", "FAILED") else None

    return wait_until(check, "the Batch job to end", seconds=60, every=0.2)


def test_a_batch_job_runs_its_command(moto, seeded):
    batch, job_id = run_batch(moto, seeded, parameters={"message": "words from the job", "seconds": "0"})
    job = ended_batch(batch, job_id)
    assert job["status"] == "SUCCEEDED"
    logs = connect(moto, "logs").get_log_events(
        logGroupName="/aws/batch/job", logStreamName=job["container"]["logStreamName"]
    )
    assert [event["message"] for event in logs["events"]] == ["words from the job"]


def test_a_batch_job_fails_by_its_exit_code(moto, seeded):
    batch, job_id = run_batch(moto, seeded, parameters={"seconds": "0", "code": "3"})
    assert ended_batch(batch, job_id)["status"] == "FAILED"


def test_a_batch_job_sees_its_environment(moto, seeded):
    overrides = {
        "command": ["sh", "-c", 'test "$WORD" = x'],
        "environment": [{"name": "WORD", "value": "x"}],
    }
    batch, job_id = run_batch(moto, seeded, containerOverrides=overrides)
    assert ended_batch(batch, job_id)["status"] == "SUCCEEDED"


def test_a_batch_job_can_be_terminated(moto, seeded):
    batch, job_id = run_batch(moto, seeded, parameters={"seconds": "600"})
    wait_until(
        lambda: batch.describe_jobs(jobs=[job_id])["jobs"][0]["status"] == "RUNNING", "the job to run", every=0.2
    )
    batch.terminate_job(jobId=job_id, reason="enough")
    job = ended_batch(batch, job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "enough")


def test_an_ecs_task_runs_to_its_end(moto, seeded):
    ecs = connect(moto, "ecs")
    network = {"awsvpcConfiguration": {"subnets": seeded.subnets[:1], "securityGroups": seeded.security_groups}}
    [task] = ecs.run_task(
        cluster=seeded.cluster,
        taskDefinition=seeded.task_definition,
        launchType="FARGATE",
        networkConfiguration=network,
    )["tasks"]

    def stopped():
        [found] = ecs.describe_tasks(cluster=seeded.cluster, tasks=[task["taskArn"]])["tasks"]
        return found["lastStatus"] == "STOPPED"

    wait_until(stopped, "the ECS task to stop", every=0.2)


def test_a_glue_run_takes_its_time(moto, seeded):
    glue = connect(moto, "glue")
    run_id = glue.start_job_run(JobName=seeded.glue_job)["JobRunId"]

    def state():
        return glue.get_job_run(JobName=seeded.glue_job, RunId=run_id)["JobRun"]["JobRunState"]

    assert state() in ("STARTING", "RUNNING")
    wait_until(lambda: state() == "SUCCEEDED", "the Glue run to end", every=0.2)


def test_the_table_takes_items(moto, seeded):
    dynamodb = connect(moto, "dynamodb")
    dynamodb.put_item(TableName=seeded.table, Item={seeded.table_key: {"S": "a"}})
    assert dynamodb.get_item(TableName=seeded.table, Key={seeded.table_key: {"S": "a"}})["Item"]


def test_another_account_is_seeded_apart(moto, seeded):
    other = seed(moto.url, account="222222222222")
    assert ":123456789012:" in seeded.job_queue
    assert ":222222222222:" in other.job_queue


def test_seeding_again_changes_nothing(moto, seeded):
    again = seed(moto.url)
    definitions = {"job_definition", "task_definition"}
    first, second = seeded.to_json(), again.to_json()
    assert {k: v for k, v in first.items() if k not in definitions} == {
        k: v for k, v in second.items() if k not in definitions
    }
    assert json.dumps(second)
