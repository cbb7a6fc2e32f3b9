"""State machines by boto3, unmodified but for the endpoint."""

import datetime
import json

import pytest
from support.refusals import refused

from .conftest import ROLE, WAITS, closed, create, definition


def test_a_machine_is_created_described_listed_changed_and_deleted(states, account):
    arn = create(states, "orders")
    assert arn == f"arn:aws:states:us-east-1:{account}:stateMachine:orders"

    described = states.describe_state_machine(stateMachineArn=arn)
    created = described.pop("creationDate")
    described.pop("ResponseMetadata")
    assert abs(created - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=1)
    assert described == {
        "stateMachineArn": arn,
        "name": "orders",
        "status": "ACTIVE",
        "definition": definition(),
        "roleArn": ROLE,
        "type": "STANDARD",
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }
    metadata = states.describe_state_machine(stateMachineArn=arn, includedData="METADATA_ONLY")
    assert metadata["definition"] == "" and metadata["name"] == "orders"

    listed = states.list_state_machines()["stateMachines"]
    assert [(m["stateMachineArn"], m["name"], m["type"]) for m in listed] == [(arn, "orders", "STANDARD")]

    updated = states.update_state_machine(stateMachineArn=arn, definition=WAITS)
    changed = states.describe_state_machine(stateMachineArn=arn)
    assert (changed["definition"], changed["revisionId"]) == (WAITS, updated["revisionId"])

    states.delete_state_machine(stateMachineArn=arn)
    states.delete_state_machine(stateMachineArn=arn)


def test_creating_again_is_idempotent_and_a_difference_is_refused(states):
    arn = create(states)
    assert create(states) == arn
    with refused("StateMachineAlreadyExists", 400) as caught:
        create(states, text=WAITS)
    assert caught.value.response["Error"]["Message"] == f"State Machine Already Exists: '{arn}'"


def test_an_open_execution_keeps_the_revision_it_runs(states):
    arn = create(states, text=WAITS)
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    states.update_state_machine(stateMachineArn=arn, definition=definition())
    kept = states.describe_state_machine_for_execution(executionArn=execution)
    assert kept["definition"] == WAITS
    assert kept["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    states.stop_execution(executionArn=execution)
    assert closed(states, execution)["status"] == "ABORTED"


def test_an_update_must_say_something(states):
    arn = create(states)
    with refused("MissingRequiredParameter", 400) as caught:
        states.update_state_machine(stateMachineArn=arn)
    assert caught.value.response["Error"]["Message"] == (
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    )


def test_configurations_are_kept(states, account):
    log_group = f"arn:aws:logs:us-east-1:{account}:log-group:g:*"
    logging = {
        "level": "ERROR",
        "includeExecutionData": True,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": log_group}}],
    }
    arn = create(states, loggingConfiguration=logging, tracingConfiguration={"enabled": True})
    described = states.describe_state_machine(stateMachineArn=arn)
    assert described["loggingConfiguration"] == logging
    assert described["tracingConfiguration"] == {"enabled": True}
    with refused("InvalidLoggingConfiguration", 400):
        create(states, "two", loggingConfiguration={"level": "ALL"})
    with refused("InvalidEncryptionConfiguration", 400):
        create(states, "three", encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY"})
    with refused("KmsAccessDeniedException", 400):
        key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}
        create(states, "four", encryptionConfiguration=key)


@pytest.mark.parametrize(
    "said",
    [
        {"loggingConfiguration": {}},
        {"loggingConfiguration": {"level": "OFF", "includeExecutionData": False}},
        {"loggingConfiguration": {"destinations": []}},
        {"tracingConfiguration": {"enabled": False}},
        {"encryptionConfiguration": {"type": "AWS_OWNED_KEY"}},
    ],
    ids=str,
)
def test_a_default_that_is_said_makes_no_difference(states, said):
    arn = create(states, publish=True)
    assert create(states, publish=True, **said) == arn
    updated = states.update_state_machine(stateMachineArn=arn, publish=True, **said)
    assert updated.get("revisionId") is None and updated["stateMachineVersionArn"] == f"{arn}:1"
    # The other way round, too.
    first = create(states, "said", **said)
    assert create(states, "said") == first


@pytest.mark.parametrize(
    "destinations, message",
    [
        ([], "Must specify exactly one Log Destination."),
        ([{}], "Log Destination not found."),
        ([{"cloudWatchLogsLogGroup": {}}], "Log Destination not found."),
        ([{"cloudWatchLogsLogGroup": {"logGroupArn": "bogus"}}], "Log Destination not found."),
        ([{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:s3:::bucket"}}], "Log Destination not found."),
        ([{}, {}], "Must specify exactly one Log Destination."),
    ],
    ids=str,
)
def test_a_log_destination_must_be_one(states, destinations, message):
    arn = create(states)
    logging = {"level": "ALL", "destinations": destinations}
    for call in (
        lambda: create(states, "logged", loggingConfiguration=logging),
        lambda: states.update_state_machine(stateMachineArn=arn, loggingConfiguration=logging),
    ):
        with refused("InvalidLoggingConfiguration", 400) as caught:
            call()
        assert caught.value.response["Error"]["Message"] == f"Invalid Logging Configuration: {message}"


def test_a_role_must_be_one(states, express_states):
    arn = create(states)
    for role in ("role", "arn:aws:iam::000000000000:user/u", "arn:aws:iam::1:role/r", arn):
        for call in (
            lambda: states.create_state_machine(name="roled", definition=definition(), roleArn=role),
            lambda: states.update_state_machine(stateMachineArn=arn, roleArn=role),
            lambda: express_states.test_state(definition='{"Type": "Pass", "End": true}', roleArn=role),
        ):
            with refused("InvalidArn", 400) as caught:
                call()
            assert caught.value.response["Error"]["Message"] == f"Invalid Role Arn: '{role}'"


def test_tags(states):
    arn = create(states, tags=[{"key": "team", "value": "a"}])
    states.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "b"}, {"key": "empty", "value": ""}])
    tags = states.list_tags_for_resource(resourceArn=arn)["tags"]
    assert sorted((tag["key"], tag["value"]) for tag in tags) == [("empty", ""), ("team", "b")]
    states.untag_resource(resourceArn=arn, tagKeys=["empty", "unknown"])
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "b"}]
    with refused("TooManyTags", 400):
        states.tag_resource(resourceArn=arn, tags=[{"key": f"k{i}", "value": ""} for i in range(50)])
    with refused("ValidationException", 400):
        states.tag_resource(resourceArn=arn, tags=[{"key": "aws:x", "value": ""}])
    with refused("ResourceNotFound", 400):
        states.list_tags_for_resource(resourceArn=arn + "-unknown")


@pytest.mark.parametrize("character", list(" <>{}[]?*\"#%\\^|~`$&,;:/") + ["\x1f", "\x7f", "\u00a0"])
def test_names_with_forbidden_characters(states, character):
    name = f"a{character}b"
    with refused("InvalidName", 400) as caught:
        create(states, name)
    assert caught.value.response["Error"]["Message"] == f"Invalid Name: '{name}'"


@pytest.mark.parametrize(
    "text, code",
    [
        ("not json", "INVALID_JSON_DESCRIPTION"),
        ("{}", "SCHEMA_VALIDATION_FAILED"),
        (json.dumps({"StartAt": "X", "States": {"S": {"Type": "Pass", "End": True}}}), "MISSING_TRANSITION_TARGET"),
    ],
)
def test_bad_definitions(states, text, code):
    with refused("InvalidDefinition", 400) as caught:
        create(states, text=text)
    assert caught.value.response["Error"]["Message"].startswith(f"Invalid State Machine Definition: '{code}: ")


def test_a_maps_label_is_described_and_not_started(states, express_states):
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "End": True}},
    }
    each = {"Type": "Map", "Label": "each", "ItemProcessor": processor, "End": True}
    arn = create(states, text=json.dumps({"StartAt": "M", "States": {"M": each}}))
    described = states.describe_state_machine(stateMachineArn=arn + "/each")
    assert (described["stateMachineArn"], described["label"]) == (arn + "/each", "each")
    assert json.loads(described["definition"]) == processor
    assert "label" not in states.describe_state_machine(stateMachineArn=arn)
    with refused("StateMachineDoesNotExist", 400):
        states.describe_state_machine(stateMachineArn=arn + "/none")
    with refused("ValidationException", 400) as caught:
        states.start_execution(stateMachineArn=arn + "/each")
    assert caught.value.response["reason"] == "API_DOES_NOT_SUPPORT_LABELED_ARNS"
    # The models of these have no ValidationException.
    for call in ("start_sync_execution", "list_state_machine_aliases"):
        with refused("InvalidArn", 400):
            getattr(express_states, call)(stateMachineArn=arn + "/each")


def test_what_is_missing_is_named(states, account):
    arn = f"arn:aws:states:us-east-1:{account}:stateMachine:none"
    with refused("ResourceNotFound", 400) as caught:
        states.list_tags_for_resource(resourceArn=arn)
    assert caught.value.response["resourceName"] == arn
