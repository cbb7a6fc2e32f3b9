"""SDKs put `sync-` before the endpoint's host name for StartSyncExecution: such a name is served, signed requests included,
and the SDKs' own setting keeps them from doing it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.clients import client

from .conftest import create, definition
from .test_signatures import ACCESS_KEYS, ACCOUNT, KEY, SECRET

AWS = Path(sys.executable).with_name("aws")
LOCALHOST = Path(__file__).resolve().parents[1] / "support" / "localhost"
SEEN = "import sys, json, boto3; c = boto3.client('stepfunctions'); hosts = []; " + (
    "c.meta.events.register('before-send', lambda request, **_: hosts.append(request.url)); "
    "a = c.start_sync_execution(stateMachineArn=sys.argv[1], input='[1]'); "
    "print(json.dumps({'host': hosts[0], 'status': a['status'], 'output': a['output']}))"
)


@pytest.fixture
def secured(start_newel, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[[access_keys]]\naccess_key_id = "{KEY}"\nsecret_access_key = "{SECRET}"\naccount = "{ACCOUNT}"\n')
    return start_newel({ACCESS_KEYS: str(keys)}).http


@pytest.fixture
def machine(secured) -> str:
    states = client("stepfunctions", secured, access_key=KEY, secret=SECRET)
    return create(states, text=definition(), type="EXPRESS")


def run(command: list[str], **variables: str) -> dict:
    """What a program prints that knows nothing but the usual environment variables."""
    environment = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
        **variables,
    }
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def named(endpoint: str) -> dict[str, str]:
    """The endpoint under a name, with what resolves it and the one with the prefix."""
    return {
        "AWS_ENDPOINT_URL": endpoint.replace("127.0.0.1", "newel.localhost"),
        "PYTHONPATH": str(LOCALHOST),
    }


def test_boto3_signs_for_the_name_with_the_prefix(secured, machine):
    seen = run([sys.executable, "-c", SEEN, machine], **named(secured))
    assert seen["host"].startswith("http://sync-newel.localhost:")
    assert (seen["status"], seen["output"]) == ("SUCCEEDED", "[1]")


def test_the_cli_signs_for_the_name_with_the_prefix(secured, machine):
    command = [str(AWS), "stepfunctions", "start-sync-execution", "--state-machine-arn", machine, "--output", "json"]
    done = run(command, **named(secured))
    assert (done["status"], done["output"]) == ("SUCCEEDED", "{}")


@pytest.mark.parametrize("program", ["boto3", "cli"])
def test_the_sdk_s_own_setting_leaves_the_prefix_out(secured, machine, program):
    command = {
        "boto3": [sys.executable, "-c", SEEN, machine],
        "cli": [str(AWS), "stepfunctions", "start-sync-execution", "--state-machine-arn", machine, "--output", "json"],
    }[program]
    done = run(command, AWS_ENDPOINT_URL=secured, AWS_DISABLE_HOST_PREFIX_INJECTION="true")
    assert done["status"] == "SUCCEEDED"
    assert done.get("host", secured).startswith(secured)
