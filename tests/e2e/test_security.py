"""What strangers, and friends who overreach, are refused."""

import base64
import subprocess

import grpc
import pytest
from botocore.exceptions import ClientError
from support.clients import client
from support.executions import closed, machine, run, single, start, succeeded, task
from support.newel import Services, binary
from support.refusals import refused
from support.waiting import wait_until
from support.worker_session import WorkerSession

ACCOUNT = "000000000000"
KEY = {"id": "AKIDTESTTESTTESTTEST", "secret": "a-secret-for-tests-0123456789abcdefghij"}
FOREIGN = {"id": "AKIDFOREIGNFOREIGN00", "secret": "another-secret-for-tests-0123456789abcd"}
TOKENS = {family: f"token-of-{family}-0123456789abcdef" for family in ("batch", "ecs", "glue", "dynamodb")}
BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}
PASS = single({"Type": "Pass"})


def access_key(key: dict, account: str) -> str:
    return f'[[access_keys]]\naccess_key_id = "{key["id"]}"\nsecret_access_key = "{key["secret"]}"\naccount = "{account}"\n'


@pytest.fixture(scope="module")
def secured(_aws_fake, tmp_path_factory):
    """Orchestrator and workers with credentials for everybody. The dynamodb worker is left to the tests."""
    directory = tmp_path_factory.mktemp("secured")
    tokens = directory / "worker-tokens"
    tokens.mkdir()
    for family, token in TOKENS.items():
        (tokens / family).write_text(token + "\n")
    (directory / "client-token").write_text("token-of-clients-0123456789abcdef\n")
    keys = directory / "access-keys.toml"
    keys.write_text(access_key(KEY, ACCOUNT) + access_key(FOREIGN, "111111111111"))
    auth = {
        "access_keys_file": str(keys),
        "client_token_file": str(directory / "client-token"),
        "worker_tokens_dir": str(tokens),
    }
    services = Services(directory, _aws_fake.url, families=("batch", "ecs", "glue"), orchestrator={"auth": auth})
    with services:
        yield services


def signed(secured, key: dict = KEY, secret: str | None = None):
    return client("stepfunctions", secured.http_url, access_key=key["id"], secret=secret or key["secret"])


@pytest.fixture
def sfn(secured):
    return signed(secured)


class TestSignatures:
    def test_the_right_one_is_taken(self, sfn):
        assert run(sfn, PASS)["status"] == "SUCCEEDED"

    def test_a_wrong_secret_is_refused(self, secured):
        with pytest.raises(ClientError) as caught:
            signed(secured, secret="not-the-secret-0123456789abcdefghijkl").list_state_machines()
        assert caught.value.response["Error"]["Code"] in ("InvalidSignatureException", "SignatureDoesNotMatch")

    def test_an_unknown_key_is_refused(self, secured):
        stranger = {"id": "AKIDUNKNOWNUNKNOWN00", "secret": KEY["secret"]}
        with refused("UnrecognizedClientException"):
            signed(secured, stranger).list_state_machines()

    def test_a_key_of_another_account_sees_nothing_of_ours(self, secured, sfn):
        arn = machine(sfn, PASS)
        execution = start(sfn, arn)
        theirs = signed(secured, FOREIGN)
        assert arn not in [m["stateMachineArn"] for m in theirs.list_state_machines()["stateMachines"]]
        for call, members in [
            (theirs.describe_state_machine, {"stateMachineArn": arn}),
            (theirs.start_execution, {"stateMachineArn": arn}),
            (theirs.describe_execution, {"executionArn": execution}),
            (theirs.get_execution_history, {"executionArn": execution}),
            (theirs.stop_execution, {"executionArn": execution}),
        ]:
            with pytest.raises(ClientError):
                call(**members)


class TestWorkerSessions:
    @pytest.mark.parametrize("token", [None, "no-such-token-0123456789abcdef"])
    def test_without_a_token_of_ours_there_is_none(self, secured, token):
        with WorkerSession(secured.grpc, "batch", token) as session:
            with pytest.raises(grpc.RpcError) as caught:
                session.receive("welcome")
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED

    def test_a_family_s_token_opens_no_other_family_s_session(self, secured):
        with WorkerSession(secured.grpc, "batch", TOKENS["glue"]) as session:
            with pytest.raises(grpc.RpcError) as caught:
                session.receive("welcome")
            assert caught.value.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)

    def test_a_client_s_token_opens_no_session(self, secured):
        with WorkerSession(secured.grpc, "batch", "token-of-clients-0123456789abcdef") as session:
            with pytest.raises(grpc.RpcError) as caught:
                session.receive("welcome")
            assert caught.value.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)

    def test_a_report_for_another_family_s_task_changes_nothing(self, secured, sfn):
        """The intruder belongs to the house, knows the task, and still can't end it."""
        get = task("dynamodb:getItem", {"TableName": "t", "Key": {"id": {"S": "a"}}})
        with WorkerSession(secured.grpc, "dynamodb", TOKENS["dynamodb"]) as owner:
            owner.receive("welcome")
            arn = start(sfn, machine(sfn, single(get)))
            dispatch = owner.dispatch()
            with WorkerSession(secured.grpc, "glue", TOKENS["glue"], credit=0) as intruder:
                intruder.receive("welcome")
                intruder.succeed(dispatch.task, b'{"stolen": true}')
                try:
                    acknowledged = intruder.receive("acks").acks
                    assert all(ack.stale for ack in acknowledged)
                except grpc.RpcError as error:
                    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
            assert sfn.describe_execution(executionArn=arn)["status"] == "RUNNING"
            owner.succeed(dispatch.task, b'{"mine": true}')
            assert closed(sfn, arn)["result"] == {"mine": True}


class TestTaskTokens:
    @pytest.fixture
    def token(self, sfn, _aws_fake):
        """The token of a task that waits, and its execution."""
        _aws_fake.reset()
        variables = [{"Name": "TASK_TOKEN", "Value.$": "$$.Task.Token"}]
        overrides = {"ContainerOverrides": [{"Name": "main", "Environment": variables}]}
        state = task("ecs:runTask.waitForTaskToken", {"TaskDefinition": "t", "Overrides": overrides})
        execution = start(sfn, machine(sfn, single(state)))
        [job] = wait_until(lambda: _aws_fake.jobs(service="ecs"), "the task to start")
        return job["request"]["overrides"]["containerOverrides"][0]["environment"][0]["value"], execution

    def test_a_used_one_is_refused_and_the_first_answer_stands(self, sfn, token):
        token, execution = token
        sfn.send_task_success(taskToken=token, output="1")
        for call, members in [
            (sfn.send_task_success, {"output": "2"}),
            (sfn.send_task_failure, {"error": "Late"}),
            (sfn.send_task_heartbeat, {}),
        ]:
            with pytest.raises(ClientError) as caught:
                call(taskToken=token, **members)
            assert caught.value.response["Error"]["Code"] in ("TaskTimedOut", "TaskDoesNotExist")
        assert closed(sfn, execution)["result"] == 1

    def test_a_forged_one_is_refused(self, sfn, token):
        token, execution = token
        raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        for place in (1, 20, 40, 50, len(raw) - 1):
            forged = bytearray(raw)
            forged[place] ^= 1
            text = base64.urlsafe_b64encode(forged).decode().rstrip("=")
            with refused("InvalidToken"):
                sfn.send_task_success(taskToken=text, output="1")
        for garbage in ("x", "not a token", "A" * 2048):
            with refused("InvalidToken"):
                sfn.send_task_success(taskToken=garbage, output="1")
        assert sfn.describe_execution(executionArn=execution)["status"] == "RUNNING"

    def test_another_account_can_t_use_it(self, secured, sfn, token):
        token, execution = token
        theirs = signed(secured, FOREIGN)
        for call, members in [
            (theirs.send_task_success, {"output": "1"}),
            (theirs.send_task_failure, {}),
            (theirs.send_task_heartbeat, {}),
        ]:
            with refused("InvalidToken"):
                call(taskToken=token, **members)
        assert sfn.describe_execution(executionArn=execution)["status"] == "RUNNING"

    def test_it_is_in_no_log(self, secured, sfn, token):
        token, execution = token
        sfn.send_task_success(taskToken=token, output="1")
        closed(sfn, execution)
        for program in secured.programs:
            assert token not in program.log.read_text(errors="replace"), program.name


def test_secured_workers_do_their_work(sfn):
    assert succeeded(sfn, single(task("batch:submitJob.sync", BATCH)))["Status"] == "SUCCEEDED"


@pytest.mark.parametrize("port", ["--http", "--grpc"])
def test_without_credentials_only_loopback_is_served(tmp_path, port):
    other = "--grpc" if port == "--http" else "--http"
    arguments = ["dev", "--data-dir", str(tmp_path), port, "0.0.0.0:0", other, "127.0.0.1:0"]
    run = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert run.returncode != 0 and "credentials" in run.stderr, run.stderr
