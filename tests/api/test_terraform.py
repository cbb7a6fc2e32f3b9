"""The calls of Terraform's aws provider for aws_sfn_state_machine, aws_sfn_alias and aws_sfn_activity, in its order."""

import pytest
from support.refusals import refused
from support.waiting import wait_until

from .conftest import ROLE, definition


def read_machine(states, arn: str) -> dict:
    """What a refresh of aws_sfn_state_machine asks for."""
    described = states.describe_state_machine(stateMachineArn=arn)
    tags = states.list_tags_for_resource(resourceArn=arn)["tags"]
    versions = states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    latest = versions[0]["stateMachineVersionArn"] if versions else ""
    return {
        "definition": described["definition"],
        "description": described.get("description", ""),
        "revision_id": described.get("revisionId", ""),
        "type": described["type"],
        "status": described["status"],
        "encryption": described["encryptionConfiguration"]["type"],
        "logging": described["loggingConfiguration"]["level"],
        "tracing": described["tracingConfiguration"]["enabled"],
        "tags": {tag["key"]: tag["value"] for tag in tags},
        "version": latest,
    }


def read_alias(states, arn: str) -> dict:
    """What a refresh of aws_sfn_alias asks for."""
    described = states.describe_state_machine_alias(stateMachineAliasArn=arn)
    routing = {r["stateMachineVersionArn"]: r["weight"] for r in described["routingConfiguration"]}
    return {"name": described["name"], "description": described.get("description"), "routing": routing}


def gone(call, *exceptions) -> bool:
    try:
        call()
    except exceptions:
        return True
    return False


def test_machine_alias_and_activity_are_applied_changed_and_destroyed(states):
    # terraform apply
    first = definition(Comment="first")
    assert states.validate_state_machine_definition(definition=first, type="STANDARD")["result"] == "OK"
    made = states.create_state_machine(
        name="tf",
        definition=first,
        roleArn=ROLE,
        type="STANDARD",
        publish=True,
        versionDescription="by terraform",
        tags=[{"key": "team", "value": "a"}, {"key": "stage", "value": "test"}],
        loggingConfiguration={"level": "OFF"},
        tracingConfiguration={"enabled": False},
        encryptionConfiguration={"type": "AWS_OWNED_KEY"},
    )
    arn, v1 = made["stateMachineArn"], made["stateMachineVersionArn"]
    state = read_machine(states, arn)
    assert state == {
        "definition": first,
        "description": "",
        "revision_id": "",
        "type": "STANDARD",
        "status": "ACTIVE",
        "encryption": "AWS_OWNED_KEY",
        "logging": "OFF",
        "tracing": False,
        "tags": {"team": "a", "stage": "test"},
        "version": v1,
    }
    alias = states.create_state_machine_alias(
        name="live", description="", routingConfiguration=[{"stateMachineVersionArn": v1, "weight": 100}]
    )["stateMachineAliasArn"]
    assert read_alias(states, alias)["routing"] == {v1: 100}
    activity = states.create_activity(name="tf", tags=[{"key": "team", "value": "a"}])["activityArn"]
    assert states.describe_activity(activityArn=activity)["name"] == "tf"
    assert states.list_tags_for_resource(resourceArn=activity)["tags"] == [{"key": "team", "value": "a"}]

    # terraform plan finds nothing to do
    assert read_machine(states, arn) == state

    # terraform apply, with another definition, other tags and other routes
    second = definition(Comment="second")
    assert states.validate_state_machine_definition(definition=second, type="STANDARD")["result"] == "OK"
    updated = states.update_state_machine(
        stateMachineArn=arn,
        definition=second,
        roleArn=ROLE,
        publish=True,
        versionDescription="again by terraform",
        loggingConfiguration={"level": "OFF"},
        tracingConfiguration={"enabled": False},
    )
    v2 = updated["stateMachineVersionArn"]
    wait_until(
        lambda: states.describe_state_machine(stateMachineArn=arn)["definition"] == second, "the update to be seen"
    )
    states.untag_resource(resourceArn=arn, tagKeys=["stage"])
    states.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "b"}])
    changed = read_machine(states, arn)
    assert (changed["definition"], changed["revision_id"]) == (second, updated["revisionId"])
    assert (changed["tags"], changed["version"]) == ({"team": "b"}, v2)
    states.update_state_machine_alias(
        stateMachineAliasArn=alias,
        description="both",
        routingConfiguration=[
            {"stateMachineVersionArn": v1, "weight": 10},
            {"stateMachineVersionArn": v2, "weight": 90},
        ],
    )
    assert read_alias(states, alias) == {"name": "live", "description": "both", "routing": {v1: 10, v2: 90}}

    # terraform destroy, until each is gone
    states.delete_state_machine_alias(stateMachineAliasArn=alias)
    with refused("ResourceNotFound", 400):
        states.describe_state_machine_alias(stateMachineAliasArn=alias)
    states.delete_activity(activityArn=activity)
    with refused("ActivityDoesNotExist", 400):
        states.describe_activity(activityArn=activity)
    states.delete_state_machine(stateMachineArn=arn)
    describe = lambda: states.describe_state_machine(stateMachineArn=arn)  # noqa: E731
    wait_until(lambda: gone(describe, states.exceptions.StateMachineDoesNotExist), "the machine to be gone")
    with refused("ResourceNotFound", 400):
        states.list_tags_for_resource(resourceArn=arn)


def test_a_machine_can_be_destroyed_with_its_alias_still_there(states):
    made = states.create_state_machine(name="tf", definition=definition(), roleArn=ROLE, publish=True)
    arn, version = made["stateMachineArn"], made["stateMachineVersionArn"]
    alias = states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}]
    )["stateMachineAliasArn"]
    states.delete_state_machine(stateMachineArn=arn)
    describe = lambda: states.describe_state_machine(stateMachineArn=arn)  # noqa: E731
    wait_until(lambda: gone(describe, states.exceptions.StateMachineDoesNotExist), "the machine to be gone")
    with pytest.raises(states.exceptions.ResourceNotFound):
        states.describe_state_machine_alias(stateMachineAliasArn=alias)
