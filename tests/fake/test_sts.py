"""boto3 drives the fake's STS, and calls are made under the roles it hands out."""

from datetime import datetime, timezone

from support.refusals import refused

ROLE = "arn:aws:iam::222222222222:role/path/runner"


def assume(sts, role=ROLE, **more):
    return sts.assume_role(RoleArn=role, RoleSessionName="test", **more)


def under(credentials):
    return {"access_key": credentials["AccessKeyId"], "session_token": credentials["SessionToken"]}


def test_an_assumed_role_has_its_own_account_and_identity(aws_fake, connect, sts):
    answer = assume(sts, DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::222222222222:assumed-role/runner/test"
    left = answer["Credentials"]["Expiration"] - datetime.now(timezone.utc)
    assert 880 < left.total_seconds() <= 901
    identity = connect("sts", **under(answer["Credentials"])).get_caller_identity()
    assert identity["Account"] == "222222222222"
    assert identity["Arn"].startswith("arn:aws:sts::222222222222:assumed-role/runner/")
    batch = connect("batch", **under(answer["Credentials"]))
    job = batch.submit_job(jobName="j", jobQueue="q", jobDefinition="d")
    assert ":222222222222:" in job["jobArn"]
    assert connect("batch").describe_jobs(jobs=[job["jobId"]])["jobs"] == []
    [report] = aws_fake.jobs()
    assert (report["account"], report["role"]) == ("222222222222", ROLE)
    [calls] = aws_fake.calls(operation="SubmitJob")
    assert (calls["account"], calls["role"], calls["calls"]) == ("222222222222", ROLE, 1)


def test_credentials_outlive_a_reset(aws_fake, connect, sts):
    credentials = assume(sts)["Credentials"]
    aws_fake.reset()
    assert connect("sts", **under(credentials)).get_caller_identity()["Account"] == "222222222222"
    assert assume(sts)["Credentials"]["AccessKeyId"] == credentials["AccessKeyId"]


def test_without_a_role_the_key_names_the_account(connect, sts):
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    assert connect("sts", access_key="AKIAIOSFODNN7EXAMPLE").get_caller_identity()["Account"] == "000000000000"
    assert connect("sts", access_key="333333333333").get_caller_identity()["Account"] == "333333333333"


def test_a_role_can_be_denied(aws_fake, sts):
    aws_fake.fault({"match": {"service": "sts", "operation": "AssumeRole", "name": ROLE}, "kind": "denied"})
    with refused("AccessDenied", 403):
        assume(sts)
    assume(sts, "arn:aws:iam::222222222222:role/other")


def test_throttled_sts_answers_in_xml(aws_fake, sts):
    aws_fake.fault({"match": {"service": "sts"}, "kind": "throttle", "times": 1})
    with refused("Throttling", 400) as error:
        assume(sts)
    assert error.value.response["Error"]["Type"] == "Sender"


def test_bad_requests_are_refused(connect, sts):
    with refused("ValidationError", 400):
        assume(sts, "arn:aws:iam::222222222222:user/someone")
    with refused("ValidationError"):
        assume(sts, DurationSeconds=1_000_000)
    with refused("InvalidClientTokenId", 403):
        connect("sts", access_key="ASIA222222222222FFFF").get_caller_identity()
