"""The AWS CLI, unmodified but for the endpoint: create, start, watch, stop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.executions import ROLE, single, task
from support.waiting import wait_until

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def aws(newel):
    """Runs one command and gives what it printed, parsed."""
    variables = {
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": "not-checked",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": newel.http_url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
    }

    def run(*arguments: str, fails: bool = False):
        command = [AWS, "stepfunctions", *arguments, "--output", "json"]
        result = subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
        assert (result.returncode != 0) == fails, result.stdout + result.stderr
        return result.stderr if fails else json.loads(result.stdout or "null")

    return run


BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}


def test_create_start_watch_stop(aws, aws_fake):
    definition = json.dumps(single(task("batch:submitJob.sync", BATCH)))
    created = aws("create-state-machine", "--name", "cli", "--definition", definition, "--role-arn", ROLE)
    arn = created["stateMachineArn"]
    assert arn in [found["stateMachineArn"] for found in aws("list-state-machines")["stateMachines"]]

    execution = aws("start-execution", "--state-machine-arn", arn, "--name", "one", "--input", '{"a": 1}')["executionArn"]
    wait_until(lambda: described(aws, execution)["status"] == "SUCCEEDED", "the execution to succeed", every=0.2)
    assert json.loads(described(aws, execution)["output"])["Status"] == "SUCCEEDED"
    events = aws("get-execution-history", "--execution-arn", execution)["events"]
    assert [event["type"] for event in events][-1] == "ExecutionSucceeded"

    aws_fake.script({"match": {"service": "batch"}, "steps": [{"status": "RUNNING"}]})
    endless = aws("start-execution", "--state-machine-arn", arn)["executionArn"]
    assert aws("stop-execution", "--execution-arn", endless, "--error", "Enough", "--cause", "of that")["stopDate"]
    assert (described(aws, endless)["status"], described(aws, endless)["error"]) == ("ABORTED", "Enough")
    found = aws("list-executions", "--state-machine-arn", arn, "--status-filter", "SUCCEEDED")["executions"]
    assert [one["name"] for one in found] == ["one"]


def described(aws, execution: str) -> dict:
    return aws("describe-execution", "--execution-arn", execution)


def test_a_refusal_reads_as_aws_s(aws):
    gone = "arn:aws:states:us-east-1:000000000000:execution:gone:gone"
    said = aws("describe-execution", "--execution-arn", gone, fails=True)
    assert f"(ExecutionDoesNotExist) when calling the DescribeExecution operation: Execution Does Not Exist: '{gone}'" in said
