"""`newel apply`: docs/apply.md carried out to the letter, and what it doesn't show."""

import json
import os
import re
import shlex
import subprocess
import uuid
from pathlib import Path

import pytest
from support.executions import closed, single, start
from support.newel import ROOT, binary

PAGE = ROOT / "docs" / "apply.md"
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROLE = "arn:aws:iam::000000000000:role/workflow"


def run(newel, directory: Path, *arguments: str, account: str | None = None) -> subprocess.CompletedProcess:
    env = {**os.environ, "NEWEL_ENDPOINT": f"http://{newel.grpc}"}
    more = ["--account", account] if account else []
    command = [str(binary()), *arguments, *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=directory, env=env, stdin=subprocess.DEVNULL)


def sessions(text: str):
    """The commands of a console block, each with the lines that are shown of its output."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield shlex.split(command)[1:], output.splitlines()


def shows(output: str, expected: list[str]) -> bool:
    """Whether the lines come in that order; one of dots stands for any number of lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in expected)
    return re.fullmatch(pattern, output) is not None


def test_the_page_is_true(newel, sfn, tmp_path):
    seen = 0
    for kind, name, text in BLOCK.findall(PAGE.read_text()):
        if name:
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        elif kind == "console":
            for command, expected in sessions(text):
                done = run(newel, tmp_path, *command)
                assert shows(done.stdout + done.stderr, expected), (command, done.stdout, done.stderr)
                refused = any(line.startswith("newel:") for line in expected)
                to_do = "--dry-run" in command and not expected[-1].startswith("nothing to do")
                assert done.returncode == (65 if refused else 2 if to_do else 0), (command, done)
                seen += 1
    assert seen >= 7
    alias = "arn:aws:states:us-east-1:000000000000:stateMachine:greet:live"
    assert closed(sfn, start(sfn, alias))["result"] == "good evening world"
    described = sfn.describe_state_machine(stateMachineArn="arn:aws:states:us-east-1:000000000000:stateMachine:order-prod")
    states = json.loads(described["definition"])["States"]
    assert states["Store"]["Parameters"]["TableName"] == "orders"
    assert states["Ask"]["Resource"].endswith(":activity:approve-prod")


@pytest.fixture
def account() -> str:
    """An account of the test's own."""
    return str(uuid.uuid4().int)[:12]


def workflows(directory: Path, manifest: str, **definitions: dict) -> None:
    (directory / "newel.yaml").write_text(manifest)
    for name, definition in definitions.items():
        (directory / f"{name}.asl.json").write_text(json.dumps(definition))


def test_every_member_is_put_and_changed(newel, account, tmp_path):
    sfn = newel.client(account=account)
    group = "arn:aws:logs:us-east-1:000000000000:log-group:g:*"
    machine = f"role: {ROLE}\nmachines:\n  one:\n    tracing: true\n    tags: {{a: b, c: d}}\n"
    workflows(tmp_path, machine + f"    logging: {{level: ALL, include_execution_data: true, log_group: '{group}'}}\n", one=single({"Type": "Pass"}))
    assert run(newel, tmp_path, "apply", ".", "--yes", account=account).returncode == 0
    arn = f"arn:aws:states:us-east-1:{account}:stateMachine:one"
    before = sfn.describe_state_machine(stateMachineArn=arn)
    assert before["tracingConfiguration"] == {"enabled": True}
    assert before["loggingConfiguration"]["destinations"] == [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]
    assert {tag["key"]: tag["value"] for tag in sfn.list_tags_for_resource(resourceArn=arn)["tags"]} == {"a": "b", "c": "d"}

    changed = machine.replace("tracing: true", "tracing: false").replace("c: d", "c: e").replace("a: b, ", "")
    workflows(tmp_path, changed, one=single({"Type": "Pass"}))
    done = run(newel, tmp_path, "apply", ".", "--yes", account=account)
    for line in ("tracing: true → false", f"logging: ALL with data to {group} → OFF", "tag a: goes", "tag c: d → e"):
        assert f"    {line}\n" in done.stdout, done.stdout
    after = sfn.describe_state_machine(stateMachineArn=arn)
    assert after["tracingConfiguration"] == {"enabled": False} and after["loggingConfiguration"]["level"] == "OFF"
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "c", "value": "e"}]
    again = run(newel, tmp_path, "apply", ".", "--yes", account=account)
    assert (again.returncode, again.stdout) == (0, "nothing to do: 1 unchanged\n")


def test_a_refusal_stops_there_and_the_next_run_goes_on(newel, account, tmp_path):
    good, bad = single({"Type": "Pass"}), single({"Type": "Pass"}) | {"StartAt": "Nowhere"}
    workflows(tmp_path, f"role: {ROLE}\nmachines: {{a: {{}}, b: {{}}, c: {{}}}}\n", a=good, b=bad, c=good)
    done = run(newel, tmp_path, "apply", ".", "--yes", account=account)
    assert done.returncode == 65
    assert "state machine a: done" in done.stdout and "state machine c: done" not in done.stdout
    assert "state machine b (b); what comes after it was left" in done.stderr and "InvalidDefinition" in done.stderr
    workflows(tmp_path, f"role: {ROLE}\nmachines: {{a: {{}}, b: {{}}, c: {{}}}}\n", b=good)
    done = run(newel, tmp_path, "apply", ".", "--yes", account=account)
    assert done.returncode == 0 and "2 to create, 0 to update, 1 unchanged" in done.stdout


def test_cloudformations_own_resources_are_put(newel, account, tmp_path):
    template = {
        "Resources": {
            "Live": {
                "Type": "AWS::StepFunctions::StateMachineAlias",
                "Properties": {"Name": "live", "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "V"}, "Weight": 100}]},
            },
            "V": {
                "Type": "AWS::StepFunctions::StateMachineVersion",
                "Properties": {"StateMachineArn": {"Fn::GetAtt": ["Flow", "Arn"]}, "Description": "first"},
            },
            "Flow": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": ROLE,
                    "DefinitionS3Location": "flow.yaml",
                    "DefinitionSubstitutions": {"Seconds": 0},
                },
            },
        }
    }
    (tmp_path / "t.json").write_text(json.dumps(template, indent="\t"))
    (tmp_path / "flow.yaml").write_text("StartAt: A\nStates:\n  A: {Type: Wait, Seconds: ${Seconds}, End: true}\n")
    done = run(newel, tmp_path, "apply", "t.json", "--yes", account=account)
    assert done.returncode == 0, done.stderr
    sfn = newel.client(account=account)
    alias = sfn.describe_state_machine_alias(stateMachineAliasArn=f"arn:aws:states:us-east-1:{account}:stateMachine:Flow:live")
    [route] = alias["routingConfiguration"]
    version = sfn.describe_state_machine(stateMachineArn=route["stateMachineVersionArn"])
    assert json.loads(version["definition"])["States"]["A"]["Seconds"] == 0
    assert version["description"] == "first"
    assert run(newel, tmp_path, "apply", "t.json", "--dry-run", account=account).returncode == 0


def test_nobody_is_asked_who_is_not_there(newel, account, tmp_path):
    workflows(tmp_path, f"role: {ROLE}\nmachines: {{a: {{}}}}\n", a=single({"Type": "Pass"}))
    done = run(newel, tmp_path, "apply", ".", account=account)
    assert (done.returncode, "--yes" in done.stderr) == (64, True)
    assert newel.client(account=account).list_state_machines()["stateMachines"] == []
    assert run(newel, tmp_path, "apply", "nothing.yaml", "--yes").returncode == 66
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    assert run(newel, tmp_path, "apply", "broken.yaml", "--yes").returncode == 65
