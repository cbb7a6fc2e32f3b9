"""Containers: Batch, ECS, and what EKS makes and deletes."""

from e2e.kinds.common import AT, LATER_MILLIS, MILLIS, ROLE
from support.life_cycles import GONE, Kind

CONTAINER = {"environment": [{"name": "A", "value": "MARK"}, {"name": "MANAGED_BY_AWS", "value": "STARTED_BY_STEP_FUNCTIONS"}]}
BATCH_JOB = {
    "jobName": "MARK",
    "jobId": "id-MARK",
    "jobQueue": "q",
    "status": "STATE",
    "startedAt": MILLIS,
    "jobDefinition": "d",
    "container": {"exitCode": 1},
    "parameters": {"aKey": "v"},
    "tags": {},
}
BATCH = Kind(
    resource="batch:submitJob",
    service="batch",
    parameters={
        "JobName": "MARK",
        "JobQueue": "q",
        "JobDefinition": "d",
        "Parameters": {"aKey": "v"},
        "ContainerOverrides": {"Environment": [{"Name": "A", "Value": "MARK"}]},
        "Tags": {"mine": "v"},
    },
    start=(
        "SubmitJob",
        {
            "jobName": "MARK",
            "jobQueue": "q",
            "jobDefinition": "d",
            "parameters": {"aKey": "v"},
            "containerOverrides": CONTAINER,
            "tags": {"mine": "v"},
        },
    ),
    marker=("tags", "newel:attempt"),
    find=(
        "ListJobs",
        {"jobQueue": "q", "filters": [{"name": "JOB_NAME", "values": ["MARK"]}], "maxResults": 100},
        {"jobSummaryList": [{"jobId": "id-MARK", "jobName": "MARK", "createdAt": LATER_MILLIS}]},
    ),
    answer={"jobArn": "arn:j", "jobName": "MARK", "jobId": "id-MARK"},
    submitted={"JobArn": "arn:j", "JobName": "MARK", "JobId": "id-MARK"},
    describe=("DescribeJobs", {"jobs": ["id-MARK"]}),
    job={"jobs": [BATCH_JOB]},
    several=("DescribeJobs", {"jobs": [BATCH_JOB]}),
    running=("RUNNABLE", "RUNNING"),
    succeeds="SUCCEEDED",
    fails="FAILED",
    result={
        "JobName": "MARK",
        "JobId": "id-MARK",
        "JobQueue": "q",
        "Status": "STATE",
        "StartedAt": MILLIS,
        "JobDefinition": "d",
        "Container": {"ExitCode": 1},
        "Parameters": {"aKey": "v"},
        "Tags": {"mine": "v"},
    },
    stop=("TerminateJob", {"jobId": "id-MARK", "reason": "Step Functions execution stopped"}, {}),
    throttle="TooManyRequestsException",
)

CLUSTER_ARN = "arn:aws:ecs:us-east-1:123456789012:cluster/c"
TASK_ARN = "arn:aws:ecs:us-east-1:123456789012:task/c/MARK"


def ecs_task(moment: float | int) -> dict:
    return {"taskArn": TASK_ARN, "clusterArn": CLUSTER_ARN, "lastStatus": "STATE", "stopCode": "DETAIL", "createdAt": moment}


ECS = Kind(
    resource="ecs:runTask",
    service="ecs",
    parameters={
        "Cluster": "c",
        "TaskDefinition": "d",
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["s"], "AssignPublicIp": "ENABLED"}},
        "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": [{"Name": "A", "Value": "MARK"}]}]},
    },
    start=(
        "RunTask",
        {
            "cluster": "c",
            "taskDefinition": "d",
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "ENABLED"}},
            "overrides": {"containerOverrides": [{"name": "main", "environment": [{"name": "A", "value": "MARK"}]}]},
            "startedBy": "AWS Step Functions",
        },
    ),
    token="clientToken",
    answer={"tasks": [{"taskArn": TASK_ARN, "clusterArn": CLUSTER_ARN, "createdAt": AT}], "failures": []},
    submitted={"Tasks": [{"TaskArn": TASK_ARN, "ClusterArn": CLUSTER_ARN, "CreatedAt": MILLIS}], "Failures": []},
    describe=("DescribeTasks", {"cluster": CLUSTER_ARN, "tasks": [TASK_ARN]}),
    job={"tasks": [{**ecs_task(AT), "containers": [{"name": "main", "exitCode": 0}]}]},
    several=("DescribeTasks", {"tasks": [{**ecs_task(AT), "containers": [{"name": "main", "exitCode": 0}]}]}),
    running=("PENDING/UserInitiated", "RUNNING/UserInitiated"),
    succeeds="STOPPED/EssentialContainerExited",
    fails="STOPPED/TaskFailedToStart",
    result={
        "TaskArn": TASK_ARN,
        "ClusterArn": CLUSTER_ARN,
        "LastStatus": "STATE",
        "StopCode": "DETAIL",
        "CreatedAt": MILLIS,
        "Containers": [{"Name": "main", "ExitCode": 0}],
    },
    stop=("StopTask", {"cluster": CLUSTER_ARN, "task": TASK_ARN, "reason": "Step Functions execution stopped"}, {}),
)

# --- EKS: what is made or deleted, under the name that it is given


def eks(what: str, member: str, names: dict, more: dict, wire_more: dict, failed: str) -> list[Kind]:
    """Creating and deleting a thing of EKS's; `names` by their wire names, `more` as in parameters and on the wire."""

    def pascal(name: str) -> str:
        return name[0].upper() + name[1:]

    given_names = {pascal(name): value for name, value in names.items()}

    def shown(state: str) -> dict:
        return {member: {**names, "status": state, "createdAt": AT, "tags": {"aKey": "v"}}}

    def given(state: str) -> dict:
        return {what: {**given_names, "Status": state, "CreatedAt": MILLIS, "Tags": {"aKey": "v"}}}

    shared = {"service": "eks", "describe": (f"Describe{what}", names), "job": shown("STATE"), "result": given("STATE")}
    created = Kind(
        resource=f"eks:create{what}",
        parameters={**given_names, **more},
        start=(f"Create{what}", {**names, **wire_more}),
        token="clientRequestToken",
        answer=shown("CREATING"),
        submitted=given("CREATING"),
        running=("CREATING", "CREATING"),
        succeeds="ACTIVE",
        fails=failed.replace("DELETE", "CREATE"),
        **shared,
    )
    deleted = Kind(
        resource=f"eks:delete{what}",
        parameters=given_names,
        start=(f"Delete{what}", names),
        answer=shown("DELETING"),
        submitted=given("DELETING"),
        running=("DELETING", "DELETING"),
        succeeds=GONE,
        fails=failed,
        gone=("ResourceNotFoundException", {what: given_names}),
        **shared,
    )
    return [created, deleted]


EKS = [
    *eks(
        "Cluster",
        "cluster",
        {"name": "c-MARK"},
        {"RoleArn": ROLE, "ResourcesVpcConfig": {"SubnetIds": ["s"]}},
        {"roleArn": ROLE, "resourcesVpcConfig": {"subnetIds": ["s"]}},
        "FAILED",
    ),
    *eks(
        "Nodegroup",
        "nodegroup",
        {"clusterName": "c", "nodegroupName": "n-MARK"},
        {"Subnets": ["s"], "NodeRole": ROLE, "Labels": {"aKey": "v"}},
        {"subnets": ["s"], "nodeRole": ROLE, "labels": {"aKey": "v"}},
        "DELETE_FAILED",
    ),
    *eks(
        "FargateProfile",
        "fargateProfile",
        {"clusterName": "c", "fargateProfileName": "f-MARK"},
        {"PodExecutionRoleArn": ROLE, "Selectors": [{"Namespace": "default"}]},
        {"podExecutionRoleArn": ROLE, "selectors": [{"namespace": "default"}]},
        "DELETE_FAILED",
    ),
]
