"""Faults, call counts, the job report and the control API of the fake."""

import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from support.refusals import refused


def submit(batch, name="j"):
    return batch.submit_job(jobName=name, jobQueue="q", jobDefinition="d")


def call_of(service, client):
    calls = {
        "batch": lambda: client.describe_jobs(jobs=["x"]),
        "ecs": lambda: client.describe_tasks(tasks=["x"]),
        "glue": lambda: client.get_job_runs(JobName="x"),
        "dynamodb": lambda: client.get_item(TableName="t", Key={"id": {"S": "a"}}),
        "sts": lambda: client.get_caller_identity(),
    }
    return calls[service]


COMMON_ERRORS = {
    "batch": [("TooManyRequestsException", 429), ("ServerException", 500), ("AccessDeniedException", 403)],
    "ecs": [("ThrottlingException", 400), ("ServerException", 500), ("AccessDeniedException", 400)],
    "glue": [("ThrottlingException", 400), ("InternalServiceException", 500), ("AccessDeniedException", 400)],
    "dynamodb": [
        ("ProvisionedThroughputExceededException", 400),
        ("InternalServerError", 500),
        ("AccessDeniedException", 400),
    ],
    "sts": [("Throttling", 400), ("InternalFailure", 500), ("AccessDenied", 403)],
}


@pytest.mark.parametrize("service", COMMON_ERRORS)
def test_every_service_has_its_own_common_errors(aws_fake, connect, service):
    call = call_of(service, connect(service))
    for kind, (code, status) in zip(("throttle", "server_error", "denied"), COMMON_ERRORS[service]):
        aws_fake.fault({"match": {"service": service}, "kind": kind, "times": 1})
        with refused(code, status):
            call()


@pytest.mark.parametrize("service", COMMON_ERRORS)
def test_an_unknown_operation_is_refused(aws_fake, connect, service):
    other = {
        "batch": lambda c: c.describe_job_queues(),
        "ecs": lambda c: c.list_clusters(),
        "glue": lambda c: c.list_jobs(),
        "dynamodb": lambda c: c.list_tables(),
        "sts": lambda c: c.get_session_token(),
    }
    with refused("InvalidAction" if service == "sts" else "UnknownOperationException", 400):
        other[service](connect(service))


def test_an_sdks_retries_get_past_throttles(aws_fake, connect):
    aws_fake.fault({"match": {"operation": "SubmitJob"}, "kind": "throttle", "times": 2})
    submit(connect("batch", attempts=3))
    [calls] = aws_fake.calls(operation="SubmitJob")
    assert (calls["calls"], calls["faults"], calls["errors"]) == (3, 2, 2)
    assert len(aws_fake.jobs()) == 1


def test_throttles_can_last_for_a_time(aws_fake, batch):
    aws_fake.freeze()
    aws_fake.fault({"kind": "throttle", "seconds": 30})
    for _ in range(3):
        with refused("TooManyRequestsException"):
            submit(batch)
    aws_fake.advance(30)
    submit(batch)


def test_a_lost_answer_leaves_its_effect(aws_fake, batch):
    aws_fake.fault({"match": {"operation": "SubmitJob", "name": "lost"}, "kind": "lost_answer"})
    with pytest.raises(ConnectionClosedError):
        submit(batch, "lost")
    submit(batch, "found")
    assert [job["name"] for job in aws_fake.jobs()] == ["lost", "found"]


def test_resending_after_a_lost_answer_doubles_the_job(aws_fake, connect):
    """What the workers must not do with Batch, shown by an SDK that does."""
    aws_fake.fault({"match": {"operation": "SubmitJob"}, "kind": "lost_answer", "times": 1})
    submit(connect("batch", attempts=2))
    assert len(aws_fake.jobs(name="j")) == 2


def test_resending_with_a_client_token_starts_once(aws_fake, connect):
    aws_fake.fault({"match": {"operation": "RunTask"}, "kind": "lost_answer", "times": 1})
    [task] = connect("ecs", attempts=2).run_task(taskDefinition="d", clientToken="t")["tasks"]
    [job] = aws_fake.jobs()
    assert task["taskArn"].endswith(job["id"])


def test_a_reset_comes_before_the_effect(aws_fake, glue):
    aws_fake.fault({"match": {"operation": "StartJobRun"}, "kind": "reset", "times": 1})
    with pytest.raises(ConnectionClosedError):
        glue.start_job_run(JobName="etl")
    assert aws_fake.jobs() == []
    [calls] = aws_fake.calls(operation="StartJobRun")
    assert (calls["calls"], calls["faults"]) == (1, 1)


def test_latency_delays_the_answer_only(aws_fake, connect, batch):
    aws_fake.fault({"match": {"operation": "SubmitJob"}, "kind": "latency", "delay": 0.3, "times": 1})
    began = time.monotonic()
    submit(batch, "slow")
    assert time.monotonic() - began >= 0.3
    aws_fake.fault({"match": {"operation": "SubmitJob"}, "kind": "latency", "delay": 5, "times": 1})
    with pytest.raises(ReadTimeoutError):
        submit(connect("batch", timeout=0.3), "timed-out")
    assert [job["name"] for job in aws_fake.jobs()] == ["slow", "timed-out"]


def test_faults_choose_by_account_region_and_role(aws_fake, connect, sts):
    role = "arn:aws:iam::111111111111:role/r"
    credentials = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    under_role = connect("batch", access_key=credentials["AccessKeyId"])
    for wanted, refused_one, passing in (
        ({"account": "111111111111"}, connect("batch", access_key="111111111111"), connect("batch")),
        ({"region": "eu-west-1"}, connect("batch", region="eu-west-1"), connect("batch")),
        ({"role": role}, under_role, connect("batch", access_key="111111111111")),
        ({"role": ""}, connect("batch"), under_role),
    ):
        aws_fake.control("PUT", "faults", [{"match": wanted, "kind": "throttle"}])
        submit(passing)
        with refused("TooManyRequestsException"):
            submit(refused_one)


def test_calls_are_counted_by_second_and_item(aws_fake, connect):
    aws_fake.freeze()
    now = aws_fake.control("GET", "clock")["now"] // 1000
    batch = connect("batch", access_key="111111111111")
    ids = [submit(batch)["jobId"] for _ in range(3)]
    aws_fake.advance(10)
    batch.describe_jobs(jobs=ids)
    [submitted] = aws_fake.calls(operation="SubmitJob")
    assert (submitted["account"], submitted["region"], submitted["role"]) == ("111111111111", "us-east-1", "")
    assert submitted["seconds"] == [[now, 3]]
    [described] = aws_fake.calls(operation="DescribeJobs")
    assert (described["calls"], described["items"], described["seconds"]) == (1, 3, [[now + 10, 1]])
    aws_fake.control("DELETE", "calls")
    assert aws_fake.calls() == []


def test_the_job_report_tells_each_submission(aws_fake, batch, ecs, glue):
    aws_fake.freeze()
    now = aws_fake.control("GET", "clock")["now"]
    batch.submit_job(jobName="b", jobQueue="q", jobDefinition="d", tags={"attempt": "1"})
    ecs.run_task(taskDefinition="d", clientToken="tok", tags=[{"key": "attempt", "value": "2"}])
    run_id = glue.start_job_run(JobName="g", Arguments={"--attempt": "3"})["JobRunId"]
    of_batch, of_ecs, of_glue = aws_fake.jobs()
    assert (of_batch["service"], of_batch["name"], of_batch["tags"]) == ("batch", "b", {"attempt": "1"})
    assert (of_ecs["token"], of_ecs["tags"]) == ("tok", {"attempt": "2"})
    assert (of_glue["id"], of_glue["request"]["Arguments"]) == (run_id, {"--attempt": "3"})
    assert (of_batch["status"], of_batch["created_at"], of_batch["ended_at"]) == ("SUBMITTED", now, None)
    batch.terminate_job(jobId=of_batch["id"], reason="enough")
    aws_fake.advance(60)
    [ended] = aws_fake.jobs(service="batch")
    assert (ended["status"], ended["ended_at"], ended["stop_reason"]) == ("FAILED", now, "enough")
    assert [job["service"] for job in aws_fake.jobs(limit=1)] == ["batch", "ecs", "glue"]
    assert aws_fake.jobs(account="111111111111") == []
    assert [job["name"] for job in aws_fake.jobs(name="g")] == ["g"]


def test_a_reset_forgets(aws_fake, batch):
    aws_fake.fault({"match": {"service": "glue"}, "kind": "throttle"})
    aws_fake.script({"match": {"service": "batch"}, "steps": [{"status": "FAILED"}]})
    job_id = submit(batch)["jobId"]
    aws_fake.reset()
    assert (aws_fake.jobs(), aws_fake.calls()) == ([], [])
    assert (aws_fake.control("GET", "faults"), aws_fake.control("GET", "scripts")) == ([], [])
    fresh = submit(batch)["jobId"]
    assert [job["jobId"] for job in batch.describe_jobs(jobs=[job_id, fresh])["jobs"]] == [fresh]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "scripts", [{"match": {"service": "batch"}, "steps": []}]),
        ("PUT", "scripts", [{"match": {"service": "batch"}, "steps": [{"status": "X", "typo": 1}]}]),
        ("PUT", "scripts", [{"match": {"service": "s3"}, "steps": [{"status": "X"}]}]),
        ("POST", "faults", [{"kind": "nonsense"}]),
        ("POST", "faults", [{"kind": "error"}]),
        ("POST", "advance", {"seconds": -1}),
        ("POST", "advance", {"seconds": 1e300}),
        ("PUT", "clock", {}),
        ("GET", "jobs?typo=1", None),
        ("GET", "jobs?limit=many", None),
    ],
)
def test_bad_control_requests_are_refused(aws_fake, method, path, body):
    with pytest.raises(urllib.error.HTTPError) as error:
        aws_fake.control(method, path, body)
    assert error.value.code == 400


def test_requests_without_an_identity_are_refused(aws_fake):
    request = urllib.request.Request(aws_fake.url + "/v1/submitjob", data=b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert (error.value.code, error.value.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationToken")


def test_a_body_that_is_not_json_is_refused(aws_fake):
    scope = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/batch/aws4_request, SignedHeaders=host, Signature=0"
    request = urllib.request.Request(
        aws_fake.url + "/v1/submitjob", data=b"{nope", method="POST", headers={"Authorization": scope}
    )
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert (error.value.code, error.value.headers["x-amzn-errortype"]) == (400, "SerializationException")
