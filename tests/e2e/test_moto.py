"""The four families against somebody else's reading of AWS: moto, its Batch jobs real processes."""

import json
import uuid

import pytest
from e2e.workflows import everything
from support.clients import client
from support.executions import closed, flaws, history, machine, seen, start
from support.newel import Services
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)


def answer_when_asked(sfn, execution: str, answer: dict) -> None:
    """Answers the callback of the state Ask with the token that its task got."""

    def token():
        scheduled = [event for event in history(sfn, execution) if event["type"] == "TaskScheduled"]
        details = [event["taskScheduledEventDetails"] for event in scheduled]
        asked = [found for found in details if found["resource"].endswith("waitForTaskToken")]
        if not asked:
            return None
        [override] = json.loads(asked[0]["parameters"])["Overrides"]["ContainerOverrides"]
        return override["Environment"][0]["Value"]

    sfn.send_task_success(taskToken=wait_until(token, "the callback to be asked for", seconds=90), output=json.dumps(answer))


def check_everything(sfn, moto, seeded) -> None:
    name = f"all-{uuid.uuid4().hex}"
    execution = start(sfn, machine(sfn, everything(seeded)), {"code": "0"}, name=name)
    answer_when_asked(sfn, execution, {"answer": "yes"})
    described = closed(sfn, execution)
    assert described["status"] == "SUCCEEDED", described
    result = described["result"]
    assert result["batch"] == {"status": "SUCCEEDED"}
    assert result["both"] == [{"status": "SUCCEEDED"}, {"status": "STOPPED"}]
    assert result["statuses"] == ["SUCCEEDED", "STOPPED"]
    assert flaws(history(sfn, execution)) == []
    key = {seeded.table_key: {"S": name}}
    item = client("dynamodb", moto.url).get_item(TableName=seeded.table, Key=key)["Item"]
    assert item["answer"] == {"S": "yes"}


def test_all_four_families_in_one_process(newel_on_moto, moto, seeded):
    check_everything(newel_on_moto.client(), moto, seeded)


def test_all_four_families_in_five_processes(moto, seeded, tmp_path):
    brisk = {"worker.poll": {"young_millis": 300}}
    with Services(tmp_path, moto.url, worker=brisk) as services:
        check_everything(services.client(), moto, seeded)


def test_a_job_that_really_fails(newel_on_moto, seeded):
    sfn = newel_on_moto.client()
    execution = start(sfn, machine(sfn, everything(seeded)), {"code": "3"})
    described = closed(sfn, execution)
    assert (described["status"], described["error"]) == ("FAILED", "BatchFailed")
    assert json.loads(described["cause"])["Status"] == "FAILED"


def test_a_job_that_is_really_stopped(newel_on_moto, moto, seeded):
    sfn = newel_on_moto.client()
    definition = everything(seeded)
    definition["States"]["Batch"]["Parameters"]["Parameters"]["seconds"] = "120"
    execution = start(sfn, machine(sfn, definition), {"code": "0"})
    submitted = json.loads(seen(sfn, execution, "TaskSubmitted")["output"])
    sfn.stop_execution(executionArn=execution)
    batch = client("batch", moto.url)

    def ended():
        [job] = batch.describe_jobs(jobs=[submitted["JobId"]])["jobs"]
        return job["status"] == "FAILED"

    wait_until(ended, "moto's job to be terminated")
    assert closed(sfn, execution)["status"] == "ABORTED"
