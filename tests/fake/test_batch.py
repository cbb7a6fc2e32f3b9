"""boto3 drives the fake's Batch."""

import pytest
from support.refusals import refused


def submit(batch, name="job-1", **more):
    return batch.submit_job(jobName=name, jobQueue="fast", jobDefinition="etl", **more)["jobId"]


def described(batch, job_id):
    [job] = batch.describe_jobs(jobs=[job_id])["jobs"]
    return job


def test_a_job_leads_its_usual_life(aws_fake, batch):
    aws_fake.freeze()
    job_id = submit(batch)
    seen = []
    for _ in range(12):
        status = described(batch, job_id)["status"]
        seen += [] if seen[-1:] == [status] else [status]
        aws_fake.advance(0.1)
    assert seen == ["SUBMITTED", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]


def test_a_described_job_carries_what_was_asked_for(aws_fake, batch):
    aws_fake.freeze()
    environment = [{"name": "A", "value": "1"}]
    job_id = submit(
        batch,
        parameters={"in": "s3://x"},
        containerOverrides={"command": ["run"], "environment": environment},
        retryStrategy={"attempts": 3},
        timeout={"attemptDurationSeconds": 60},
        tags={"team": "a"},
        propagateTags=True,
    )
    aws_fake.advance(60)
    job = described(batch, job_id)
    arn = "arn:aws:batch:us-east-1:000000000000"
    assert job["jobArn"] == f"{arn}:job/{job_id}"
    assert (job["jobQueue"], job["jobDefinition"]) == (f"{arn}:job-queue/fast", f"{arn}:job-definition/etl:1")
    assert job["container"]["command"] == ["run"]
    assert job["container"]["environment"] == environment
    assert job["container"]["exitCode"] == 0
    assert job["parameters"] == {"in": "s3://x"}
    assert job["retryStrategy"]["attempts"] == 3
    assert job["timeout"] == {"attemptDurationSeconds": 60}
    assert job["tags"] == {"team": "a"}
    assert job["createdAt"] < job["startedAt"] < job["stoppedAt"]
    [attempt] = job["attempts"]
    assert attempt["container"]["exitCode"] == 0
    assert attempt["container"]["logStreamName"] == job["container"]["logStreamName"]


def test_a_script_makes_a_job_fail_as_told(aws_fake, batch):
    aws_fake.freeze()
    reason = "Host EC2 (instance i-0) terminated."
    failed = {
        "status": "FAILED",
        "after": 2,
        "with": {"statusReason": reason, "container": {"exitCode": 3, "reason": "OutOfMemoryError"}},
    }
    aws_fake.script(
        {"match": {"service": "batch", "name": "bad-*"}, "times": 1, "steps": [{"status": "RUNNING"}, failed]}
    )
    good, bad, after = submit(batch, "good"), submit(batch, "bad-1"), submit(batch, "bad-2")
    aws_fake.advance(1.9)
    assert described(batch, bad)["status"] == "RUNNING"
    aws_fake.advance(0.2)
    assert [described(batch, job)["status"] for job in (good, bad, after)] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    job = described(batch, bad)
    assert job["statusReason"] == reason
    assert job["container"]["exitCode"] == 3
    assert job["attempts"][0]["container"] == {
        "exitCode": 3,
        "reason": "OutOfMemoryError",
        "logStreamName": job["container"]["logStreamName"],
        "networkInterfaces": [],
    }


def test_a_hundred_jobs_are_described_at_once_and_no_more(batch):
    jobs = [submit(batch, f"job-{n}") for n in range(100)]
    found = batch.describe_jobs(jobs=jobs)["jobs"]
    assert [job["jobId"] for job in found] == jobs
    with refused("ClientException", 400):
        batch.describe_jobs(jobs=[*jobs, jobs[0]])
    with refused("ClientException", 400):
        batch.describe_jobs(jobs=[])


def test_unknown_jobs_are_left_out(batch):
    job_id = submit(batch)
    unknown = ["nope", "00000000-0000-0000-a000-000000000000", "11111111-1111-1111-a000-ffffffffffff"]
    found = batch.describe_jobs(jobs=[*unknown, job_id])["jobs"]
    assert [job["jobId"] for job in found] == [job_id]


@pytest.mark.parametrize(
    ("call", "changed"),
    [("terminate_job", "isTerminated"), ("cancel_job", "isCancelled")],
)
def test_a_waiting_job_can_be_ended(aws_fake, batch, call, changed):
    aws_fake.freeze()
    job_id = submit(batch)
    getattr(batch, call)(jobId=job_id, reason="enough")
    job = described(batch, job_id)
    assert (job["status"], job["statusReason"], job[changed]) == ("FAILED", "enough", True)
    assert "exitCode" not in job["container"]
    assert job["attempts"] == []


def test_a_running_job_is_ended_by_terminate_only(aws_fake, batch):
    aws_fake.freeze()
    job_id = submit(batch)
    aws_fake.advance(0.6)
    batch.cancel_job(jobId=job_id, reason="too late")
    assert described(batch, job_id)["status"] == "RUNNING"
    batch.terminate_job(jobId=job_id, reason="stop")
    job = described(batch, job_id)
    assert (job["status"], job["statusReason"], job["container"]["exitCode"]) == ("FAILED", "stop", 137)


def test_an_ended_job_stays_as_it_ended(aws_fake, batch):
    aws_fake.freeze()
    job_id = submit(batch)
    aws_fake.advance(60)
    batch.terminate_job(jobId=job_id, reason="too late")
    assert described(batch, job_id)["status"] == "SUCCEEDED"


def test_ending_an_unknown_job_is_refused(batch):
    with refused("ClientException", 400):
        batch.terminate_job(jobId="nope", reason="r")
    with refused("ClientException", 400):
        batch.cancel_job(jobId="nope", reason="r")


def listed(batch, **arguments):
    pages = batch.get_paginator("list_jobs").paginate(**arguments)
    return [job["jobName"] for page in pages for job in page["jobSummaryList"]]


def test_jobs_are_listed_by_status_and_page(aws_fake, batch):
    aws_fake.freeze()
    names = [f"job-{n}" for n in range(7)]
    for name in names:
        submit(batch, name)
    batch.submit_job(jobName="elsewhere", jobQueue="slow", jobDefinition="etl")
    assert listed(batch, jobQueue="fast") == [], "without a status only RUNNING jobs are listed"
    assert listed(batch, jobQueue="fast", jobStatus="SUBMITTED", maxResults=3) == names[::-1]
    aws_fake.advance(0.6)
    assert listed(batch, jobQueue="fast") == names[::-1]
    aws_fake.advance(60)
    [summary] = batch.list_jobs(jobQueue="slow", jobStatus="SUCCEEDED")["jobSummaryList"]
    assert summary["container"] == {"exitCode": 0}
    with refused("ClientException"):
        batch.list_jobs(jobQueue="fast", nextToken="nonsense")
    with refused("ClientException"):
        batch.list_jobs(arrayJobId="x")


def test_jobs_are_found_by_filter_in_any_status(aws_fake, batch):
    aws_fake.freeze()
    start = aws_fake.control("GET", "clock")["now"]
    for name in ("alpha-1", "alpha-2", "beta-1", "Alpha-1"):
        submit(batch, name, shareIdentifier="s" + name[0])
        aws_fake.advance(10)
    batch.submit_job(jobName="alpha-1", jobQueue="slow", jobDefinition="etl")

    def check(name, value, expect):
        found = listed(batch, jobQueue="fast", filters=[{"name": name, "values": [value]}], maxResults=1)
        assert found == expect, (name, value)

    check("JOB_NAME", "alpha-1", ["Alpha-1", "alpha-1"])
    check("JOB_NAME", "alpha*", ["Alpha-1", "alpha-2", "alpha-1"])
    check("JOB_NAME", "none", [])
    check("JOB_DEFINITION", "etl", ["Alpha-1", "beta-1", "alpha-2", "alpha-1"])
    check("JOB_DEFINITION", "other", [])
    check("SHARE_IDENTIFIER", "sb", ["beta-1"])
    check("BEFORE_CREATED_AT", str(start + 15_000), ["alpha-2", "alpha-1"])
    check("AFTER_CREATED_AT", str(start + 15_000), ["Alpha-1", "beta-1"])
    with refused("ClientException"):
        check("NONSENSE", "x", [])
    with refused("ClientException"):
        check("BEFORE_CREATED_AT", "yesterday", [])


def test_listings_lag_behind_when_told_to(aws_fake, batch):
    aws_fake.freeze()
    aws_fake.control("PUT", "listing-lag", {"seconds": 5})
    job_id = submit(batch, "young")
    by_name = {"jobQueue": "fast", "filters": [{"name": "JOB_NAME", "values": ["young"]}]}
    assert listed(batch, **by_name) == []
    assert described(batch, job_id)["jobName"] == "young"
    aws_fake.advance(5)
    assert listed(batch, **by_name) == ["young"]


def test_tags_are_read_and_added(batch):
    job_id = submit(batch, tags={"a": "1", "b": "2"})
    arn = f"arn:aws:batch:us-east-1:000000000000:job/{job_id}"
    batch.tag_resource(resourceArn=arn, tags={"b": "3", "c": "4"})
    assert batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1", "b": "3", "c": "4"}
    assert described(batch, job_id)["tags"] == {"a": "1", "b": "3", "c": "4"}
    with refused("ClientException"):
        batch.list_tags_for_resource(resourceArn=arn[:-1] + "x")
    with refused("ClientException"):
        batch.tag_resource(resourceArn=arn, tags={f"t{n}": "" for n in range(51)})


def test_array_jobs_say_their_size(aws_fake, batch):
    job_id = submit(batch, arrayProperties={"size": 5})
    array = described(batch, job_id)["arrayProperties"]
    assert array["size"] == 5
    assert sum(array["statusSummary"].values()) == 5
    with refused("ClientException"):
        submit(batch, arrayProperties={"size": 1})


@pytest.mark.parametrize("name", ["", "with blank", "-dash", "ü", "x" * 129])
def test_bad_names_are_refused(batch, name):
    with refused("ClientException", 400):
        submit(batch, name)
