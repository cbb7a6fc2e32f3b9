"""A task that nobody waits for any more takes its job with it."""

import pytest
from support.executions import closed, flaws, history, machine, seen, single, start, task
from support.waiting import wait_until

LONG = {
    "batch": ("batch:submitJob.sync", {"JobName": "long", "JobQueue": "q", "JobDefinition": "d"}, "FAILED"),
    "ecs": ("ecs:runTask.sync", {"Cluster": "c", "TaskDefinition": "long"}, "STOPPED"),
    "glue": ("glue:startJobRun.sync", {"JobName": "long"}, "STOPPED"),
}
STOP_CALL = {"batch": "TerminateJob", "ecs": "StopTask", "glue": "BatchStopJobRun"}


@pytest.fixture(autouse=True)
def _jobs_that_never_end(aws_fake):
    aws_fake.script(*({"match": {"service": service}, "steps": [{"status": "RUNNING"}]} for service in LONG))


def wait_stopped(aws_fake, service: str) -> dict:
    def stopped():
        [job] = aws_fake.jobs(service=service)
        return job if job["status"] == LONG[service][2] else None

    return wait_until(stopped, f"the {service} job to be stopped")


@pytest.mark.parametrize("service", LONG)
def test_stopping_an_execution_stops_its_job(sfn, aws_fake, service):
    resource, parameters, _ = LONG[service]
    arn = start(sfn, machine(sfn, single(task(resource, parameters))))
    seen(sfn, arn, "TaskSubmitted")
    sfn.stop_execution(executionArn=arn, error="Enough", cause="of that")
    execution = closed(sfn, arn)
    assert (execution["status"], execution["error"], execution["cause"]) == ("ABORTED", "Enough", "of that")
    wait_stopped(aws_fake, service)
    assert flaws(history(sfn, arn)) == []


@pytest.mark.parametrize("service", LONG)
def test_a_task_timeout_stops_its_job(sfn, aws_fake, service):
    resource, parameters, _ = LONG[service]
    arn = start(sfn, machine(sfn, single(task(resource, parameters, TimeoutSeconds=3))))
    execution = closed(sfn, arn)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.Timeout")
    assert "TaskTimedOut" in [event["type"] for event in history(sfn, arn)]
    wait_stopped(aws_fake, service)


@pytest.mark.parametrize("service", LONG)
@pytest.mark.parametrize("container", ["Parallel", "Map"])
def test_a_failing_sibling_stops_the_others_jobs(sfn, aws_fake, service, container):
    resource, parameters, _ = LONG[service]
    work = {"Job": {**task(resource, parameters), "End": True}}
    wait_then_fail = {"Wait": {"Type": "Wait", "Seconds": 2, "Next": "Fail"}, "Fail": {"Type": "Fail", "Error": "Sibling"}}
    if container == "Parallel":
        branches = [{"StartAt": "Job", "States": work}, {"StartAt": "Wait", "States": wait_then_fail}]
        state = {"Type": "Parallel", "Branches": branches}
    else:
        choice = {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "Job"}],
            "Default": "Wait",
        }
        processor = {"StartAt": "Choice", "States": {"Choice": choice, **work, **wait_then_fail}}
        state = {"Type": "Map", "ItemProcessor": processor}
    arn = start(sfn, machine(sfn, single(state)), [0, 1])
    execution = closed(sfn, arn)
    assert (execution["status"], execution["error"]) == ("FAILED", "Sibling")
    wait_stopped(aws_fake, service)
    assert flaws(history(sfn, arn)) == []


def test_cancelling_goes_on_until_the_service_confirms(sfn, aws_fake):
    aws_fake.fault({"match": {"operation": "TerminateJob"}, "kind": "server_error", "times": 6})
    resource, parameters, _ = LONG["batch"]
    arn = start(sfn, machine(sfn, single(task(resource, parameters))))
    seen(sfn, arn, "TaskSubmitted")
    sfn.stop_execution(executionArn=arn)
    wait_stopped(aws_fake, "batch")
    [line] = aws_fake.calls(operation="TerminateJob")
    assert line["calls"] > 6


def test_a_job_stopped_while_its_start_was_under_way_is_stopped_too(sfn, aws_fake):
    """The stop comes between SubmitJob and its answer: nothing keeps running that nobody knows of."""
    aws_fake.fault({"match": {"operation": "SubmitJob"}, "kind": "latency", "delay": 2, "times": 1})
    resource, parameters, _ = LONG["batch"]
    arn = start(sfn, machine(sfn, single(task(resource, parameters))))
    wait_until(lambda: aws_fake.calls(operation="SubmitJob"), "the submission to be under way")
    sfn.stop_execution(executionArn=arn)
    assert closed(sfn, arn)["status"] == "ABORTED"
    wait_until(lambda: aws_fake.jobs(service="batch"), "the job to exist")
    wait_stopped(aws_fake, "batch")
