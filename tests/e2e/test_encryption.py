"""Encryption at rest: customer managed keys of a local file, and what happens without them."""

import base64
import json
import subprocess

import botocore.exceptions
import pytest
from support.executions import closed, flaws, history, listed, machine, run, seen, single, start, task
from support.newel import Dev, binary, catalog
from support.waiting import wait_until

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
SERVER_KEY = "arn:aws:kms:us-east-1:000000000000:key/server"
SECRET = "Xyzzy-0451-sesame"
"""What must not be found in the files."""
CUSTOMER = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/orders", "kmsDataKeyReusePeriodSeconds": 60}
ROLE = "arn:aws:iam::000000000000:role/workflow"
BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl", "Parameters": {"text.$": "$.text"}}
BRISK = {"worker.poll": {"young_millis": 300}, "worker": {"listing_lag_seconds": 1}}


class Keys:
    """The keys file of a server."""

    def __init__(self, file):
        self.file = file
        self.write()

    def write(self, *materials: int, state: str = "ENABLED", present: bool = True) -> None:
        def key(arn: str, materials, **more) -> str:
            texts = [base64.b64encode(bytes([byte]) * 32).decode() for byte in materials]
            fields = {"arn": arn, "material": texts, **more}
            return "[[keys]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())

        text = key(SERVER_KEY, [9])
        if present:
            text += key(KEY, materials or [1], aliases=["alias/orders"], state=state)
        self.file.write_text(text)


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys.toml")


@pytest.fixture
def config(keys):
    return {**BRISK, "encryption": {"keys_file": keys.file}}


@pytest.fixture
def dev(aws_fake, tmp_path, config):
    with Dev(tmp_path, aws_fake.url, config) as dev:
        yield dev


def encrypted(sfn, definition: dict, name: str, configuration: dict | None = None) -> str:
    created = sfn.create_state_machine(
        name=name,
        definition=json.dumps(definition),
        roleArn=ROLE,
        encryptionConfiguration=CUSTOMER if configuration is None else configuration,
    )
    return created["stateMachineArn"]


def on_disk(dev, text: str = SECRET) -> bool:
    """Whether the text stands anywhere in the data directory."""
    return any(text.encode() in file.read_bytes() for file in (dev.directory / "data").iterdir())


def refused(call, **members) -> dict:
    """The error that a call is refused with."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    return caught.value.response


# A definition whose every kind of row holds the secret: its own text, frames, events, orders, results.
EVERYTHING = {
    "StartAt": "Both",
    "Comment": SECRET,
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Job", "States": {"Job": {**task("batch:submitJob.sync", BATCH), "End": True}}},
                {
                    "StartAt": "Each",
                    "States": {
                        "Each": {
                            "Type": "Map",
                            "ItemsPath": "$.items",
                            "ItemProcessor": single({"Type": "Wait", "Seconds": 2}, "Rest"),
                            "End": True,
                        }
                    },
                },
            ],
            "ResultPath": "$.results",
            "Next": "Stop",
        },
        "Stop": {"Type": "Fail", "Error": SECRET, "CausePath": "$.text"},
    },
}
INPUT = {"text": SECRET, "items": [SECRET, SECRET, "x" * 3_000 + SECRET]}


def test_what_is_under_a_customers_key_is_not_on_disk_in_the_clear(dev, aws_fake):
    aws_fake.script({"match": {"service": "batch"}, "steps": [{"status": "RUNNING"}, {"status": "SUCCEEDED", "after": 1}]})
    sfn = dev.client()
    sealed = start(sfn, encrypted(sfn, EVERYTHING, "sealed"), INPUT)
    seen(sfn, sealed, "TaskSubmitted")
    assert not on_disk(dev)
    # Killed in the middle, it goes on from what was sealed.
    dev.crash()
    told = closed(sfn, sealed)
    assert (told["status"], told["error"], told["cause"]) == ("FAILED", SECRET, SECRET)
    assert json.loads(told["input"]) == INPUT
    assert flaws(history(sfn, sealed)) == []
    assert SECRET in json.dumps(history(sfn, sealed), default=str)
    assert json.loads(sfn.describe_state_machine_for_execution(executionArn=sealed)["definition"]) == EVERYTHING
    output = run(sfn, single({"Type": "Pass"}))["output"]
    assert output == "{}"
    assert not on_disk(dev)
    # The same without a key: the test can find what it looks for.
    start(sfn, machine(sfn, EVERYTHING, "plain"), INPUT)
    assert on_disk(dev)


def test_the_children_of_a_distributed_map_are_sealed_as_their_parent_is(dev):
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"item.$": "$$.Map.Item.Value", "text": SECRET},
        "ItemProcessor": {**processor, **single({"Type": "Wait", "Seconds": 2}, "Rest")},
        "Label": "each",
        "End": True,
    }
    sfn = dev.client()
    sealed = start(sfn, encrypted(sfn, {"StartAt": "Each", "States": {"Each": each}}, "mapped"), INPUT)
    [run_arn] = wait_until(lambda: [m["mapRunArn"] for m in sfn.list_map_runs(executionArn=sealed)["mapRuns"]], "the map run")
    wait_until(lambda: sfn.describe_map_run(mapRunArn=run_arn)["itemCounts"]["running"] == 3, "the children to run")
    assert not on_disk(dev)
    # Killed in the middle, parent and children go on from what was sealed.
    dev.crash()
    told = closed(sfn, sealed)
    assert (told["status"], [child["item"] for child in told["result"]]) == ("SUCCEEDED", INPUT["items"])
    children = sfn.list_executions(mapRunArn=run_arn)["executions"]
    inputs = [json.loads(sfn.describe_execution(executionArn=child["executionArn"])["input"]) for child in children]
    assert sorted(child["item"] for child in inputs) == sorted(INPUT["items"])
    assert all(flaws(history(sfn, child["executionArn"])) == [] for child in children)
    assert not on_disk(dev)


def test_an_express_execution_is_sealed_while_it_runs(dev):
    sfn = dev.client()
    created = sfn.create_state_machine(
        name="express",
        type="EXPRESS",
        definition=json.dumps(single({"Type": "Wait", "Seconds": 3})),
        roleArn=ROLE,
        encryptionConfiguration=CUSTOMER,
    )
    start(sfn, created["stateMachineArn"], {"text": SECRET})
    assert not on_disk(dev)
    dev.kill()
    assert not on_disk(dev)
    dev.start()


def test_tasks_of_an_activity_with_a_key_wait_sealed(dev, keys):
    sfn = dev.client()
    arn = sfn.create_activity(name="ask", encryptionConfiguration=CUSTOMER)["activityArn"]
    assert sfn.describe_activity(activityArn=arn)["encryptionConfiguration"] == CUSTOMER
    assert sfn.create_activity(name="ask", encryptionConfiguration=CUSTOMER)["activityArn"] == arn
    other = refused(sfn.create_activity, name="ask")["Error"]
    assert other["Code"] == "ActivityAlreadyExists"
    # Under the machine's key, too: what the history tells isn't the activity's.
    definition = single({"Type": "Task", "Resource": arn})
    execution = start(sfn, encrypted(sfn, definition, "asking"), {"text": SECRET})
    seen(sfn, execution, "ActivityScheduled")
    dev.crash()
    assert not on_disk(dev)
    task = sfn.get_activity_task(activityArn=arn)
    assert json.loads(task["input"]) == {"text": SECRET}
    sfn.send_task_success(taskToken=task["taskToken"], output="1")
    assert closed(sfn, execution)["output"] == "1"
    keys.write(state="DISABLED")
    dev.kill()
    dev.start()
    assert refused(sfn.get_activity_task, activityArn=arn)["Error"]["Code"] == "KmsInvalidStateException"


def test_everything_is_sealed_under_the_servers_key_if_it_has_one(aws_fake, tmp_path, keys, config):
    config["encryption"]["default_key"] = SERVER_KEY
    with Dev(tmp_path, aws_fake.url, config) as dev:
        sfn = dev.client()
        arn = start(sfn, machine(sfn, single({"Type": "Pass", "Comment": SECRET}), "any"), {"text": SECRET})
        assert json.loads(closed(sfn, arn)["output"]) == {"text": SECRET}
        assert not on_disk(dev)
        shown = sfn.describe_state_machine(stateMachineArn=arn.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0])
        assert shown["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}


def test_the_configuration_is_shown_and_changed(dev):
    sfn = dev.client()
    arn = encrypted(sfn, single({"Type": "Pass"}), "shown")
    assert sfn.describe_state_machine(stateMachineArn=arn)["encryptionConfiguration"] == CUSTOMER
    assert sfn.create_state_machine(
        name="shown", definition=json.dumps(single({"Type": "Pass"})), roleArn=ROLE, encryptionConfiguration=CUSTOMER
    )["stateMachineArn"] == arn
    before = closed(sfn, start(sfn, arn, {"text": SECRET}, "before"))
    sfn.update_state_machine(stateMachineArn=arn, encryptionConfiguration={"type": "AWS_OWNED_KEY"})
    assert sfn.describe_state_machine(stateMachineArn=arn)["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}
    assert not on_disk(dev)
    closed(sfn, start(sfn, arn, {"text": SECRET}, "after"))
    assert on_disk(dev)
    assert sfn.describe_execution(executionArn=before["executionArn"])["output"] == before["output"]
    by_arn = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": KEY}
    sfn.update_state_machine(stateMachineArn=arn, encryptionConfiguration=by_arn)
    shown = sfn.describe_state_machine(stateMachineArn=arn)["encryptionConfiguration"]
    assert shown == {**by_arn, "kmsDataKeyReusePeriodSeconds": 300}


def test_unsound_configurations_are_refused(dev, keys):
    sfn = dev.client()

    def create(account_client=sfn, **configuration) -> dict:
        return refused(
            account_client.create_state_machine,
            name="none",
            definition=json.dumps(single({"Type": "Pass"})),
            roleArn=ROLE,
            encryptionConfiguration=configuration,
        )

    customer = "CUSTOMER_MANAGED_KMS_KEY"
    assert create(type=customer)["Error"]["Code"] == "InvalidEncryptionConfiguration"
    assert create(type="AWS_OWNED_KEY", kmsKeyId=KEY)["Error"]["Code"] == "InvalidEncryptionConfiguration"
    owned = create(type="AWS_OWNED_KEY", kmsDataKeyReusePeriodSeconds=60)
    assert owned["Error"]["Code"] == "InvalidEncryptionConfiguration"
    unknown = create(type=customer, kmsKeyId="alias/none")["Error"]
    assert unknown["Code"] == "KmsAccessDeniedException"
    assert "alias/none" in unknown["Message"] and "encryption.keys_file" in unknown["Message"]
    # Another account's key is as good as none.
    theirs = create(dev.client(account="111111111111"), type=customer, kmsKeyId=KEY)["Error"]
    assert theirs["Code"] == "KmsAccessDeniedException"
    keys.write(state="PENDING_DELETION")
    assert create(type=customer, kmsKeyId=KEY)["Error"]["Code"] == "InvalidEncryptionConfiguration"


def test_without_its_key_a_machine_stands_still_and_others_go_on(dev, keys):
    sfn = dev.client()
    arn = encrypted(sfn, single({"Type": "Wait", "Seconds": 1}), "sealed")
    plain = machine(sfn, single({"Type": "Pass"}), "plain")
    done = closed(sfn, start(sfn, arn, {"text": SECRET}, "done"))
    dev.kill()
    keys.write(present=False)
    dev.start()
    for call, members in [
        (sfn.describe_execution, {"executionArn": done["executionArn"]}),
        (sfn.get_execution_history, {"executionArn": done["executionArn"]}),
        (sfn.describe_state_machine, {"stateMachineArn": arn}),
        (sfn.describe_state_machine_for_execution, {"executionArn": done["executionArn"]}),
        (sfn.start_execution, {"stateMachineArn": arn}),
        (sfn.update_state_machine, {"stateMachineArn": arn, "roleArn": ROLE + "2"}),
    ]:
        assert refused(call, **members)["Error"]["Code"] == "KmsAccessDeniedException", members
    # What no key protects is told.
    told = sfn.describe_execution(executionArn=done["executionArn"], includedData="METADATA_ONLY")
    assert told["status"] == "SUCCEEDED" and "output" not in told and told["startDate"] == done["startDate"]
    shown = sfn.describe_state_machine(stateMachineArn=arn, includedData="METADATA_ONLY")
    assert shown["encryptionConfiguration"] == CUSTOMER and shown["roleArn"] == ROLE
    assert [item["name"] for item in listed(sfn, arn)] == ["done"]
    assert closed(sfn, start(sfn, plain))["status"] == "SUCCEEDED"


def test_an_execution_goes_on_once_its_key_is_back(dev, keys):
    sfn = dev.client()
    arn = start(sfn, encrypted(sfn, single({"Type": "Wait", "Seconds": 1}), "sealed"), {"text": SECRET})
    dev.kill()
    keys.write(state="DISABLED")
    dev.start()
    told = refused(sfn.describe_execution, executionArn=arn)
    assert (told["Error"]["Code"], told["kmsKeyState"]) == ("KmsInvalidStateException", "DISABLED")
    keys.write()
    assert json.loads(closed(sfn, arn)["output"]) == {"text": SECRET}


def test_a_key_is_rotated(dev, keys):
    sfn = dev.client()
    machine_arn = encrypted(sfn, single({"Type": "Pass"}), "sealed")
    before = closed(sfn, start(sfn, machine_arn, {"text": SECRET}))
    dev.kill()
    keys.write(2, 1)
    dev.start()
    after = closed(sfn, start(sfn, machine_arn, {"text": SECRET}))
    assert sfn.describe_execution(executionArn=before["executionArn"])["output"] == after["output"]
    # Once the older material is gone, so is what it sealed: nothing else has opened it.
    dev.kill()
    keys.write(2)
    dev.start()
    assert sfn.describe_execution(executionArn=after["executionArn"])["output"] == after["output"]
    assert refused(sfn.describe_execution, executionArn=before["executionArn"])["Error"]["Code"] == "InternalServerError"


def test_a_wrong_keys_file_is_told_at_the_start_without_showing_keys(tmp_path, keys):
    text = keys.file.read_text()
    keys.file.write_text(text.replace('"alias/orders"', '"orders"'))
    command = [str(binary()), "dev", "--data-dir", str(tmp_path / "data"), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]
    env = {"NEWEL_ENCRYPTION__KEYS_FILE": str(keys.file), "NEWEL_CATALOG": str(catalog())}
    started = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    assert started.returncode != 0
    assert "doesn't begin with alias/" in started.stderr and "AQEB" not in started.stderr
