"""Under whose identity a task's calls are made."""

import pytest
from support.executions import ROLE, failed, single, succeeded, task
from support.newel import Dev

BATCH = {"JobName": "nightly", "JobQueue": "fast", "JobDefinition": "etl"}
OTHER = "arn:aws:iam::222222222222:role/etl"


def work(role: str) -> dict:
    return single(task("batch:submitJob.sync", BATCH, Credentials={"RoleArn": role}))


def test_a_task_s_role_is_assumed_and_its_account_used(sfn, aws_fake):
    assert succeeded(sfn, work(OTHER))["Status"] == "SUCCEEDED"
    [job] = aws_fake.jobs(service="batch")
    assert (job["account"], job["role"]) == ("222222222222", OTHER)
    polls = aws_fake.calls(operation="DescribeJobs", account="222222222222")
    assert {line["role"] for line in polls} == {OTHER}, "polled under the same role"


def test_a_role_given_by_the_input(sfn, aws_fake):
    state = task("batch:submitJob.sync", BATCH, Credentials={"RoleArn.$": "$.role"})
    assert succeeded(sfn, single(state), {"role": OTHER})["Status"] == "SUCCEEDED"
    [job] = aws_fake.jobs(service="batch")
    assert job["role"] == OTHER


def test_a_role_that_may_not_be_assumed(sfn, aws_fake):
    denied = "arn:aws:iam::222222222222:role/denied"
    aws_fake.fault({"match": {"operation": "AssumeRole", "name": denied}, "kind": "denied"})
    error, cause = failed(sfn, work(denied))
    assert error == "States.TaskFailed"
    assert cause == f"The role {ROLE} is not authorized to assume the task state's role, {denied}."
    assert aws_fake.jobs(service="batch") == []


def test_accounts_have_machines_and_jobs_of_their_own(newel, aws_fake):
    for account in ("111111111111", "222222222222"):
        sfn = newel.client(account)
        assert succeeded(sfn, single(task("batch:submitJob", BATCH)))["JobName"] == "nightly"
        assert all(m["stateMachineArn"].split(":")[4] == account for m in sfn.list_state_machines()["stateMachines"])
        assert [job["account"] for job in aws_fake.jobs(account=account)] == [account]


@pytest.fixture
def strict(aws_fake, tmp_path):
    """A Newel whose calls are made under the machine's role, and only under roles that are allowed."""
    allowed = '{ "000000000000" = ["arn:aws:iam::000000000000:role/*", "arn:aws:iam::222222222222:role/etl"] }'
    config = {
        "worker.poll": {"young_millis": 300},
        "worker.aws": {"assume_role": "always", "allowed_roles": allowed},
    }
    with Dev(tmp_path, aws_fake.url, config) as dev:
        yield dev.client()


def test_a_machine_s_role_is_assumed_where_it_always_is(strict, aws_fake):
    assert succeeded(strict, single(task("batch:submitJob.sync", BATCH)))["Status"] == "SUCCEEDED"
    [job] = aws_fake.jobs(service="batch")
    assert job["role"] == ROLE
    assert succeeded(strict, work(OTHER))["Status"] == "SUCCEEDED"
    assumed = {line["role"] for line in aws_fake.calls(operation="AssumeRole")}
    assert assumed == {"", ROLE}, "the task's role is assumed from the machine's"


def test_a_machine_s_role_that_may_not_be_assumed(strict, aws_fake):
    aws_fake.fault({"match": {"operation": "AssumeRole", "name": ROLE}, "kind": "denied"})
    error, cause = failed(strict, single(task("batch:submitJob", BATCH)))
    assert error == "States.TaskFailed" and ROLE in cause, cause
    assert aws_fake.jobs(service="batch") == []


def test_a_role_outside_the_list_is_refused_before_anybody_is_asked(strict, aws_fake):
    stranger = "arn:aws:iam::222222222222:role/stranger"
    error, cause = failed(strict, work(stranger))
    assert error == "States.TaskFailed" and stranger in cause, cause
    assert aws_fake.calls() == []
