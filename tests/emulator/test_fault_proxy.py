"""The fault proxy in front of the scripted fake, whose counts tell what got through."""

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from support.clients import client
from support.fault_proxy import FaultProxy
from support.refusals import refused


@pytest.fixture
def proxy(aws_fake):
    with FaultProxy(aws_fake.url) as proxy:
        yield proxy


def submit(proxy, name="j", **options):
    batch = client("batch", proxy.url, **options)
    return batch.submit_job(jobName=name, jobQueue="q", jobDefinition="d")["jobId"]


def test_without_faults_calls_pass_whole(aws_fake, proxy):
    job_id = submit(proxy)
    [job] = client("batch", proxy.url).describe_jobs(jobs=[job_id])["jobs"]
    assert job["jobName"] == "j"
    assert client("sts", proxy.url).get_caller_identity()["Account"] == "000000000000"
    with refused("ResourceNotFoundException", 400):
        client("dynamodb", proxy.url).describe_table(TableName="none")
    assert proxy.faults.calls() == {
        "batch.DescribeJobs": {"calls": 1, "faults": 0},
        "batch.SubmitJob": {"calls": 1, "faults": 0},
        "dynamodb.DescribeTable": {"calls": 1, "faults": 0},
        "sts.GetCallerIdentity": {"calls": 1, "faults": 0},
    }


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [("throttle", "ThrottlingException", 429), ("server_error", "ServiceUnavailable", 503), ("error", "Own", 418)],
)
def test_refusals_never_reach_the_service(aws_fake, proxy, kind, code, status):
    own = {"code": "Own", "status": 418} if kind == "error" else {}
    match = {"service": "batch", "operation": "SubmitJob"}
    proxy.faults.replace([{"match": match, "kind": kind, "times": 1, **own}])
    with refused(code, status):
        submit(proxy)
    assert aws_fake.jobs() == []
    submit(proxy)
    assert len(aws_fake.jobs()) == 1


def test_refusals_of_query_services_are_xml(proxy):
    proxy.faults.replace([{"match": {"service": "sts"}, "kind": "throttle"}])
    with refused("ThrottlingException", 400):
        client("sts", proxy.url).get_caller_identity()


def test_a_lost_answer_leaves_its_effect_and_a_reset_none(aws_fake, proxy):
    proxy.faults.replace([{"kind": "reset", "times": 1}, {"kind": "lost_answer", "times": 1}])
    for name in ("reset", "lost"):
        with pytest.raises(ConnectionClosedError):
            submit(proxy, name)
    assert [job["name"] for job in aws_fake.jobs()] == ["lost"]


def test_a_timeout_never_reaches_the_service(aws_fake, proxy):
    proxy.faults.replace([{"kind": "timeout", "delay": 2, "times": 1}])
    with pytest.raises(ReadTimeoutError):
        submit(proxy, timeout=0.3)
    assert aws_fake.jobs() == []


def test_probability_is_repeatable(aws_fake):
    def refusals():
        with FaultProxy(aws_fake.url, seed=7) as proxy:
            proxy.faults.replace([{"kind": "throttle", "probability": 0.5}])
            return [proxy.faults.meet("batch", "SubmitJob") is not None for _ in range(50)]

    first = refusals()
    assert first == refusals()
    assert 10 < sum(first) < 40


def test_rules_are_set_over_http(proxy):
    def put(body):
        request = urllib.request.Request(f"{proxy.url}/__proxy/faults", data=body, method="PUT")
        return urllib.request.urlopen(request, timeout=10).status

    assert put(b'[{"kind": "throttle", "match": {"operation": "SubmitJob"}}]') == 200
    with refused("ThrottlingException"):
        submit(proxy)
    for bad in (b'[{"kind": "nonsense"}]', b'[{"kind": "reset", "typo": 1}]', b'[{"kind": "reset", "match": {"x": 1}}]', b"{"):
        with pytest.raises(urllib.error.HTTPError) as error:
            put(bad)
        assert error.value.code == 400
