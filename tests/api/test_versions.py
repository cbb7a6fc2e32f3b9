"""Versions of state machines by boto3."""

from support.clients import client
from support.refusals import refused
from support.waiting import wait_until

from .conftest import ROLE, WAITS, closed, create, definition


def text(comment: str) -> str:
    return definition(Comment=comment)


def listed(states, arn: str) -> list[str]:
    versions = states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    return [version["stateMachineVersionArn"] for version in versions]


def test_versions_are_published_described_listed_and_deleted(states):
    made = states.create_state_machine(
        name="m", definition=text("1"), roleArn=ROLE, publish=True, versionDescription="the first"
    )
    arn, first = made["stateMachineArn"], made["stateMachineVersionArn"]
    assert first == f"{arn}:1"
    described = states.describe_state_machine(stateMachineArn=first)
    assert (described["stateMachineArn"], described["description"]) == (first, "the first")
    assert "revisionId" not in described

    assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == first
    same = states.update_state_machine(stateMachineArn=arn, definition=text("1"), publish=True)
    assert same["stateMachineVersionArn"] == first and "revisionId" not in same

    updated = states.update_state_machine(stateMachineArn=arn, definition=text("2"))
    assert "stateMachineVersionArn" not in updated
    with refused("ConflictException", 400) as caught:
        states.publish_state_machine_version(stateMachineArn=arn, revisionId="INITIAL")
    assert caught.value.response["Error"]["Message"] == (
        "Failed to publish the State Machine version for revision INITIAL. "
        f"The current State Machine revision is {updated['revisionId']}."
    )
    second = states.publish_state_machine_version(
        stateMachineArn=arn, revisionId=updated["revisionId"], description="the second"
    )["stateMachineVersionArn"]
    described = states.describe_state_machine(stateMachineArn=second)
    assert (described["revisionId"], described["description"]) == (updated["revisionId"], "the second")
    assert listed(states, arn) == [second, first]
    page = states.list_state_machine_versions(stateMachineArn=arn, maxResults=1)
    rest = states.list_state_machine_versions(stateMachineArn=arn, nextToken=page["nextToken"])
    assert [v["stateMachineVersionArn"] for v in rest["stateMachineVersions"]] == [first]

    for _ in range(2):
        states.delete_state_machine_version(stateMachineVersionArn=second)
    third = states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    assert third == f"{arn}:3"
    with refused("StateMachineDoesNotExist", 400):
        states.describe_state_machine(stateMachineArn=second)


def test_a_version_runs_its_revision(states):
    made = states.create_state_machine(name="m", definition=text("1"), roleArn=ROLE, publish=True)
    arn, version = made["stateMachineArn"], made["stateMachineVersionArn"]
    states.update_state_machine(stateMachineArn=arn, definition=text("2"))
    plain = states.start_execution(stateMachineArn=arn)["executionArn"]
    execution = states.start_execution(stateMachineArn=version)["executionArn"]
    assert execution.startswith(arn.replace(":stateMachine:", ":execution:") + ":")
    described = closed(states, execution)
    assert described["stateMachineVersionArn"] == version and described["stateMachineArn"] == arn
    assert "stateMachineAliasArn" not in described
    assert "stateMachineVersionArn" not in closed(states, plain)
    ran = states.describe_state_machine_for_execution(executionArn=execution)
    assert (ran["definition"], ran["stateMachineArn"]) == (text("1"), arn)
    started = states.get_execution_history(executionArn=execution)["events"][0]
    assert started["executionStartedEventDetails"]["stateMachineVersionArn"] == version
    executions = states.list_executions(stateMachineArn=version)["executions"]
    assert [(e["executionArn"], e["stateMachineVersionArn"]) for e in executions] == [(execution, version)]
    assert len(states.list_executions(stateMachineArn=arn)["executions"]) == 2


def test_what_is_no_version_is_refused(states):
    arn = create(states)
    message = "Version description can only be set when publish is true"
    with refused("ValidationException", 400) as caught:
        states.update_state_machine(stateMachineArn=arn, definition=WAITS, versionDescription="d")
    assert caught.value.response["Error"]["Message"] == message
    for call in (states.publish_state_machine_version, states.delete_state_machine):
        with refused("ValidationException", 400):
            call(stateMachineArn=f"{arn}:1")
    with refused("ValidationException", 400):
        states.delete_state_machine_version(stateMachineVersionArn=arn)
    with refused("StateMachineDoesNotExist", 400):
        states.publish_state_machine_version(stateMachineArn=f"{arn}-unknown")
    with refused("InvalidArn", 400):
        states.list_state_machine_versions(stateMachineArn="arn")


def test_a_machine_takes_its_versions_along(states):
    made = states.create_state_machine(name="m", definition=text("1"), roleArn=ROLE, publish=True)
    arn = made["stateMachineArn"]
    states.delete_state_machine(stateMachineArn=arn)

    def again():
        try:
            return states.create_state_machine(name="m", definition=text("2"), roleArn=ROLE)
        except states.exceptions.StateMachineDeleting:
            return None

    wait_until(again, "the machine to be gone")
    assert listed(states, arn) == []
    assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == f"{arn}:1"


def test_versions_and_aliases_survive_kill_9(start_newel, account):
    newel = start_newel()
    states = client("stepfunctions", newel.http, access_key=account)
    made = states.create_state_machine(name="m", definition=WAITS, roleArn=ROLE, publish=True)
    arn, first = made["stateMachineArn"], made["stateMachineVersionArn"]
    second = states.update_state_machine(stateMachineArn=arn, definition=text("2"), publish=True)["stateMachineVersionArn"]
    route = [{"stateMachineVersionArn": first, "weight": 100}]
    alias = states.create_state_machine_alias(name="PROD", routingConfiguration=route)["stateMachineAliasArn"]
    execution = states.start_execution(stateMachineArn=alias, name="e")["executionArn"]
    states.delete_state_machine_version(stateMachineVersionArn=second)
    newel.crash_and_restart()
    states = client("stepfunctions", newel.http, access_key=account)
    assert listed(states, arn) == [first]
    assert states.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == route
    described = states.describe_execution(executionArn=execution)
    assert (described["stateMachineVersionArn"], described["stateMachineAliasArn"]) == (first, alias)
    assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == f"{arn}:3"
