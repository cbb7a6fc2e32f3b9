"""Every action and pattern of the four families: what is sent, what comes back, what the history shows."""

import json

import pytest
from support.clients import client
from support.executions import closed, events_of, failed, flaws, history, machine, run, single, start, succeeded, task
from support.waiting import wait_until

BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}
ECS = {"Cluster": "main", "TaskDefinition": "report"}
GLUE = {"JobName": "transform"}


def metadata_of(result: dict) -> dict:
    """Checks and takes away what the SDK adds to the results of request-response calls."""
    http, response = result.pop("SdkHttpMetadata"), result.pop("SdkResponseMetadata")
    assert http["HttpStatusCode"] == 200
    assert set(http) == {"AllHttpHeaders", "HttpHeaders", "HttpStatusCode"}
    assert all(isinstance(values, list) for values in http["AllHttpHeaders"].values())
    assert isinstance(response["RequestId"], str)
    return result


def test_batch_request_response_gives_the_answer_and_does_not_wait(sfn, aws_fake):
    result = succeeded(sfn, single(task("batch:submitJob", BATCH)))
    answer = metadata_of(result)
    assert set(answer) == {"JobArn", "JobId", "JobName"} and answer["JobName"] == "nightly"
    [job] = aws_fake.jobs(service="batch")
    assert job["id"] == answer["JobId"]
    assert "containerOverrides" not in job["request"], "only .sync jobs are marked as started by Step Functions"


def test_batch_sync_gives_the_described_job(sfn, aws_fake):
    environment = [{"Name": "A", "Value": "1"}]
    parameters = {**BATCH, "Parameters": {"in_File": "s3://x"}, "ContainerOverrides": {"Environment": environment}}
    execution = run(sfn, single(task("batch:submitJob.sync", parameters)))
    result = execution["result"]
    assert result["Status"] == "SUCCEEDED"
    assert result["Parameters"] == {"in_File": "s3://x"}, "map keys are data"
    assert result["Container"]["ExitCode"] == 0
    started_by = {"Name": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}
    assert result["Container"]["Environment"] == [*environment, started_by]
    assert not {"SdkHttpMetadata", "SdkResponseMetadata"} & set(result)
    assert "newel:attempt" not in json.dumps(result), "our marker is nobody's business"
    [job] = aws_fake.jobs(service="batch")
    assert job["tags"]["newel:attempt"]
    assert list(result) == sorted(result), "results come with their members in name order"


def test_the_history_of_a_sync_task(sfn):
    execution = run(sfn, single(task("batch:submitJob.sync", BATCH)))
    arn = execution["executionArn"]
    events = history(sfn, arn)
    assert flaws(events) == []
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    [scheduled] = events_of(sfn, arn, "TaskScheduled")
    assert (scheduled["resourceType"], scheduled["resource"]) == ("batch", "submitJob.sync")
    assert scheduled["region"] == "us-east-1"
    assert json.loads(scheduled["parameters"])["JobName"] == "nightly"
    [submitted] = events_of(sfn, arn, "TaskSubmitted")
    answer = json.loads(submitted["output"])
    assert answer["JobId"] == execution["result"]["JobId"] and "SdkHttpMetadata" in answer


def test_a_failed_batch_job_fails_the_task(sfn, aws_fake):
    aws_fake.script(
        {
            "match": {"service": "batch"},
            "steps": [
                {"status": "RUNNING"},
                {"status": "FAILED", "after": 0.2, "with": {"statusReason": "Host terminated", "container": {"exitCode": 3}}},
            ],
        }
    )
    error, cause = failed(sfn, single(task("batch:submitJob.sync", BATCH)))
    assert error == "States.TaskFailed"
    described = json.loads(cause)
    assert (described["Status"], described["StatusReason"]) == ("FAILED", "Host terminated")
    assert described["Container"]["ExitCode"] == 3


def test_ecs_request_response(sfn):
    answer = metadata_of(succeeded(sfn, single(task("ecs:runTask", ECS))))
    assert answer["Failures"] == []
    [started] = answer["Tasks"]
    assert started["TaskDefinitionArn"].endswith("report:1")


def test_ecs_sync_gives_the_one_task(sfn, aws_fake):
    result = succeeded(sfn, single(task("ecs:runTask.sync", ECS)))
    assert result["LastStatus"] == "STOPPED" and result["StartedBy"] == "AWS Step Functions"
    assert [container["ExitCode"] for container in result["Containers"]] == [0]
    [job] = aws_fake.jobs(service="ecs")
    assert job["token"], "a start of ours always carries a client token"


def test_an_ecs_task_that_exits_with_an_error_fails(sfn, aws_fake):
    stopped = {"status": "STOPPED", "after": 0.2, "with": {"containers": [{"exitCode": 7}]}}
    aws_fake.script({"match": {"service": "ecs"}, "steps": [{"status": "RUNNING"}, stopped]})
    error, cause = failed(sfn, single(task("ecs:runTask.sync", ECS)))
    assert error == "States.TaskFailed"
    assert json.loads(cause)["Containers"][0]["ExitCode"] == 7


def test_ecs_failures_fail_a_sync_task_only(sfn, aws_fake):
    body = {"tasks": [], "failures": [{"arn": "arn:x", "reason": "RESOURCE:CPU"}]}
    aws_fake.fault({"match": {"operation": "RunTask"}, "kind": "answer", "body": body})
    error, cause = failed(sfn, single(task("ecs:runTask.sync", ECS)))
    assert error == "AmazonECS.Unknown" and "RESOURCE:CPU" in cause
    answer = metadata_of(succeeded(sfn, single(task("ecs:runTask", ECS))))
    assert answer["Failures"] == [{"Arn": "arn:x", "Reason": "RESOURCE:CPU"}]


def token_of(aws_fake) -> str:
    """The task token that the only ECS task got in its environment."""
    [job] = wait_until(lambda: aws_fake.jobs(service="ecs"), "the ECS task to start")
    environment = job["request"]["overrides"]["containerOverrides"][0]["environment"]
    return next(variable["value"] for variable in environment if variable["name"] == "TASK_TOKEN")


TOKEN = [{"Name": "TASK_TOKEN", "Value.$": "$$.Task.Token"}]
CALLBACK = {**ECS, "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": TOKEN}]}}


def test_ecs_callback_ends_with_what_send_task_success_says(sfn, aws_fake):
    arn = start(sfn, machine(sfn, single(task("ecs:runTask.waitForTaskToken", CALLBACK))))
    token = token_of(aws_fake)
    assert len(token) <= 1024
    sfn.send_task_heartbeat(taskToken=token)
    wait_until(lambda: events_of(sfn, arn, "TaskSubmitted"), "the submission to be recorded")
    sfn.send_task_success(taskToken=token, output='{"answer": 42}')
    assert closed(sfn, arn)["result"] == {"answer": 42}
    assert flaws(history(sfn, arn)) == []


def test_ecs_callback_fails_as_send_task_failure_says(sfn, aws_fake):
    arn = start(sfn, machine(sfn, single(task("ecs:runTask.waitForTaskToken", CALLBACK))))
    sfn.send_task_failure(taskToken=token_of(aws_fake), error="Mine", cause="because")
    execution = closed(sfn, arn)
    assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", "Mine", "because")


@pytest.mark.parametrize("caught_as", [None, "States.Timeout", "States.HeartbeatTimeout"])
def test_a_callback_without_a_heartbeat_times_out(sfn, caught_as):
    """The error is States.Timeout, as recordings of AWS show it, and answers to both names."""
    state = {**task("ecs:runTask.waitForTaskToken", CALLBACK, HeartbeatSeconds=1), "End": True}
    if caught_as:
        state["Catch"] = [{"ErrorEquals": [caught_as], "Next": "Caught"}]
    states = {"Work": state, "Caught": {"Type": "Pass", "End": True}} if caught_as else {"Work": state}
    execution = run(sfn, {"StartAt": "Work", "States": states})
    if caught_as:
        assert execution["result"]["Error"] == "States.Timeout"
    else:
        assert (execution["status"], execution["error"]) == ("FAILED", "States.Timeout")


def test_glue_request_response_names_its_job(sfn):
    answer = metadata_of(succeeded(sfn, single(task("glue:startJobRun", GLUE))))
    assert set(answer) == {"JobName", "JobRunId"} and answer["JobName"] == "transform"


def test_glue_sync_gives_the_run(sfn, aws_fake):
    arguments = {"--Day": "monday"}
    result = succeeded(sfn, single(task("glue:startJobRun.sync", {**GLUE, "Arguments": arguments})))
    assert (result["JobRunState"], result["JobName"]) == ("SUCCEEDED", "transform")
    assert result["Arguments"] == arguments, "map keys are data, and our marker is not shown"
    assert isinstance(result["StartedOn"], int), "times are milliseconds"
    [job] = aws_fake.jobs(service="glue")
    assert job["request"]["Arguments"]["--newel-attempt"]


@pytest.mark.parametrize("status", ["FAILED", "TIMEOUT", "ERROR"])
def test_a_glue_run_that_does_not_succeed_fails_the_task(sfn, aws_fake, status):
    ended = {"status": status, "after": 0.2, "with": {"ErrorMessage": "out of disk"}}
    aws_fake.script({"match": {"service": "glue"}, "steps": [{"status": "RUNNING"}, ended]})
    error, cause = failed(sfn, single(task("glue:startJobRun.sync", GLUE)))
    described = json.loads(cause)
    assert (error, described["JobRunState"], described["ErrorMessage"]) == ("States.TaskFailed", status, "out of disk")


def test_dynamodb_items_come_and_go(sfn, aws_fake):
    dynamodb = client("dynamodb", aws_fake.url)
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"TableName": "t", "Key": {"id": {"S": "a"}}}
    steps = {
        "Put": task("dynamodb:putItem", {"TableName": "t", "Item": {"id": {"S": "a"}, "n": {"N": "1"}}}),
        "Update": task(
            "dynamodb:updateItem",
            {
                **key,
                "UpdateExpression": "SET n = :n",
                "ExpressionAttributeValues": {":n": {"N": "2"}},
                "ReturnValues": "ALL_NEW",
            },
        ),
        "Get": task("dynamodb:getItem", key),
        "Delete": task("dynamodb:deleteItem", {**key, "ReturnValues": "ALL_OLD"}),
        "Look": task("dynamodb:getItem", key),
    }
    names = list(steps)
    states = {
        name: {**state, "ResultPath": f"$.{name}", **({"Next": after} if after else {"End": True})}
        for (name, state), after in zip(steps.items(), [*names[1:], None], strict=True)
    }
    result = succeeded(sfn, {"StartAt": "Put", "States": states})
    assert {name: metadata_of(result[name]) for name in names} == {
        "Put": {},
        "Update": {"Attributes": {"id": {"S": "a"}, "n": {"N": "2"}}},
        "Get": {"Item": {"id": {"S": "a"}, "n": {"N": "2"}}},
        "Delete": {"Attributes": {"id": {"S": "a"}, "n": {"N": "2"}}},
        "Look": {},
    }
