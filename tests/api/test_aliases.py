"""Aliases of state machines by boto3."""

import pytest
from support.refusals import refused

from .conftest import ROLE, WAITS, closed, definition


@pytest.fixture
def versions(states) -> list[str]:
    """The ARNs of two versions of a machine, the first of one state that waits, the second of one that passes."""
    made = states.create_state_machine(name="m", definition=WAITS, roleArn=ROLE, publish=True)
    second = states.update_state_machine(stateMachineArn=made["stateMachineArn"], definition=definition(), publish=True)
    return [made["stateMachineVersionArn"], second["stateMachineVersionArn"]]


def routes(*weighted: tuple[str, int]) -> list[dict]:
    return [{"stateMachineVersionArn": arn, "weight": weight} for arn, weight in weighted]


def test_aliases_are_created_changed_described_listed_and_deleted(states, versions):
    first, second = versions
    machine = first.rpartition(":")[0]
    arguments = {"name": "PROD", "description": "d", "routingConfiguration": routes((first, 100))}
    alias = states.create_state_machine_alias(**arguments)["stateMachineAliasArn"]
    assert alias == f"{machine}:PROD"
    assert states.create_state_machine_alias(**arguments)["stateMachineAliasArn"] == alias
    with refused("ConflictException", 400) as caught:
        states.create_state_machine_alias(**arguments | {"description": "another"})
    assert caught.value.response["Error"]["Message"] == (
        "Failed to create alias because an alias with the same name and a different routing configuration already exists."
    )
    states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes((first, 1), (second, 99)))
    described = states.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert (described["name"], described["description"]) == ("PROD", "d")
    assert described["routingConfiguration"] == routes((first, 1), (second, 99))
    assert described["updateDate"] >= described["creationDate"]

    with refused("ConflictException", 400) as caught:
        states.delete_state_machine_version(stateMachineVersionArn=first)
    assert caught.value.response["Error"]["Message"] == (
        "Version to be deleted must not be referenced by an alias. "
        "Current list of aliases referencing this version: [PROD]"
    )
    other = states.create_state_machine_alias(name="TEST", routingConfiguration=routes((second, 100)))
    page = states.list_state_machine_aliases(stateMachineArn=machine, maxResults=1)
    rest = states.list_state_machine_aliases(stateMachineArn=machine, nextToken=page["nextToken"])
    both = page["stateMachineAliases"] + rest["stateMachineAliases"]
    assert [a["stateMachineAliasArn"] for a in both] == [alias, other["stateMachineAliasArn"]]
    of_first = states.list_state_machine_aliases(stateMachineArn=first)["stateMachineAliases"]
    assert [a["stateMachineAliasArn"] for a in of_first] == [alias]

    states.delete_state_machine_alias(stateMachineAliasArn=alias)
    with refused("ResourceNotFound", 400) as caught:
        states.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert caught.value.response["Error"]["Message"] == "Request references a resource that does not exist."
    states.delete_state_machine_version(stateMachineVersionArn=first)


def test_executions_are_shared_out_by_weight_and_keep_what_was_drawn(states, versions):
    _, second = versions
    alias = states.create_state_machine_alias(
        name="PROD", routingConfiguration=routes((versions[0], 50), (second, 50))
    )["stateMachineAliasArn"]
    executions = [states.start_execution(stateMachineArn=alias, name=f"e{n}")["executionArn"] for n in range(40)]
    described = [states.describe_execution(executionArn=arn) for arn in executions]
    assert {execution["stateMachineAliasArn"] for execution in described} == {alias}
    drawn = [execution["stateMachineVersionArn"] for execution in described]
    # One chance in 2^39 that a fair draw takes only one of them.
    assert set(drawn) == set(versions)
    open_ones = [(n, arn) for n, arn in enumerate(executions) if drawn[n] == versions[0]]
    for n, arn in open_ones:
        assert states.start_execution(stateMachineArn=alias, name=f"e{n}")["executionArn"] == arn
        assert states.describe_execution(executionArn=arn)["stateMachineVersionArn"] == versions[0]
    for n, arn in enumerate(executions):
        if drawn[n] == second:
            assert closed(states, arn)["status"] == "SUCCEEDED"
    started = states.get_execution_history(executionArn=executions[0])["events"][0]["executionStartedEventDetails"]
    assert (started["stateMachineAliasArn"], started["stateMachineVersionArn"]) == (alias, drawn[0])
    listed = [e for page in pages(states, alias) for e in page]
    assert sorted(e["executionArn"] for e in listed) == sorted(executions)
    assert {e["stateMachineAliasArn"] for e in listed} == {alias}


def pages(states, arn: str):
    arguments = {"stateMachineArn": arn, "maxResults": 7}
    while True:
        page = states.list_executions(**arguments)
        yield page["executions"]
        if "nextToken" not in page:
            return
        arguments["nextToken"] = page["nextToken"]


def test_bad_aliases_are_refused_in_the_words_of_aws(states, versions):
    first, second = versions
    machine = first.rpartition(":")[0]
    # What the model's table refuses has no reason that programs can read; what the routes mean has.
    reasons = [*["INVALID_ROUTING_CONFIGURATION"] * 3, None]
    for reason, (routing, message) in zip(reasons, [
        (routes((first, 70), (second, 29)), "Sum of routing configuration weights must equal 100. Received: [70, 29]"),
        (
            routes((machine, 70), (second, 30)),
            f"Routing configuration must contain state machine version ARNs. Received: [{machine}, {second}]",
        ),
        (
            routes((first, 50), (first, 50)),
            f"Routing configuration must contain distinct state machine version ARNs. Received: [{first}, {first}]",
        ),
        (
            routes((first, 101)),
            "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy "
            "constraint: Member must have value less than or equal to 100",
        ),
    ]):
        with refused("ValidationException", 400) as caught:
            states.create_state_machine_alias(name="a", routingConfiguration=routing)
        assert caught.value.response["Error"]["Message"] == message
        assert caught.value.response.get("reason") == reason
    with refused("ValidationException", 400) as caught:
        states.create_state_machine_alias(name="12", routingConfiguration=routes((first, 100)))
    assert caught.value.response["Error"]["Message"] == (
        "1 validation error detected: Value '12' at 'name' failed to satisfy constraint: Member must satisfy regular "
        r"expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"
    )
    with refused("ResourceNotFound", 400) as caught:
        states.create_state_machine_alias(name="a", routingConfiguration=routes((f"{machine}:9", 100)))
    assert caught.value.response["Error"]["Message"] == "Request references a resource that does not exist."
    with refused("StateMachineDoesNotExist", 400):
        states.start_execution(stateMachineArn=f"{machine}:PROD")
