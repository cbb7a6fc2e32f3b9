"""EMR, EMR on EKS and EMR Serverless."""

from e2e.kinds.common import AT, MILLIS, ROLE
from support.life_cycles import Kind, together

def cluster(moment: float | int) -> dict:
    return {"Id": "j-MARK", "Name": "MARK", "Status": {"State": "STATE", "Timeline": {"CreationDateTime": moment}}}


CREATE_CLUSTER = Kind(
    resource="elasticmapreduce:createCluster",
    service="emr",
    parameters={"Name": "MARK", "Instances": {"KeepJobFlowAliveWhenNoSteps": True, "InstanceCount": 1}},
    start=("RunJobFlow", {"Name": "MARK", "Instances": {"KeepJobFlowAliveWhenNoSteps": True, "InstanceCount": 1}}),
    answer={"JobFlowId": "j-MARK", "ClusterArn": "arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/j-MARK"},
    submitted={"ClusterId": "j-MARK", "ClusterArn": "arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/j-MARK"},
    describe=("DescribeCluster", {"ClusterId": "j-MARK"}),
    job={"Cluster": cluster(AT)},
    running=("STARTING", "RUNNING"),
    succeeds="WAITING",
    fails="TERMINATED_WITH_ERRORS",
    result={"Cluster": cluster(MILLIS), "ClusterId": "j-MARK"},
)
TERMINATE_CLUSTER = Kind(
    resource="elasticmapreduce:terminateCluster",
    service="emr",
    parameters={"ClusterId": "j-MARK"},
    start=("TerminateJobFlows", {"JobFlowIds": ["j-MARK"]}),
    answer={},
    submitted={},
    describe=("DescribeCluster", {"ClusterId": "j-MARK"}),
    job={"Cluster": cluster(AT)},
    running=("WAITING", "TERMINATING"),
    succeeds="TERMINATED",
    fails="TERMINATED_WITH_ERRORS",
    result={"Cluster": cluster(MILLIS)},
    again=True,
)
STEP = {"Name": "n", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["a"]}}
ADD_STEP = Kind(
    resource="elasticmapreduce:addStep",
    service="emr",
    parameters={"ClusterId": "j-1", "Step": {**STEP, "Name": "MARK"}, "ExecutionRoleArn": ROLE},
    start=("AddJobFlowSteps", {"JobFlowId": "j-1", "Steps": [{**STEP, "Name": "MARK"}], "ExecutionRoleArn": ROLE}),
    answer={"StepIds": ["s-MARK"]},
    submitted={"StepId": "s-MARK"},
    describe=("DescribeStep", {"ClusterId": "j-1", "StepId": "s-MARK"}),
    job={"Step": {"Id": "s-MARK", "Status": {"State": "STATE", "Timeline": {"CreationDateTime": AT}}}},
    running=("PENDING", "RUNNING"),
    succeeds="COMPLETED",
    fails="INTERRUPTED",
    result={"Step": {"Id": "s-MARK", "Status": {"State": "STATE", "Timeline": {"CreationDateTime": MILLIS}}}},
    several=("ListSteps", {"Steps": [{"Id": "s-MARK", "Status": {"State": "STATE"}}]}),
    stop=("CancelSteps", {"ClusterId": "j-1", "StepIds": ["s-MARK"]}, {"CancelStepsInfoList": [{"Status": "SUBMITTED"}]}),
)

# --- EMR on EKS

DELETE_VIRTUAL_CLUSTER = Kind(
    resource="emr-containers:deleteVirtualCluster",
    service="emr-containers",
    parameters={"Id": "v-MARK"},
    start=("DeleteVirtualCluster", {"id": "v-MARK"}),
    answer={"id": "v-MARK"},
    submitted={"Id": "v-MARK"},
    describe=("DescribeVirtualCluster", {"id": "v-MARK"}),
    job={"virtualCluster": {"id": "v-MARK", "state": "STATE", "createdAt": AT}},
    running=("TERMINATING", "TERMINATING"),
    succeeds="TERMINATED",
    fails="ARRESTED",
    result={"VirtualCluster": {"Id": "v-MARK", "State": "STATE", "CreatedAt": MILLIS}},
)
RUN_ON_EKS_ARN = "arn:aws:emr-containers:us-east-1:123456789012:/virtualclusters/v-MARK/jobruns/r-MARK"
RUN_ON_EKS = {"virtualClusterId": "v-MARK", "name": "MARK", "executionRoleArn": ROLE, "releaseLabel": "emr-6.3.0-latest"}
START_ON_EKS = Kind(
    resource="emr-containers:startJobRun",
    service="emr-containers",
    parameters={
        "VirtualClusterId": "v-MARK",
        "Name": "MARK",
        "ExecutionRoleArn": ROLE,
        "ReleaseLabel": "emr-6.3.0-latest",
        "JobDriver": {"SparkSubmitJobDriver": {"EntryPoint": "s3://b/main.py"}},
        "Tags": {"aKey": "v"},
    },
    start=(
        "StartJobRun",
        {**RUN_ON_EKS, "jobDriver": {"sparkSubmitJobDriver": {"entryPoint": "s3://b/main.py"}}, "tags": {"aKey": "v"}},
    ),
    token="clientToken",
    answer={"id": "r-MARK", "name": "MARK", "arn": RUN_ON_EKS_ARN, "virtualClusterId": "v-MARK"},
    submitted={"Id": "r-MARK", "Name": "MARK", "Arn": RUN_ON_EKS_ARN, "VirtualClusterId": "v-MARK"},
    describe=("DescribeJobRun", {"id": "r-MARK", "virtualClusterId": "v-MARK"}),
    job={"jobRun": {"id": "r-MARK", "virtualClusterId": "v-MARK", "state": "STATE", "createdAt": AT}},
    running=("SUBMITTED", "RUNNING"),
    succeeds="COMPLETED",
    fails="FAILED",
    result={"JobRun": {"Id": "r-MARK", "VirtualClusterId": "v-MARK", "State": "STATE", "CreatedAt": MILLIS}},
    stop=("CancelJobRun", {"id": "r-MARK", "virtualClusterId": "v-MARK"}, {"id": "r-MARK"}),
)

ON_EKS_TOGETHER = together(
    START_ON_EKS,
    scope="v-MARK",
    word="v-shared",
    several=("ListJobRuns", {"jobRuns": [{"id": "r-MARK", "virtualClusterId": "v-shared", "state": "STATE"}]}),
)

# --- EMR Serverless

APPLICATION_ARN = "arn:aws:emr-serverless:us-east-1:123456789012:/applications/a-MARK"
BY_ID = {"applicationId": "a-MARK"}


def application(fails: str | None = "TERMINATED", **of_action) -> Kind:
    """An action on an application."""
    constant = {"arn": APPLICATION_ARN, "releaseLabel": "emr-7.0.0", "type": "SPARK", "state": "STATE"}
    return Kind(
        service="emr-serverless",
        describe=("GetApplication", BY_ID),
        job={"application": {**BY_ID, **constant, "createdAt": AT, "updatedAt": AT}},
        fails=fails,
        result={
            "Application": {
                "ApplicationId": "a-MARK",
                "Arn": APPLICATION_ARN,
                "ReleaseLabel": "emr-7.0.0",
                "Type": "SPARK",
                "State": "STATE",
                "CreatedAt": MILLIS,
                "UpdatedAt": MILLIS,
            }
        },
        **of_action,
    )


def changed(action: str, running: tuple, succeeds: str, **more) -> Kind:
    return application(
        resource=f"emr-serverless:{action}Application",
        parameters={"ApplicationId": "a-MARK"},
        start=(f"{action.capitalize()}Application", BY_ID),
        answer={},
        submitted={"ApplicationId": "a-MARK"},
        running=running,
        succeeds=succeeds,
        again=True,
        **more,
    )


CREATE_APPLICATION = application(
    resource="emr-serverless:createApplication",
    parameters={"Name": "MARK", "ReleaseLabel": "emr-7.0.0", "Type": "SPARK"},
    start=("CreateApplication", {"name": "MARK", "releaseLabel": "emr-7.0.0", "type": "SPARK"}),
    token="clientToken",
    answer={**BY_ID, "arn": APPLICATION_ARN},
    submitted={"ApplicationId": "a-MARK", "Arn": APPLICATION_ARN},
    running=("CREATING", "CREATING"),
    succeeds="CREATED",
    stop=("DeleteApplication", BY_ID, {}),
)

RUN_ARN = APPLICATION_ARN + "/jobruns/r-MARK"
RUN_ID = {"applicationId": "a-MARK", "jobRunId": "r-MARK"}
GIVEN_RUN_ID = {"ApplicationId": "a-MARK", "JobRunId": "r-MARK"}
SPARK = {"entryPoint": "s3://b/main.py", "entryPointArguments": ["1"]}
GIVEN_SPARK = {"EntryPoint": "s3://b/main.py", "EntryPointArguments": ["1"]}


def serverless_run(**of_action) -> Kind:
    constant = {"arn": RUN_ARN, "createdBy": ROLE, "executionRole": ROLE, "state": "STATE", "stateDetails": "d"}
    given = {"Arn": RUN_ARN, "CreatedBy": ROLE, "ExecutionRole": ROLE, "State": "STATE", "StateDetails": "d"}
    return Kind(
        service="emr-serverless",
        describe=("GetJobRun", RUN_ID),
        job={
            "jobRun": {
                **RUN_ID,
                **constant,
                "releaseLabel": "emr-7.0.0",
                "createdAt": AT,
                "updatedAt": AT,
                "jobDriver": {"sparkSubmit": SPARK},
            }
        },
        fails="FAILED",
        result={
            "JobRun": {
                **GIVEN_RUN_ID,
                **given,
                "ReleaseLabel": "emr-7.0.0",
                "CreatedAt": MILLIS,
                "UpdatedAt": MILLIS,
                "JobDriver": {"SparkSubmit": GIVEN_SPARK},
            }
        },
        **of_action,
    )


SERVERLESS_RUN = serverless_run(
    resource="emr-serverless:startJobRun",
    parameters={
        "ApplicationId": "a-MARK",
        "Name": "MARK",
        "ExecutionRoleArn": ROLE,
        "JobDriver": {"SparkSubmit": GIVEN_SPARK},
    },
    start=("StartJobRun", {**BY_ID, "name": "MARK", "executionRoleArn": ROLE, "jobDriver": {"sparkSubmit": SPARK}}),
    token="clientToken",
    answer={**RUN_ID, "arn": RUN_ARN},
    submitted={**GIVEN_RUN_ID, "Arn": RUN_ARN},
    running=("SUBMITTED", "RUNNING"),
    succeeds="SUCCESS",
    stop=("CancelJobRun", RUN_ID, RUN_ID),
)
SERVERLESS_TOGETHER = together(
    SERVERLESS_RUN,
    scope="a-MARK",
    word="a-shared",
    several=(
        "ListJobRuns",
        {
            "jobRuns": [
                {
                    "applicationId": "a-shared",
                    "id": "r-MARK",
                    "arn": RUN_ARN.replace("a-MARK", "a-shared"),
                    "createdBy": ROLE,
                    "createdAt": AT,
                    "updatedAt": AT,
                    "executionRole": ROLE,
                    "state": "STATE",
                    "stateDetails": "d",
                    "releaseLabel": "emr-7.0.0",
                }
            ]
        },
    ),
)
CANCEL_SERVERLESS_RUN = serverless_run(
    resource="emr-serverless:cancelJobRun",
    parameters=GIVEN_RUN_ID,
    start=("CancelJobRun", RUN_ID),
    answer=RUN_ID,
    submitted=GIVEN_RUN_ID,
    running=("CANCELLING", "CANCELLING"),
    succeeds="CANCELLED",
    again=True,
)

EMR = [CREATE_CLUSTER, TERMINATE_CLUSTER, ADD_STEP]
EMR_ON_EKS = [DELETE_VIRTUAL_CLUSTER, START_ON_EKS]
EMR_SERVERLESS = [
    CREATE_APPLICATION,
    changed("start", ("STARTING", "STARTING"), "STARTED", stop=("StopApplication", BY_ID, {})),
    changed("stop", ("STOPPING", "STOPPING"), "STOPPED"),
    changed("delete", ("STOPPED", "STOPPED"), "TERMINATED", fails=None),
    SERVERLESS_RUN,
    CANCEL_SERVERLESS_RUN,
]
