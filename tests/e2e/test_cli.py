"""The command line, as people and scripts use it: what it prints where, and what its exit codes say."""

import json
import os
import subprocess

import pytest
from support.executions import single
from support.newel import binary, catalog

WAIT = single({"Type": "Wait", "Seconds": 60})
FAIL = {"StartAt": "Stop", "States": {"Stop": {"Type": "Fail", "Error": "Bad", "Cause": "why"}}}


@pytest.fixture
def cli(newel, tmp_path):
    """Runs `newel` against the server; gives the finished process."""

    def run(*arguments: str, definition: dict | None = None, seconds: float = 60):
        command = [str(binary()), *arguments]
        if definition is not None:
            file = tmp_path / "greeting.asl.json"
            file.write_text(json.dumps(definition))
            command.insert(2, str(file))
        if arguments[0] in ("start", "history"):
            command += ["--endpoint", f"http://{newel.grpc}"]
        env = {**os.environ, "NEWEL_CATALOG": str(catalog())}
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=env)

    return run


def test_start_waits_shows_progress_and_prints_the_output(cli):
    greet = single({"Type": "Pass", "Parameters": {"greeting.$": "States.Format('hello {}', $.name)"}}, "Greet")
    done = cli("start", "--input", '{"name": "you"}', "--wait", definition=greet)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"greeting": "hello you"}), done.stderr
    assert "Greet" in done.stderr


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        (FAIL, 1),
        ({**WAIT, "TimeoutSeconds": 1}, 2),
    ],
)
def test_the_exit_code_tells_the_outcome(cli, definition, code):
    done = cli("start", "--wait", definition=definition)
    assert done.returncode == code, done.stderr


def test_a_definition_is_updated_when_it_has_changed(cli, sfn):
    first = single({"Type": "Pass", "Result": 1})
    second = single({"Type": "Pass", "Result": 2})
    assert cli("start", "--wait", definition=first).stdout.strip() == "1"
    assert cli("start", "--wait", definition=second).stdout.strip() == "2"


def test_history_is_told_for_people_and_for_programs(cli, sfn):
    started = cli("start", definition=single({"Type": "Pass"}, "Only"))
    assert started.returncode == 0, started.stderr
    arn = started.stdout.strip().splitlines()[-1]
    for_people = cli("history", arn)
    assert for_people.returncode == 0 and "PassStateEntered" in for_people.stdout, for_people.stderr
    for_programs = cli("history", arn, "--json")
    assert "ExecutionStarted" in for_programs.stdout


def test_validate_names_the_place(cli):
    good = cli("validate", definition=single({"Type": "Pass"}))
    assert good.returncode == 0, good.stderr
    bad = cli("validate", definition={"StartAt": "Gone", "States": {"A": {"Type": "Pass", "End": True}}})
    assert bad.returncode != 0
    assert "MISSING_TRANSITION_TARGET" in bad.stdout + bad.stderr


def test_validate_tells_programs_what_the_api_would(cli):
    waits = single({"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.waitForTaskToken"})
    answers = {}
    for machine_type, code in (("standard", 0), ("express", 1)):
        done = cli("validate", "--json", "--type", machine_type, definition=waits)
        assert done.returncode == code, done.stdout + done.stderr
        answers[machine_type] = json.loads(done.stdout)
    assert answers["standard"] == {"result": "OK", "diagnostics": [], "truncated": False}
    assert answers["express"]["result"] == "FAIL"
    assert answers["express"]["diagnostics"][0]["location"].endswith("/Resource")


def test_help_teaches(cli):
    for arguments in (["--help"], ["start", "--help"], ["dev", "--help"]):
        told = cli(*arguments)
        assert told.returncode == 0 and "newel" in told.stdout


def test_integrations_tells_what_a_task_may_name(cli):
    told = cli("integrations")
    assert told.returncode == 0, told.stderr
    lines = [line.split() for line in told.stdout.splitlines()]
    assert ["arn:aws:states:::batch:submitJob", "batch", "request-response", ".sync"] in lines
    found = json.loads(cli("integrations", "--json").stdout)
    assert set(found) == {"integrations"} and len(found["integrations"]) == len(lines) - 1
    nested = next(known for known in found["integrations"] if known["resource"].endswith(":states:startExecution"))
    assert nested["patterns"] == ["request-response", ".sync", ".sync:2", ".waitForTaskToken"]


def test_integrations_asks_a_server_for_its_workers(cli, newel):
    found = json.loads(cli("integrations", "--json", "--endpoint", newel.grpc).stdout)
    present = {known["family"]: known["workers"] for known in found["families"]}
    assert present["batch"] == 1 and present["sdk"] == 1, present
    told = cli("integrations", "--endpoint", newel.grpc)
    assert "No worker has registered resources of its own." in told.stdout and "without a worker" not in told.stdout
    unreachable = cli("integrations", "--endpoint", "127.0.0.1:1")
    assert unreachable.returncode == 69 and "can't be reached" in unreachable.stderr and not unreachable.stdout


def test_iam_prints_a_policy_and_nothing_else(cli, tmp_path):
    role = "arn:aws:iam::444455556666:role/there"
    definition = {
        "StartAt": "Job",
        "States": {
            "Job": {
                "Type": "Task",
                "Resource": "arn:aws:states:::batch:submitJob.sync",
                "Parameters": {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"},
                "Next": "Render",
            },
            "Render": {"Type": "Task", "Resource": "arn:aws:states:::acme:render", "Next": "Tell"},
            "Tell": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sns:publish",
                "Credentials": {"RoleArn": role},
                "Parameters": {"TopicArn": "arn:aws:sns:us-east-1:444455556666:t", "Message": "done"},
                "End": True,
            },
        },
    }
    done = cli("iam", definition=definition)
    assert done.returncode == 0, done.stderr
    policy = json.loads(done.stdout)
    assert policy["Version"] == "2012-10-17"
    batch, sts = policy["Statement"]
    assert batch["Sid"] == "Batch" and "batch:TerminateJob" in batch["Action"] and batch["Resource"] == ["*"]
    assert (sts["Action"], sts["Resource"]) == (["sts:AssumeRole"], [role])
    assert "state 'Render': arn:aws:states:::acme:render isn't known here" in done.stderr
    theirs = json.loads(cli("iam", "--role", role, definition=definition).stdout)
    assert [statement["Action"] for statement in theirs["Statement"]] == [["sns:Publish"]]

    wrong = cli("iam", definition={"StartAt": "Nowhere", "States": {"A": {"Type": "Succeed"}}})
    assert (wrong.returncode, wrong.stdout) == (1, "") and "StartAt" in wrong.stderr
    mistyped = cli("iam", definition=single({"Type": "Task", "Resource": "arn:aws:states:::batch:submitJobs"}))
    assert (mistyped.returncode, mistyped.stdout) == (1, "") and "is not recognized" in mistyped.stderr
    missing = cli("iam", str(tmp_path / "none.json"))
    assert (missing.returncode, missing.stdout) == (66, "") and "none.json" in missing.stderr
