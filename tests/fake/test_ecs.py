"""boto3 drives the fake's ECS."""

import pytest
from support.refusals import refused

ARN = "arn:aws:ecs:us-east-1:000000000000"


def run(ecs, **more):
    return ecs.run_task(**{"cluster": "main", "taskDefinition": "job", "launchType": "FARGATE", **more})


def described(ecs, arn, **more):
    [task] = ecs.describe_tasks(cluster="main", tasks=[arn], **more)["tasks"]
    return task


def test_a_task_leads_its_usual_life(aws_fake, ecs):
    aws_fake.freeze()
    answer = run(ecs)
    assert answer["failures"] == []
    arn = answer["tasks"][0]["taskArn"]
    assert arn.startswith(f"{ARN}:task/main/")
    seen = []
    for _ in range(12):
        task = described(ecs, arn)
        pair = (task["lastStatus"], task["desiredStatus"])
        seen += [] if seen[-1:] == [pair] else [pair]
        aws_fake.advance(0.1)
    statuses = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]
    assert seen == [(s, "RUNNING") for s in statuses] + [("DEPROVISIONING", "STOPPED"), ("STOPPED", "STOPPED")]
    task = described(ecs, arn)
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 0)
    assert task["createdAt"] < task["startedAt"] < task["stoppingAt"] < task["stoppedAt"]


def test_a_described_task_carries_what_was_asked_for(ecs):
    overrides = {
        "cpu": "512",
        "containerOverrides": [
            {"name": "main", "command": ["x"], "environment": [{"name": "TOKEN", "value": "t"}]},
            {"name": "side"},
        ],
    }
    tags = [{"key": "k", "value": "v"}]
    [started] = run(ecs, overrides=overrides, tags=tags, startedBy="me", group="g")["tasks"]
    task = described(ecs, started["taskArn"])
    assert task["taskDefinitionArn"] == f"{ARN}:task-definition/job:1"
    assert task["clusterArn"] == f"{ARN}:cluster/main"
    assert [container["name"] for container in task["containers"]] == ["main", "side"]
    assert task["overrides"]["containerOverrides"] == overrides["containerOverrides"]
    assert (task["startedBy"], task["group"], task["launchType"]) == ("me", "g", "FARGATE")
    assert task["tags"] == []
    assert described(ecs, started["taskArn"], include=["TAGS"])["tags"] == tags


def test_a_script_makes_a_task_fail_as_told(aws_fake, ecs):
    aws_fake.freeze()
    stopped = {
        "status": "STOPPED",
        "after": 1,
        "with": {
            "stopCode": "TaskFailedToStart",
            "stoppedReason": "CannotPullContainerError",
            "containers": [{"exitCode": 9, "reason": "no image"}],
        },
    }
    aws_fake.script({"match": {"service": "ecs", "name": "job", "group": "main"}, "steps": [stopped]})
    arn = run(ecs, taskDefinition="job:7")["tasks"][0]["taskArn"]
    assert described(ecs, arn)["lastStatus"] == "PROVISIONING"
    aws_fake.advance(1)
    task = described(ecs, arn)
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    [container] = task["containers"]
    assert (container["exitCode"], container["reason"], container["name"]) == (9, "no image", "job")


def test_a_client_token_starts_once(ecs, aws_fake):
    first = run(ecs, clientToken="t-1", count=2)["tasks"]
    again = run(ecs, clientToken="t-1", count=2)["tasks"]
    assert [task["taskArn"] for task in again] == [task["taskArn"] for task in first]
    assert len(aws_fake.jobs(service="ecs")) == 2
    with refused("ConflictException", 400) as conflict:
        run(ecs, clientToken="t-1", count=1)
    assert conflict.value.response["resourceIds"] == [task["taskArn"] for task in first]
    assert run(ecs, clientToken="t-2", count=2)["tasks"][0]["taskArn"] != first[0]["taskArn"]
    assert len(aws_fake.jobs(service="ecs")) == 4


def test_a_client_token_counts_by_account_and_region(connect, aws_fake):
    for options in ({}, {"access_key": "111111111111"}, {"region": "eu-west-1"}):
        run(connect("ecs", **options), clientToken="same")
    assert len(aws_fake.jobs(service="ecs")) == 3
    assert {job["token"] for job in aws_fake.jobs(service="ecs")} == {"same"}


@pytest.mark.parametrize(
    "bad", [{"count": 0}, {"count": 11}, {"taskDefinition": ""}, {"clientToken": "x" * 65}]
)
def test_bad_runs_are_refused(ecs, bad):
    with refused("InvalidParameterException", 400):
        run(ecs, **bad)


def test_a_run_without_room_answers_failures(aws_fake, ecs):
    failure = {"arn": f"{ARN}:container-instance/i", "reason": "RESOURCE:MEMORY"}
    body = {"tasks": [], "failures": [failure]}
    aws_fake.fault({"match": {"operation": "RunTask"}, "kind": "answer", "body": body, "times": 1})
    answer = run(ecs)
    assert (answer["tasks"], answer["failures"]) == ([], [failure])
    assert aws_fake.jobs() == []


def test_tasks_are_described_by_cluster(ecs):
    arn = run(ecs)["tasks"][0]["taskArn"]
    task_id = arn.rsplit("/", 1)[1]
    assert described(ecs, task_id)["taskArn"] == arn
    answer = ecs.describe_tasks(cluster="other", tasks=[task_id, "f" * 32])
    assert answer["tasks"] == []
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING", "MISSING"]
    assert answer["failures"][0]["arn"] == f"{ARN}:task/other/{task_id}"


def test_a_hundred_tasks_are_described_at_once_and_no_more(ecs):
    arns = [task["taskArn"] for _ in range(10) for task in run(ecs, count=10)["tasks"]]
    assert [task["taskArn"] for task in ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]] == arns
    with refused("InvalidParameterException"):
        ecs.describe_tasks(cluster="main", tasks=[*arns, arns[0]])


def test_a_stopped_task_winds_down(aws_fake, ecs):
    aws_fake.freeze()
    arn = run(ecs)["tasks"][0]["taskArn"]
    aws_fake.advance(0.45)
    task = ecs.stop_task(cluster=f"{ARN}:cluster/main", task=arn, reason="no more")["task"]
    assert (task["lastStatus"], task["desiredStatus"]) == ("DEACTIVATING", "STOPPED")
    aws_fake.advance(1)
    task = described(ecs, arn)
    assert (task["lastStatus"], task["stopCode"], task["stoppedReason"]) == ("STOPPED", "UserInitiated", "no more")
    assert task["containers"][0]["exitCode"] == 143
    assert ecs.stop_task(cluster="main", task=arn)["task"]["stoppedReason"] == "no more"
    with refused("InvalidParameterException"):
        ecs.stop_task(cluster="main", task="f" * 32)


def test_tasks_are_listed_by_what_started_them(aws_fake, ecs):
    aws_fake.freeze()
    mine = [run(ecs, startedBy="me")["tasks"][0]["taskArn"] for _ in range(3)]
    other = run(ecs, startedBy="you", taskDefinition="other:2")["tasks"][0]["taskArn"]
    run(ecs, cluster="second")

    def listed(**arguments):
        pages = ecs.get_paginator("list_tasks").paginate(cluster="main", **arguments)
        return [arn for page in pages for arn in page["taskArns"]]

    assert listed(maxResults=1) == [other, *mine[::-1]]
    assert listed(startedBy="me", maxResults=2) == mine[::-1]
    assert listed(family="other") == [other]
    assert listed(desiredStatus="STOPPED") == []
    ecs.stop_task(cluster="main", task=other)
    assert listed(desiredStatus="STOPPED") == [other]
    assert listed(startedBy="you") == []
    with refused("InvalidParameterException"):
        ecs.list_tasks(cluster="main", nextToken="nonsense")


def test_the_default_cluster_needs_no_name(ecs):
    arn = ecs.run_task(taskDefinition="job")["tasks"][0]["taskArn"]
    assert ecs.list_tasks()["taskArns"] == [arn]
    assert ecs.describe_tasks(tasks=[arn])["tasks"][0]["clusterArn"] == f"{ARN}:cluster/default"
