"""A worker from outside the tree: the one of `docs/adding-an-integration.md`, run as that page says."""

import json
import subprocess
import sys
from pathlib import Path

import botocore.exceptions
import pytest
from support.executions import closed, start
from support.newel import Dev, Services, binary
from support.processes import Process
from support.waiting import wait_until

WORKER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "worker" / "worker.py"
ROLE = "arn:aws:iam::000000000000:role/any"
RENDER = "arn:aws:states:::acme:render"
TOKEN = "token-of-acme-0123456789abcdef"
CLIENT_TOKEN = "token-of-clients-0123456789abcdef"


def newel_command(*arguments, code: int = 0):
    run = subprocess.run([str(binary()), *arguments], capture_output=True, text=True, timeout=60)
    assert run.returncode == code, run.stdout + run.stderr
    return run


def served(newel, *arguments) -> dict:
    return json.loads(newel_command("integrations", "--json", "--endpoint", newel.grpc, *arguments).stdout)


def workers(newel, *arguments) -> int:
    families = served(newel, *arguments)["families"]
    return sum(known["workers"] for known in families if known["family"] == "acme")


class Renderer:
    """The example as a process."""

    def __init__(self, newel, directory: Path, *arguments):
        directory.mkdir(exist_ok=True)
        self.newel = newel
        self.log = directory / "worker.log"
        self._command = [sys.executable, str(WORKER), newel.grpc, "--jobs", str(directory / "jobs"), *map(str, arguments)]
        self._process = None

    def start(self, *asking):
        self._process = Process(self._command, self.log, {})
        wait_until(lambda: self._process.check_alive() or workers(self.newel, *asking) == 1, "the worker to be connected", seconds=60)

    def stop(self, kill: bool = False):
        self._process.kill() if kill else self._process.stop(seconds=30)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


@pytest.fixture
def newel(_aws_fake, tmp_path):
    """A Newel of its own, as it is started again."""
    with Dev(tmp_path, _aws_fake.url) as newel:
        yield newel


@pytest.fixture
def sfn(newel):
    return newel.client(inject_host_prefix=False)


def machine(suffix: str = "", fields: dict | None = None, **parameters) -> str:
    task = {"Type": "Task", "Resource": RENDER + suffix, "Parameters": parameters, "End": True, **(fields or {})}
    return json.dumps({"StartAt": "Render", "States": {"Render": task}})


def finish(sfn, arn: str, data: dict) -> dict:
    return closed(sfn, start(sfn, arn, data))


def create(sfn, name: str, definition: str) -> str:
    return sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]


def diagnostics(sfn, definition: str) -> list[tuple[str, str]]:
    found = sfn.validate_state_machine_definition(definition=definition)["diagnostics"]
    return [(d["message"], d["location"]) for d in found if d["severity"] == "ERROR"]


GREETING = {"template": "Hello {name}", "values": {"name": "world"}}
MISSING = [("The field 'template' is required but was missing", "/States/Render/Parameters")]


def test_the_whole_life_of_a_registered_resource(newel, sfn, tmp_path):
    unknown = diagnostics(sfn, machine(**GREETING))
    assert "is not recognized" in unknown[0][0] and unknown[0][1] == "/States/Render/Resource"
    renderer = Renderer(newel, tmp_path / "worker")
    renderer.start()

    # Known: checked as AWS's own are.
    assert diagnostics(sfn, machine(**GREETING)) == []
    assert diagnostics(sfn, machine(values={})) == MISSING
    unsupported = 'The field "colour" is not supported by Step Functions'
    assert diagnostics(sfn, machine(**GREETING, colour=1)) == [(unsupported, "/States/Render/Parameters")]
    assert "is not recognized" in diagnostics(sfn, machine(".waitForTaskToken", **GREETING))[0][0]
    with pytest.raises(botocore.exceptions.ClientError, match="The field 'template' is required"):
        create(sfn, "refused", machine(values={}))

    # Served, both ways.
    arn = create(sfn, "render", machine(**{"template.$": "$.template", "values.$": "$.values"}))
    assert json.loads(finish(sfn, arn, GREETING)["output"]) == {"text": "Hello world"}
    failed = finish(sfn, arn, {"template": "{nobody}", "values": {}})
    assert (failed["status"], failed["error"]) == ("FAILED", "Acme.TemplateException")
    job = create(sfn, "job", machine(".sync", **GREETING, seconds=1))
    assert json.loads(finish(sfn, job, {})["output"]) == {"text": "Hello world"}
    mocked = sfn.test_state(
        definition=json.dumps(json.loads(machine(**GREETING))["States"]["Render"]), roleArn=ROLE, mock={"result": '{"text": "x"}'}
    )
    assert mocked["status"] == "SUCCEEDED", mocked

    # Away, and over a restart: known all the same, and its tasks wait for it.
    renderer.stop()
    newel.crash()
    wait_until(lambda: workers(newel) == 0, "the worker to be away", seconds=30)
    assert diagnostics(sfn, machine(**GREETING)) == []
    assert diagnostics(sfn, machine(values={})) == MISSING
    execution = sfn.start_execution(stateMachineArn=arn, input=json.dumps(GREETING))["executionArn"]
    queued = lambda: [f for f in served(newel)["families"] if f["family"] == "acme" and f["queued"]]  # noqa: E731
    wait_until(queued, "the task to wait for its worker", seconds=30)
    renderer.start()
    wait_until(lambda: sfn.describe_execution(executionArn=execution)["status"] == "SUCCEEDED", "it to be served", seconds=60)
    renderer.stop()


def test_a_job_outlives_its_worker_and_is_cancelled_with_its_execution(newel, sfn, tmp_path):
    with Renderer(newel, tmp_path / "worker") as renderer:
        jobs = lambda: [job for job in (tmp_path / "worker" / "jobs").iterdir() if job.name[0] != "."]  # noqa: E731
        arn = create(sfn, "job", machine(".sync", **GREETING, seconds=3))
        execution = sfn.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
        wait_until(jobs, "the job to begin", seconds=30)
        renderer.stop(kill=True)
        renderer.start()
        wait_until(lambda: sfn.describe_execution(executionArn=execution)["status"] == "SUCCEEDED", "the job's end", seconds=60)
        assert len(jobs()) == 1, "it was started once"

        arn = create(sfn, "long", machine(".sync", **GREETING, seconds=3600))
        execution = sfn.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
        wait_until(lambda: len(jobs()) == 2, "the job to begin", seconds=30)
        sfn.stop_execution(executionArn=execution)
        wait_until(lambda: len(jobs()) == 1, "the job to be cancelled", seconds=30)


def test_what_is_registered_is_shown_and_removed(newel, sfn, tmp_path):
    with Renderer(newel, tmp_path / "worker"):
        [shown] = served(newel)["registered"]
        assert (shown["resource"], shown["family"], shown["patterns"]) == (RENDER, "acme", ["request-response", ".sync"])
        assert shown["schema"]["required"] == ["template"]
        text = newel_command("integrations", "--endpoint", newel.grpc).stdout
        assert any(line.split() == [RENDER, "acme", "request-response", ".sync"] for line in text.splitlines()), text
        arn = create(sfn, "render", machine(**GREETING))

        refused = newel_command("integrations", "remove", "acme:print", "--endpoint", newel.grpc, code=65)
        assert "No worker has registered acme:print" in refused.stderr
        newel_command("integrations", "remove", ":x", "--endpoint", newel.grpc, code=64)
        removed = newel_command("integrations", "remove", "acme", "--endpoint", newel.grpc).stdout
        assert removed == f"removed {RENDER}\n"
        assert "is not recognized" in diagnostics(sfn, machine(**GREETING))[0][0]
        # What was accepted goes on.
        assert json.loads(finish(sfn, arn, {})["output"]) == {"text": "Hello world"}


def test_a_worker_needs_the_token_of_its_family(_aws_fake, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tokens / "acme").write_text(TOKEN + "\n")
    (tokens / "batch").write_text("token-of-batch-0123456789abcdef\n")
    client_token = tmp_path / "client-token"
    client_token.write_text(CLIENT_TOKEN + "\n")
    auth = {"auth": {"worker_tokens_dir": str(tokens), "client_token_file": str(client_token)}}
    asking = ("--token-file", str(client_token))
    with Services(tmp_path / "newel", _aws_fake.url, families=(), orchestrator=auth) as newel:
        for token_file, told in [(None, "UNAUTHENTICATED"), (tokens / "batch", "PERMISSION_DENIED")]:
            command = [sys.executable, str(WORKER), newel.grpc, "--jobs", str(tmp_path / "none")]
            command += ["--token-file", str(token_file)] if token_file else []
            run = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert run.returncode == 1 and told in run.stderr, run.stderr
        assert served(newel, *asking)["registered"] == []
        refused = newel_command("integrations", "--endpoint", newel.grpc, code=65)
        assert "bearer token" in refused.stderr
        renderer = Renderer(newel, tmp_path / "worker", "--token-file", tokens / "acme")
        renderer.start(*asking)
        try:
            assert [known["resource"] for known in served(newel, *asking)["registered"]] == [RENDER]
        finally:
            renderer.stop()
