"""What is told of executions to AWS: logs to CloudWatch Logs, status changes to EventBridge, metrics to CloudWatch, all by a
worker and seen with AWS's own clients."""

import json
import re
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from support.clients import REGION, client
from support.executions import closed, machine, single, start, task
from support.newel import Dev, Services
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

ACCOUNT = "123456789012"
"""Whose log groups the emulator's are: logs of other accounts' executions don't go there."""

SINKS = {
    "logs": {"cloudwatch": True},
    "events": {"eventbridge": True},
    "metrics": {"cloudwatch": True, "interval_seconds": 1},
}
PASS = single({"Type": "Pass", "Result": {"a": 1}})
FAIL = {"StartAt": "Work", "States": {"Work": {"Type": "Fail", "Error": "E", "Cause": "c"}}}


@pytest.fixture(scope="module")
def newel(moto, tmp_path_factory):
    with Dev(tmp_path_factory.mktemp("newel-sinks"), moto.url, SINKS) as newel:
        yield newel


@pytest.fixture
def sfn(newel):
    return newel.client(ACCOUNT)


@pytest.fixture
def logs(moto):
    return client("logs", moto.url)


def new_group(logs) -> tuple[str, str]:
    """A log group's name and ARN."""
    name = f"/aws/vendedlogs/states/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    [group] = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return name, group["arn"]


def logging(arn: str, level: str = "ALL", data: bool = True) -> dict:
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]
    return {"level": level, "includeExecutionData": data, "destinations": destinations}


def logged(logs, group: str) -> list[dict]:
    """The records of a group, of all its streams."""
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    records = []
    for stream in streams:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)["events"]
        records += [json.loads(event["message"]) for event in events]
    return records


def logged_machine(sfn, definition: dict, arn: str, level: str = "ALL", data: bool = True, **more) -> str:
    return machine(sfn, definition, loggingConfiguration=logging(arn, level, data), **more)


def types(records: list[dict]) -> list[str]:
    return [record["type"] for record in records]


def test_logs_go_to_the_group_of_the_machine(sfn, logs):
    group, arn = new_group(logs)
    machine_arn = logged_machine(sfn, PASS, arn)
    execution = start(sfn, machine_arn, {"b": 2})
    records = wait_until(lambda: len(found := logged(logs, group)) == 4 and found, "four records")
    assert types(records) == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert {record["execution_arn"] for record in records} == {execution}
    assert [record["id"] for record in records] == ["1", "2", "3", "4"]
    assert json.loads(records[0]["details"]["input"]) == {"b": 2}
    assert json.loads(records[3]["details"]["output"]) == {"a": 1}
    [stream] = logs.describe_log_streams(logGroupName=group)["logStreams"]
    name = machine_arn.rsplit(":", 1)[1]
    assert re.fullmatch(rf"states/{name}/\d{{4}}(-\d\d){{4}}/[0-9a-f]{{8}}", stream["logStreamName"])
    # Later executions go on in the same stream.
    start(sfn, machine_arn, {})
    wait_until(lambda: len(logged(logs, group)) == 8, "eight records")
    assert len(logs.describe_log_streams(logGroupName=group)["logStreams"]) == 1


@pytest.mark.parametrize(
    ("level", "expect"),
    [("ERROR", ["FailStateEntered", "ExecutionFailed"]), ("FATAL", ["ExecutionFailed"]), ("ALL", None)],
)
def test_levels_and_data(sfn, logs, level, expect):
    group, arn = new_group(logs)
    start(sfn, logged_machine(sfn, FAIL, arn, level, data=False), {"secret": 1})
    expect = expect or ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]
    records = wait_until(lambda: len(found := logged(logs, group)) >= len(expect) and found, "the records")
    assert types(records) == expect
    assert "secret" not in json.dumps(records)


def test_an_express_execution_is_logged(sfn, logs):
    group, arn = new_group(logs)
    started = start(sfn, logged_machine(sfn, PASS, arn, type="EXPRESS"), {})
    records = wait_until(lambda: len(found := logged(logs, group)) == 4 and found, "four records")
    assert {record["execution_arn"] for record in records} == {started}


def test_another_account_s_group_gets_nothing(newel, logs):
    group, arn = new_group(logs)
    before = dropped(newel, "logs", "failed")
    start(newel.client(), logged_machine(newel.client(), PASS, arn), {})
    wait_until(lambda: dropped(newel, "logs", "failed") == before + 4, "the records to be counted as lost")
    assert logged(logs, group) == []


def dropped(newel, told: str, reason: str) -> float:
    name = f"newel_{told}_dropped_total"
    return sum(value for key, value in newel.metrics().items() if key.startswith(name) and reason in key)


def test_a_group_that_is_not_there_loses_its_records_and_holds_up_nobody(newel, sfn, logs):
    before = dropped(newel, "logs", "failed")
    missing = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/none/{uuid.uuid4().hex}:*"
    execution = start(sfn, logged_machine(sfn, PASS, missing), {})
    assert closed(sfn, execution)["status"] == "SUCCEEDED"
    wait_until(lambda: dropped(newel, "logs", "failed") == before + 4, "the records to be counted as lost")
    group, arn = new_group(logs)
    start(sfn, logged_machine(sfn, PASS, arn), {})
    wait_until(lambda: len(logged(logs, group)) == 4, "another group's records")


def test_status_changes_reach_a_rule(sfn, moto):
    events, sqs = client("events", moto.url), client("sqs", moto.url)
    name = f"states-{uuid.uuid4().hex}"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    machine_arn = machine(sfn, FAIL)
    pattern = {
        "source": ["newel.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine_arn]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    execution = start(sfn, machine_arn, {"b": 2})
    found: list[dict] = []

    def both() -> bool:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= 2

    wait_until(both, "two events")
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)
    by_status = {event["detail"]["status"]: event for event in found}
    assert set(by_status) == {"RUNNING", "FAILED"}
    failed = by_status["FAILED"]
    assert failed["resources"] == [execution]
    described = sfn.describe_execution(executionArn=execution)
    detail = failed["detail"]
    assert (detail["error"], detail["cause"], detail["executionArn"]) == ("E", "c", execution)
    assert detail["stopDate"] == round(described["stopDate"].timestamp() * 1000)
    assert json.loads(detail["input"]) == {"b": 2}


def total(cloudwatch, name: str, statistic: str = "Sum", **dimensions: str) -> float | None:
    """A metric's value over the last hours; none if there is none."""
    now = datetime.now(timezone.utc)
    metric = {
        "Namespace": "Newel/States",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 86400, "Stat": statistic}}
    window = {"StartTime": now - timedelta(hours=2), "EndTime": now + timedelta(hours=2)}
    [result] = cloudwatch.get_metric_data(MetricDataQueries=[query], **window)["MetricDataResults"]
    return sum(result["Values"]) if result["Values"] else None


def test_metrics_have_aws_s_names_and_dimensions(sfn, moto):
    cloudwatch = client("cloudwatch", moto.url)
    good, bad = machine(sfn, PASS), machine(sfn, FAIL)
    for arn in (good, good, good, bad):
        closed(sfn, start(sfn, arn, {}))
    wait_until(lambda: total(cloudwatch, "ExecutionsSucceeded", StateMachineArn=good) == 3, "three successes")
    wait_until(lambda: total(cloudwatch, "ExecutionsFailed", StateMachineArn=bad) == 1, "a failure")
    assert total(cloudwatch, "ExecutionsStarted", StateMachineArn=good) == 3
    assert total(cloudwatch, "ExecutionTime", "SampleCount", StateMachineArn=good) == 3
    assert total(cloudwatch, "ExecutionsFailed", StateMachineArn=good) is None


def test_metrics_of_integrations_and_versions(sfn, moto):
    cloudwatch = client("cloudwatch", moto.url)
    sqs = client("sqs", moto.url)
    queue = sqs.create_queue(QueueName=f"m-{uuid.uuid4().hex}")["QueueUrl"]
    arn = machine(sfn, single(task("sqs:sendMessage", {"QueueUrl": queue, "MessageBody": "b"})), publish=True)
    [version] = sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    resource = "arn:aws:states:::sqs:sendMessage"
    before = total(cloudwatch, "ServiceIntegrationsSucceeded", ServiceIntegrationResourceArn=resource) or 0
    closed(sfn, start(sfn, version["stateMachineVersionArn"], {}))

    def counted() -> bool:
        succeeded = total(cloudwatch, "ServiceIntegrationsSucceeded", ServiceIntegrationResourceArn=resource)
        return succeeded == before + 1

    wait_until(counted, "the integration's success")
    assert total(cloudwatch, "ServiceIntegrationTime", "Maximum", ServiceIntegrationResourceArn=resource) > 0
    wait_until(
        lambda: total(cloudwatch, "ExecutionsSucceeded", StateMachineArn=arn, Version="1") == 1, "the version's success"
    )


def test_metrics_of_executions_that_wait_for_their_rate(moto, tmp_path):
    cloudwatch = client("cloudwatch", moto.url)
    config = {
        "metrics": {"cloudwatch": True, "interval_seconds": 1},
        "throttling": {"enabled": True},
        "throttling.transitions": {"bucket": 1, "refill": 5},
    }
    with Services(tmp_path, moto.url, families=("sdk",), orchestrator=config) as services:
        sfn = services.client(ACCOUNT)
        arn = machine(sfn, PASS)
        for execution in [start(sfn, arn, {}) for _ in range(6)]:
            closed(sfn, execution)
        wait_until(lambda: (total(cloudwatch, "ExecutionThrottled", StateMachineArn=arn) or 0) >= 3, "throttled executions")
        assert total(cloudwatch, "ThrottledEvents", ServiceMetric="StateTransition") >= 3


def test_what_was_told_last_is_written_before_the_server_stops(moto, logs, tmp_path):
    group, arn = new_group(logs)
    with Services(tmp_path, moto.url, families=("sdk",), orchestrator={"logs": {"cloudwatch": True}}) as services:
        sfn = services.client(ACCOUNT)
        machine_arn = logged_machine(sfn, PASS, arn)
        executions = [start(sfn, machine_arn, {}) for _ in range(50)]
        services.orchestrator.stop()
        records = logged(logs, group)
        assert len(records) == 4 * len(executions)


def test_a_worker_that_is_away_delays_and_loses_nothing(moto, logs, tmp_path):
    group, arn = new_group(logs)
    with Services(tmp_path, moto.url, families=("sdk",), orchestrator={"logs": {"cloudwatch": True}}) as services:
        sfn = services.client(ACCOUNT)
        services.workers["sdk"].kill()
        execution = start(sfn, logged_machine(sfn, PASS, arn), {})
        assert closed(sfn, execution)["status"] == "SUCCEEDED"
        assert logged(logs, group) == []
        services.workers["sdk"].start()
        wait_until(lambda: types(logged(logs, group))[-1:] == ["ExecutionSucceeded"], "the records", seconds=60)
