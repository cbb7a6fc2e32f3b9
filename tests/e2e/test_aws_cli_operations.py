"""Every one of the 37 operations through the AWS CLI, unmodified but for the endpoint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from support.executions import ROLE, single
from support.waiting import wait_until

AWS = Path(sys.executable).with_name("aws")
PASS = json.dumps(single({"Type": "Pass"}))


@pytest.fixture
def aws(newel):
    """Runs one command, remembers it, and gives what it printed, parsed."""
    variables = {
        "AWS_ACCESS_KEY_ID": "373737373737",
        "AWS_SECRET_ACCESS_KEY": "not-checked",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_DEFAULT_OUTPUT": "json",
        "AWS_ENDPOINT_URL": newel.http_url,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
    }

    def run(operation: str, *arguments: str):
        # `--output json` would be taken for the member of that name, which SendTaskSuccess has.
        command = [AWS, "stepfunctions", operation, *arguments]
        result = subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL
        )
        assert result.returncode == 0, f"{operation}: {result.stdout}{result.stderr}"
        run.called.add(operation)
        return json.loads(result.stdout or "null")

    run.called = set()
    return run


@pytest.mark.timeout(300)
def test_every_operation_answers_the_cli(aws):
    created = aws("create-state-machine", "--name", "all", "--definition", PASS, "--role-arn", ROLE, "--publish")
    arn, first = created["stateMachineArn"], created["stateMachineVersionArn"]
    versions_and_aliases(aws, arn, first)
    executions(aws, arn)
    express(aws)
    activities(aws)
    map_runs(aws)
    tags(aws, arn)
    assert aws("validate-state-machine-definition", "--definition", PASS)["result"] == "OK"
    tested = aws("test-state", "--definition", '{"Type":"Pass","End":true}', "--input", '{"a":1}')
    assert (tested["status"], json.loads(tested["output"])) == ("SUCCEEDED", {"a": 1})
    assert arn in [machine["stateMachineArn"] for machine in aws("list-state-machines")["stateMachines"]]
    aws("delete-state-machine", "--state-machine-arn", arn)
    model = botocore.session.get_session().get_service_model("stepfunctions")
    assert aws.called == {xform_name(name, "-") for name in model.operation_names}


def versions_and_aliases(aws, arn, first):
    updated = aws("update-state-machine", "--state-machine-arn", arn, "--definition", json.dumps(single({"Type": "Pass", "Result": 2})))
    second = aws("publish-state-machine-version", "--state-machine-arn", arn, "--revision-id", updated["revisionId"])
    second = second["stateMachineVersionArn"]
    listed = aws("list-state-machine-versions", "--state-machine-arn", arn)["stateMachineVersions"]
    assert [version["stateMachineVersionArn"] for version in listed] == [second, first]
    route = f"stateMachineVersionArn={first},weight=100"
    alias = aws("create-state-machine-alias", "--name", "live", "--routing-configuration", route)["stateMachineAliasArn"]
    assert aws("describe-state-machine-alias", "--state-machine-alias-arn", alias)["name"] == "live"
    route = [f"stateMachineVersionArn={second},weight=100"]
    aws("update-state-machine-alias", "--state-machine-alias-arn", alias, "--routing-configuration", *route)
    assert len(aws("list-state-machine-aliases", "--state-machine-arn", arn)["stateMachineAliases"]) == 1
    aws("delete-state-machine-alias", "--state-machine-alias-arn", alias)
    aws("delete-state-machine-version", "--state-machine-version-arn", first)
    assert aws("describe-state-machine", "--state-machine-arn", second)["stateMachineArn"] == second


def executions(aws, arn):
    execution = aws("start-execution", "--state-machine-arn", arn, "--name", "one")["executionArn"]
    wait_until(lambda: described(aws, execution)["status"] == "SUCCEEDED", "the execution to succeed", every=0.2)
    assert aws("get-execution-history", "--execution-arn", execution)["events"][-1]["type"] == "ExecutionSucceeded"
    assert aws("describe-state-machine-for-execution", "--execution-arn", execution)["stateMachineArn"] == arn
    assert len(aws("list-executions", "--state-machine-arn", arn)["executions"]) == 1
    waiting = json.dumps(single({"Type": "Wait", "Seconds": 3600}))
    machine = aws("create-state-machine", "--name", "waiting", "--definition", waiting, "--role-arn", ROLE)
    stopped = aws("start-execution", "--state-machine-arn", machine["stateMachineArn"])["executionArn"]
    assert aws("stop-execution", "--execution-arn", stopped)["stopDate"]
    assert aws("redrive-execution", "--execution-arn", stopped)["redriveDate"]
    assert described(aws, stopped)["redriveCount"] == 1
    aws("stop-execution", "--execution-arn", stopped)


def express(aws):
    machine = aws("create-state-machine", "--name", "fast", "--type", "EXPRESS", "--definition", PASS, "--role-arn", ROLE)
    answer = aws("start-sync-execution", "--state-machine-arn", machine["stateMachineArn"], "--input", '{"b":2}')
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"b": 2})


def activities(aws):
    activity = aws("create-activity", "--name", "work")["activityArn"]
    assert aws("describe-activity", "--activity-arn", activity)["name"] == "work"
    assert len(aws("list-activities")["activities"]) == 1
    definition = json.dumps(single({"Type": "Task", "Resource": activity}))
    machine = aws("create-state-machine", "--name", "worked", "--definition", definition, "--role-arn", ROLE)
    for end in ("success", "failure"):
        execution = aws("start-execution", "--state-machine-arn", machine["stateMachineArn"])["executionArn"]
        token = ["--task-token", aws("get-activity-task", "--activity-arn", activity, "--worker-name", "cli")["taskToken"]]
        aws("send-task-heartbeat", *token)
        if end == "success":
            aws("send-task-success", *token, "--task-output", "3")
        else:
            aws("send-task-failure", *token, "--error", "No", "--cause", "none")
        wait_until(lambda: described(aws, execution)["status"] != "RUNNING", "the execution to close", every=0.2)
    aws("delete-activity", "--activity-arn", activity)


def map_runs(aws):
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **single({"Type": "Wait", "Seconds": 3600}, "Item")}
    definition = json.dumps(single({"Type": "Map", "Label": "L", "MaxConcurrency": 1, "ItemProcessor": processor}))
    machine = aws("create-state-machine", "--name", "mapped", "--definition", definition, "--role-arn", ROLE)
    execution = aws("start-execution", "--state-machine-arn", machine["stateMachineArn"], "--input", "[1,2]")["executionArn"]
    runs = wait_until(lambda: aws("list-map-runs", "--execution-arn", execution)["mapRuns"], "the map run", every=0.2)
    run = ["--map-run-arn", runs[0]["mapRunArn"]]
    aws("update-map-run", *run, "--max-concurrency", "2")
    assert aws("describe-map-run", *run)["maxConcurrency"] == 2
    aws("stop-execution", "--execution-arn", execution)
    wait_until(lambda: aws("describe-map-run", *run)["status"] == "ABORTED", "the map run to end", every=0.5)


def tags(aws, arn):
    aws("tag-resource", "--resource-arn", arn, "--tags", "key=a,value=b")
    assert aws("list-tags-for-resource", "--resource-arn", arn)["tags"] == [{"key": "a", "value": "b"}]
    aws("untag-resource", "--resource-arn", arn, "--tag-keys", "a")


def described(aws, arn):
    return aws("describe-execution", "--execution-arn", arn)
