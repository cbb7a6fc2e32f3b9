"""What goes wrong with AWS calls, as Retry and Catch see it."""

import pytest
from support.executions import closed, events_of, failed, machine, run, single, start, succeeded, task

BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}
GLUE = {"JobName": "transform"}
ECS = {"Cluster": "main", "TaskDefinition": "report"}
GET = {"TableName": "nowhere", "Key": {"id": {"S": "a"}}}


@pytest.mark.parametrize(
    "resource, parameters, code, name, service",
    [
        ("batch:submitJob.sync", BATCH, "ClientException", "Batch.ClientException", "AWSBatch"),
        ("batch:submitJob", BATCH, "SomethingNew", "Batch.AWSBatchException", "AWSBatch"),
        ("ecs:runTask.sync", ECS, "ClusterNotFoundException", "ECS.ClusterNotFoundException", "AmazonECS"),
        ("glue:startJobRun", GLUE, "EntityNotFoundException", "Glue.EntityNotFoundException", "AWSGlue"),
        ("dynamodb:getItem", GET, "ValidationException", "DynamoDB.AmazonDynamoDBException", "AmazonDynamoDBv2"),
    ],
)
def test_a_refusal_is_named_as_aws_names_it(sfn, aws_fake, resource, parameters, code, name, service):
    operations = {"batch": "SubmitJob", "ecs": "RunTask", "glue": "StartJobRun", "dynamodb": "GetItem"}
    match = {"operation": operations[resource.split(":")[0]]}
    aws_fake.fault({"match": match, "kind": "error", "code": code, "message": "no way", "status": 400})
    error, cause = failed(sfn, single(task(resource, parameters)))
    assert error == name
    assert cause.startswith(f"no way (Service: {service}; Status Code: 400; Error Code: {code}; Request ID: ")
    assert cause.endswith("; Proxy: null)")


def test_a_missing_table(sfn):
    error, cause = failed(sfn, single(task("dynamodb:getItem", GET)))
    assert error == "DynamoDB.ResourceNotFoundException" and "Service: AmazonDynamoDBv2" in cause


def test_a_throttled_submission_is_repeated_below_the_surface(sfn, aws_fake):
    aws_fake.fault({"match": {"operation": "SubmitJob"}, "kind": "throttle", "times": 1})
    assert succeeded(sfn, single(task("batch:submitJob.sync", BATCH)))["Status"] == "SUCCEEDED"
    assert len(aws_fake.jobs(service="batch")) == 1


def test_throttled_polling_only_takes_longer(sfn, aws_fake):
    aws_fake.fault({"match": {"operation": "DescribeJobs"}, "kind": "throttle", "times": 3})
    assert succeeded(sfn, single(task("batch:submitJob.sync", BATCH)))["Status"] == "SUCCEEDED"


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
@pytest.mark.parametrize(
    "operation, resource, parameters, service",
    [
        ("SubmitJob", "batch:submitJob.sync", BATCH, "batch"),
        ("StartJobRun", "glue:startJobRun.sync", GLUE, "glue"),
        ("RunTask", "ecs:runTask.sync", ECS, "ecs"),
    ],
)
def test_a_start_without_an_answer_never_starts_a_second_job(sfn, aws_fake, kind, operation, resource, parameters, service):
    aws_fake.fault({"match": {"operation": operation}, "kind": kind, "times": 1})
    execution = run(sfn, single(task(resource, parameters)), seconds=90)
    jobs = aws_fake.jobs(service=service)
    if execution["status"] == "SUCCEEDED":
        assert len(jobs) == 1
    else:
        # Only a submission that really isn't there may be reported as unknown.
        assert execution["error"].endswith(".SdkClientException"), execution
        assert kind == "reset" and jobs == []


def test_an_item_whose_write_may_or_may_not_have_happened_fails_with_an_error_of_its_own(sfn, aws_fake):
    aws_fake.fault({"match": {"operation": "PutItem"}, "kind": "lost_answer"})
    put = task("dynamodb:putItem", {"TableName": "t", "Item": {"id": {"S": "a"}}})
    error, _ = failed(sfn, single(put), seconds=90)
    assert error == "DynamoDB.SdkClientException"


def test_retry_starts_a_new_job_with_a_new_marker(sfn, aws_fake):
    fails = [{"status": "RUNNING"}, {"status": "FAILED", "after": 0.1}]
    aws_fake.script({"match": {"service": "batch"}, "times": 1, "steps": fails})
    state = task("batch:submitJob.sync", BATCH, Retry=[{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1}])
    arn = start(sfn, machine(sfn, single(state)))
    assert closed(sfn, arn)["result"]["Status"] == "SUCCEEDED"
    jobs = aws_fake.jobs(service="batch")
    assert len({job["tags"]["newel:attempt"] for job in jobs}) == len(jobs) == 2
    assert len(events_of(sfn, arn, "TaskScheduled")) == 2


def test_catch_takes_over_with_the_error(sfn, aws_fake):
    aws_fake.fault({"match": {"operation": "StartJobRun"}, "kind": "denied"})
    definition = {
        "StartAt": "Work",
        "States": {
            "Work": {
                **task("glue:startJobRun.sync", GLUE),
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Sorry"}],
                "End": True,
            },
            "Sorry": {"Type": "Pass", "End": True},
        },
    }
    caught = succeeded(sfn, definition, {"kept": True})
    assert caught["kept"] is True
    assert caught["caught"]["Error"] == "Glue.AccessDeniedException" and "AWSGlue" in caught["caught"]["Cause"]


def test_a_job_that_its_service_forgot_still_times_out(sfn, aws_fake):
    """The service knows nothing of the job that it accepted, so there is nothing to confirm that it is stopped."""
    body = {"jobId": "gone", "jobName": "nightly", "jobArn": "arn:gone"}
    aws_fake.fault({"match": {"operation": "SubmitJob"}, "kind": "answer", "body": body})
    error, _ = failed(sfn, single(task("batch:submitJob.sync", BATCH, TimeoutSeconds=3)))
    assert error == "States.Timeout"
