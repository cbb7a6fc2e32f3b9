"""Pages and their tokens."""

from support.clients import client
from support.refusals import refused
from support.waiting import wait_until

from .conftest import WAITS, create


def pages(call, key, **arguments):
    """Every page that the token of the one before leads to."""
    page = call(**arguments)
    yield page[key]
    while "nextToken" in page:
        page = call(**arguments, nextToken=page["nextToken"])
        yield page[key]


def invalid(call, **arguments):
    with refused("InvalidToken", 400) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Message"] == "Invalid Token: 'Invalid token'"


def test_every_item_is_on_one_page(states):
    machines = [create(states, f"m{i}", WAITS) for i in range(5)]
    seen = [m["stateMachineArn"] for page in pages(states.list_state_machines, "stateMachines", maxResults=2) for m in page]
    assert seen == machines
    started = [states.start_execution(stateMachineArn=machines[0])["executionArn"] for _ in range(5)]
    arguments = {"stateMachineArn": machines[0], "maxResults": 2}
    seen = [e["executionArn"] for page in pages(states.list_executions, "executions", **arguments) for e in page]
    assert sorted(seen) == sorted(started)
    paginator = states.get_paginator("list_executions")
    assert len(paginator.paginate(stateMachineArn=machines[0]).build_full_result()["executions"]) == 5


def test_tokens_survive_a_crash(start_newel, account):
    newel = start_newel()
    states = client("stepfunctions", newel.http, access_key=account)
    machine = create(states)
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    wait_until(lambda: states.describe_execution(executionArn=arn)["status"] == "SUCCEEDED", "the execution to end")
    other = create(states, "other")
    machines = states.list_state_machines(maxResults=1)
    events = states.get_execution_history(executionArn=arn, maxResults=3)

    newel.crash_and_restart()
    states = client("stepfunctions", newel.http, access_key=account)
    rest = states.list_state_machines(nextToken=machines["nextToken"])
    assert [m["stateMachineArn"] for m in rest["stateMachines"]] == [other]
    rest = states.get_execution_history(executionArn=arn, nextToken=events["nextToken"])
    assert [event["id"] for event in rest["events"]] == [4]


def test_a_token_is_good_for_its_list_only(states, endpoint):
    machines = [create(states, f"m{i}", WAITS) for i in range(2)]
    for _ in range(2):
        states.start_execution(stateMachineArn=machines[0])
    list_token = states.list_state_machines(maxResults=1)["nextToken"]
    executions_token = states.list_executions(stateMachineArn=machines[0], maxResults=1)["nextToken"]

    invalid(states.list_state_machines, nextToken="forged")
    invalid(states.list_state_machines, nextToken=executions_token)
    invalid(states.list_executions, stateMachineArn=machines[0], nextToken=list_token)
    invalid(states.list_executions, stateMachineArn=machines[1], nextToken=executions_token)
    invalid(states.list_executions, stateMachineArn=machines[0], statusFilter="RUNNING", nextToken=executions_token)
    flipped = list_token[:10] + ("B" if list_token[10] != "B" else "C") + list_token[11:]
    invalid(states.list_state_machines, nextToken=flipped)
    stranger = client("stepfunctions", endpoint, access_key="999999999999")
    invalid(stranger.list_state_machines, nextToken=list_token)


def test_a_token_is_not_too_long(states):
    with refused("ValidationException", 400) as caught:
        states.list_state_machines(nextToken="x" * 1_025)
    assert caught.value.response["Error"]["Message"].endswith(
        "at 'nextToken' failed to satisfy constraint: Member must have length less than or equal to 1024"
    )
