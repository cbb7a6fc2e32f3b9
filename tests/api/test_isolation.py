"""What belongs to another account or region does not exist."""

import pytest
from support.clients import client
from support.refusals import refused

from .conftest import WAITS, closed, create


@pytest.mark.parametrize("other", [{"access_key": "999999999998"}, {"region": "eu-west-1"}], ids=["account", "region"])
def test_a_stranger_finds_nothing_and_changes_nothing(states, endpoint, account, other):
    stranger = client("stepfunctions", endpoint, **{"access_key": account} | other)
    machine = create(states, text=WAITS)
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    no_machine = f"State Machine Does Not Exist: '{machine}'"
    no_execution = f"Execution Does Not Exist: '{execution}'"
    for code, message, call, arguments in [
        ("StateMachineDoesNotExist", no_machine, "describe_state_machine", {"stateMachineArn": machine}),
        ("StateMachineDoesNotExist", no_machine, "start_execution", {"stateMachineArn": machine}),
        ("StateMachineDoesNotExist", no_machine, "list_executions", {"stateMachineArn": machine}),
        ("StateMachineDoesNotExist", no_machine, "update_state_machine", {"stateMachineArn": machine, "definition": WAITS}),
        ("ExecutionDoesNotExist", no_execution, "describe_execution", {"executionArn": execution}),
        ("ExecutionDoesNotExist", no_execution, "get_execution_history", {"executionArn": execution}),
        ("ExecutionDoesNotExist", no_execution, "stop_execution", {"executionArn": execution}),
        ("ResourceNotFound", None, "list_tags_for_resource", {"resourceArn": machine}),
        ("ResourceNotFound", None, "untag_resource", {"resourceArn": machine, "tagKeys": ["a"]}),
    ]:
        with refused(code, 400) as caught:
            getattr(stranger, call)(**arguments)
        if message:
            assert caught.value.response["Error"]["Message"] == message, call
    # To whoever deletes, what isn't there is gone.
    activity = states.create_activity(name="a")["activityArn"]
    version = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    stranger.delete_state_machine(stateMachineArn=machine)
    stranger.delete_state_machine_version(stateMachineVersionArn=version)
    stranger.delete_activity(activityArn=activity)
    assert stranger.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"] == []
    assert states.describe_activity(activityArn=activity)["name"] == "a"
    assert states.describe_state_machine(stateMachineArn=version)["stateMachineArn"] == version
    assert machine not in [m["stateMachineArn"] for m in stranger.list_state_machines()["stateMachines"]]

    assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    assert states.describe_state_machine(stateMachineArn=machine)["status"] == "ACTIVE"
    states.stop_execution(executionArn=execution)
    assert closed(states, execution)["status"] == "ABORTED"


def test_the_same_name_in_two_accounts_is_two_machines(states, endpoint):
    stranger = client("stepfunctions", endpoint, access_key="999999999997")
    assert create(states, "shared") != create(stranger, "shared")
