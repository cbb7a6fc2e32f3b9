"""Parameters that a service doesn't take: refused when the state machine is created if they stand there, when the task
starts if they come from its input."""

import json

import pytest
from support.executions import failed, machine, single, succeeded, task
from support.refusals import refused

BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}


@pytest.mark.parametrize(
    "resource, parameters, says",
    [
        ("batch:submitJob.sync", {**BATCH, "JobNaem": "x"}, "is not supported by Step Functions"),
        ("batch:submitJob.sync", {"JobName": "n"}, "The field 'JobDefinition' is required but was missing"),
        ("glue:startJobRun", {}, "The field 'JobName' is required but was missing"),
        ("dynamodb:getItem", {"TableName": "t"}, "The field 'Key' is required but was missing"),
        ("batch:describeJobs", {}, "The resource provided arn:aws:states:::batch:describeJobs is not recognized"),
        ("dynamodb:getItem.sync", {"TableName": "t", "Key": {}}, "is not recognized"),
        ("nosuch:thing", {}, "The resource provided arn:aws:states:::nosuch:thing is not recognized"),
    ],
)
def test_a_definition_that_cannot_work_is_refused(sfn, resource, parameters, says):
    with refused("InvalidDefinition") as error:
        machine(sfn, single(task(resource, parameters)))
    message = error.value.response["Error"]["Message"]
    assert says in message and "SCHEMA_VALIDATION_FAILED" in message and "/States/Work" in message, message


@pytest.mark.parametrize(
    "resource, data",
    [
        ("batch:submitJob.sync", {**BATCH, "JobNaem": "x"}),
        ("batch:submitJob.sync", {"JobName": "n"}),
        ("batch:submitJob.sync", {**BATCH, "ArrayProperties": {"Size": "many"}}),
        ("batch:submitJob.sync", {**BATCH, "DependsOn": "job"}),
        ("ecs:runTask.sync", {"TaskDefinition": "t", "Count": 2}),
        ("dynamodb:putItem", {"TableName": "t", "Item": {"id": "not typed"}}),
    ],
)
def test_parameters_of_the_input_are_refused_when_the_task_starts(sfn, aws_fake, resource, data):
    # The whole of Parameters comes from the input, which a template can't say; member by member it can.
    parameters = {f"{member}.$": f"$.{member}" for member in data}
    definition = single(task(resource, parameters))
    try:
        error, cause = failed(sfn, definition, data)
    except sfn.exceptions.InvalidDefinition:
        # What's wrong stands in the definition already: an unknown or a missing member.
        return
    assert error == "States.Runtime"
    assert cause.startswith("An error occurred while executing the state 'Work' (entered at the event id #2). The Parameters '")
    assert "' could not be used to start the Task: [" in cause
    shown = json.loads(cause.split("The Parameters '")[1].split("' could not be used")[0])
    assert shown.items() >= {key: value for key, value in data.items() if key in shown and shown[key] == value}.items()
    assert aws_fake.jobs() == []


def test_any_member_of_the_current_api_goes_through(sfn, aws_fake):
    parameters = {
        **BATCH,
        "SchedulingPriorityOverride": 7,
        "ShareIdentifier": "team",
        "PropagateTags": True,
        "Tags": {"teamName": "a"},
        "RetryStrategy": {"Attempts": 2, "EvaluateOnExit": [{"Action": "EXIT", "OnExitCode": "1"}]},
        "Timeout": {"AttemptDurationSeconds": 60},
    }
    succeeded(sfn, single(task("batch:submitJob", parameters)))
    [job] = aws_fake.jobs(service="batch")
    request = job["request"]
    assert request["schedulingPriorityOverride"] == 7 and request["shareIdentifier"] == "team"
    assert request["retryStrategy"] == {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onExitCode": "1"}]}
    assert request["timeout"] == {"attemptDurationSeconds": 60} and request["propagateTags"] is True
    assert request["tags"]["teamName"] == "a", "map keys stay as they are"
