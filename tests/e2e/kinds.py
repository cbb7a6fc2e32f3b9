"""The resources whose jobs are AWS's: what each sends, as botocore reads it, and gets. Those of eks:runJob and states are not."""

from support.life_cycles import GONE, Kind

ROLE = "arn:aws:iam::123456789012:role/jobs"
AT, MILLIS = 1_700_000_000.5, 1_700_000_000_500
# A job of SageMaker's that is older than its attempt is another's, so these are of a day to come.
LATER, LATER_MILLIS = 4_000_000_000.5, 4_000_000_000_500
TAGS = [{"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}]

QUERY = {"QueryExecutionId": "q-MARK", "Query": "select 'MARK'"}
ATHENA = Kind(
    resource="athena:startQueryExecution",
    service="athena",
    parameters={"QueryString": "select 'MARK'", "ResultConfiguration": {"OutputLocation": "s3://b/"}},
    start=("StartQueryExecution", {"QueryString": "select 'MARK'", "ResultConfiguration": {"OutputLocation": "s3://b/"}}),
    token="ClientRequestToken",
    answer={"QueryExecutionId": "q-MARK"},
    submitted={"QueryExecutionId": "q-MARK"},
    describe=("GetQueryExecution", {"QueryExecutionId": "q-MARK"}),
    job={"QueryExecution": {**QUERY, "Status": {"State": "STATE", "SubmissionDateTime": AT}}},
    several=(
        "BatchGetQueryExecution",
        {"QueryExecutions": [{**QUERY, "Status": {"State": "STATE", "SubmissionDateTime": AT}}]},
    ),
    running=("QUEUED", "RUNNING"),
    succeeds="SUCCEEDED",
    fails="FAILED",
    result={"QueryExecution": {**QUERY, "Status": {"State": "STATE", "SubmissionDateTime": MILLIS}}},
    stop=("StopQueryExecution", {"QueryExecutionId": "q-MARK"}, {}),
    throttle="TooManyRequestsException",
)

MODEL_JOB = "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/base/MARK"
BEDROCK = Kind(
    resource="bedrock:createModelCustomizationJob",
    service="bedrock",
    parameters={
        "JobName": "MARK",
        "CustomModelName": "m",
        "RoleArn": ROLE,
        "BaseModelIdentifier": "base",
        "TrainingDataConfig": {"S3Uri": "s3://i"},
        "OutputDataConfig": {"S3Uri": "s3://o"},
        "HyperParameters": {"epochCount": "1"},
    },
    start=(
        "CreateModelCustomizationJob",
        {
            "jobName": "MARK",
            "customModelName": "m",
            "roleArn": ROLE,
            "baseModelIdentifier": "base",
            "trainingDataConfig": {"s3Uri": "s3://i"},
            "outputDataConfig": {"s3Uri": "s3://o"},
            "hyperParameters": {"epochCount": "1"},
        },
    ),
    token="clientRequestToken",
    answer={"jobArn": MODEL_JOB},
    submitted={"JobArn": MODEL_JOB},
    describe=("GetModelCustomizationJob", {"jobIdentifier": MODEL_JOB}),
    job={
        "jobArn": MODEL_JOB,
        "jobName": "MARK",
        "outputModelName": "m",
        "roleArn": ROLE,
        "status": "STATE",
        "creationTime": AT,
        "baseModelArn": "arn:base",
        "trainingDataConfig": {"s3Uri": "s3://i"},
        "validationDataConfig": {"validators": [{"s3Uri": "s3://v"}]},
        "outputDataConfig": {"s3Uri": "s3://o"},
        "hyperParameters": {"epochCount": "1"},
    },
    running=("InProgress", "InProgress"),
    succeeds="Completed",
    fails="Failed",
    result={
        "JobArn": MODEL_JOB,
        "JobName": "MARK",
        "OutputModelName": "m",
        "RoleArn": ROLE,
        "Status": "STATE",
        "CreationTime": MILLIS,
        "BaseModelArn": "arn:base",
        "TrainingDataConfig": {"S3Uri": "s3://i"},
        "ValidationDataConfig": {"Validators": [{"S3Uri": "s3://v"}]},
        "OutputDataConfig": {"S3Uri": "s3://o"},
        "HyperParameters": {"epochCount": "1"},
    },
    stop=("StopModelCustomizationJob", {"jobIdentifier": MODEL_JOB}, {}),
)


def build(what: str, member: str, several: str, status: str) -> Kind:
    """CodeBuild's two kinds, which differ in their names alone."""

    def shown(state: str) -> dict:
        return {"id": "p-MARK:1", "projectName": "p-MARK", status: state, "startTime": AT}

    def given(state: str) -> dict:
        pascal = status[0].upper() + status[1:]
        return {"Id": "p-MARK:1", "ProjectName": "p-MARK", pascal: state, "StartTime": MILLIS}

    variable = [{"name": "A", "value": "1", "type": "PLAINTEXT"}]
    return Kind(
        resource=f"codebuild:start{what}",
        service="codebuild",
        parameters={
            "ProjectName": "p-MARK",
            "EnvironmentVariablesOverride": [{"Name": "A", "Value": "1", "Type": "PLAINTEXT"}],
        },
        start=(f"Start{what}", {"projectName": "p-MARK", "environmentVariablesOverride": variable}),
        token="idempotencyToken",
        answer={member: shown("IN_PROGRESS")},
        submitted={what: given("IN_PROGRESS")},
        describe=(several, {"ids": ["p-MARK:1"]}),
        job={f"{member}s" if member == "build" else f"{member}es": [shown("STATE")]},
        several=(several, {f"{member}s" if member == "build" else f"{member}es": [shown("STATE")]}),
        running=("IN_PROGRESS", "IN_PROGRESS"),
        succeeds="SUCCEEDED",
        fails="FAULT",
        result={what: given("STATE")},
        stop=(f"Stop{what}", {"id": "p-MARK:1"}, {}),
    )


DATABREW = Kind(
    resource="databrew:startJobRun",
    service="databrew",
    parameters={"Name": "a job MARK"},
    start=("StartJobRun", {"Name": "a job MARK"}),
    answer={"RunId": "db_MARK"},
    submitted={"RunId": "db_MARK"},
    describe=("DescribeJobRun", {"Name": "a job MARK", "RunId": "db_MARK"}),
    job={"JobName": "a job MARK", "RunId": "db_MARK", "State": "STATE", "StartedOn": AT, "Attempt": 0},
    running=("STARTING", "RUNNING"),
    succeeds="SUCCEEDED",
    fails="TIMEOUT",
    result={"JobName": "a job MARK", "RunId": "db_MARK", "State": "STATE", "StartedOn": MILLIS, "Attempt": 0},
    stop=("StopJobRun", {"Name": "a job MARK", "RunId": "db_MARK"}, {"RunId": "db_MARK"}),
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

# --- EMR


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
RUN_ON_EKS = {"virtualClusterId": "v-MARK", "name": "n", "executionRoleArn": ROLE, "releaseLabel": "emr-6.3.0-latest"}
EMR_CONTAINERS = Kind(
    resource="emr-containers:startJobRun",
    service="emr-containers",
    parameters={
        "VirtualClusterId": "v-MARK",
        "Name": "n",
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
    answer={"id": "r-MARK", "name": "n", "arn": RUN_ON_EKS_ARN, "virtualClusterId": "v-MARK"},
    submitted={"Id": "r-MARK", "Name": "n", "Arn": RUN_ON_EKS_ARN, "VirtualClusterId": "v-MARK"},
    describe=("DescribeJobRun", {"id": "r-MARK", "virtualClusterId": "v-MARK"}),
    job={"jobRun": {"id": "r-MARK", "virtualClusterId": "v-MARK", "state": "STATE", "createdAt": AT}},
    running=("SUBMITTED", "RUNNING"),
    succeeds="COMPLETED",
    fails="FAILED",
    result={"JobRun": {"Id": "r-MARK", "VirtualClusterId": "v-MARK", "State": "STATE", "CreatedAt": MILLIS}},
    stop=("CancelJobRun", {"id": "r-MARK", "virtualClusterId": "v-MARK"}, {"id": "r-MARK"}),
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
    parameters={"ApplicationId": "a-MARK", "ExecutionRoleArn": ROLE, "JobDriver": {"SparkSubmit": GIVEN_SPARK}},
    start=("StartJobRun", {**BY_ID, "executionRoleArn": ROLE, "jobDriver": {"sparkSubmit": SPARK}}),
    token="clientToken",
    answer={**RUN_ID, "arn": RUN_ARN},
    submitted={**GIVEN_RUN_ID, "Arn": RUN_ARN},
    running=("SUBMITTED", "RUNNING"),
    succeeds="SUCCESS",
    stop=("CancelJobRun", RUN_ID, RUN_ID),
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

MEDIACONVERT = Kind(
    resource="mediaconvert:createJob",
    service="mediaconvert",
    parameters={"Role": ROLE, "Settings": {"Inputs": [{"FileInput": "s3://b/i"}]}, "UserMetadata": {"aKey": "MARK"}},
    start=(
        "CreateJob",
        {
            "Role": ROLE,
            "Settings": {"Inputs": [{"FileInput": "s3://b/i"}]},
            "UserMetadata": {"aKey": "MARK"},
            "Tags": {"ManagedByService": "AWSStepFunctions"},
        },
    ),
    token="ClientRequestToken",
    answer={"Job": {"Id": "mc-MARK", "Role": ROLE, "Settings": {}, "Status": "SUBMITTED"}},
    submitted={"Job": {"Id": "mc-MARK", "Role": ROLE, "Settings": {}, "Status": "SUBMITTED"}},
    describe=("GetJob", {"Id": "mc-MARK"}),
    job={"Job": {"Id": "mc-MARK", "Role": ROLE, "Settings": {}, "Status": "STATE", "CreatedAt": AT, "ErrorMessage": "m"}},
    running=("SUBMITTED", "PROGRESSING"),
    succeeds="COMPLETE",
    fails="ERROR",
    result={"Job": {"Id": "mc-MARK", "Role": ROLE, "Settings": {}, "Status": "STATE", "CreatedAt": MILLIS, "ErrorMessage": "m"}},
    stop=("CancelJob", {"Id": "mc-MARK"}, {}),
    throttle="TooManyRequestsException",
)


# --- SageMaker, whose members have the same names on the wire


def sagemaker(what: str, parameters: dict, described: dict, status: str = "InProgress") -> Kind:
    """A job of a kind of SageMaker's; `described` is what a description must have beside name, ARN, status and time."""
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:{what.lower()}/MARK"
    name = {f"{what}Name": "MARK"}

    def shown(moment: float | int) -> dict:
        return {**name, f"{what}Arn": arn, f"{what}Status": "STATE", "CreationTime": moment, **described}

    return Kind(
        resource=f"sagemaker:create{what}",
        service="sagemaker",
        parameters={**name, **parameters},
        start=(f"Create{what}", {**name, **parameters, "Tags": TAGS}),
        answer={f"{what}Arn": arn},
        submitted={f"{what}Arn": arn},
        describe=(f"Describe{what}", name),
        job=shown(LATER),
        running=(status, "InProgress"),
        succeeds="Completed",
        fails="Failed",
        result=shown(LATER_MILLIS),
        stop=(f"Stop{what}", name, {}),
        named="ResourceInUse",
    )


INSTANCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
TRANSFORM = {
    "ModelName": "m",
    "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://i"}}},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
PROCESSING = {"ProcessingResources": {"ClusterConfig": INSTANCES}, "AppSpecification": {"ImageUri": "i"}}
TUNING = {"HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 1}}}
LABELING = {
    "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://m"}}},
    "OutputConfig": {"S3OutputPath": "s3://o"},
    "RoleArn": ROLE,
    "HumanTaskConfig": {
        "WorkteamArn": "arn:aws:sagemaker:us-east-1:123456789012:workteam/w",
        "UiConfig": {"UiTemplateS3Uri": "s3://u"},
        "TaskTitle": "t",
        "TaskDescription": "d",
        "NumberOfHumanWorkersPerDataObject": 1,
        "TaskTimeLimitInSeconds": 60,
    },
}
SAGEMAKER = [
    sagemaker(
        "TrainingJob",
        {
            "RoleArn": ROLE,
            "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": "s3://o"},
            "ResourceConfig": INSTANCES,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "HyperParameters": {"aKey": "1"},
        },
        {
            "ModelArtifacts": {"S3ModelArtifacts": "s3://o/model.tar.gz"},
            "SecondaryStatus": "Training",
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    ),
    sagemaker("TransformJob", {**TRANSFORM, "TransformOutput": {"S3OutputPath": "s3://o"}}, TRANSFORM),
    sagemaker("ProcessingJob", {**PROCESSING, "RoleArn": ROLE}, {**PROCESSING, "ExitMessage": "x"}),
    sagemaker(
        "HyperParameterTuningJob",
        TUNING,
        {**TUNING, "TrainingJobStatusCounters": {"Completed": 1}, "ObjectiveStatusCounters": {"Succeeded": 1}},
    ),
    sagemaker(
        "LabelingJob",
        {"LabelAttributeName": "l", **LABELING},
        {"LabelCounters": {"TotalLabeled": 1}, "LastModifiedTime": 0, "JobReferenceCode": "c", **LABELING},
        "Initializing",
    ),
]

# --- The services that Newel calls by the AWS SDK's crates

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

RUN = {"Id": "jr_MARK", "JobName": "a job MARK", "JobRunState": "STATE", "Arguments": {}}
GLUE = Kind(
    resource="glue:startJobRun",
    service="glue",
    parameters={"JobName": "a job MARK", "Arguments": {"--aKey": "v"}, "Timeout": 5},
    start=("StartJobRun", {"JobName": "a job MARK", "Arguments": {"--aKey": "v"}, "Timeout": 5}),
    marker=("Arguments", "--newel-attempt"),
    find=("GetJobRuns", {"JobName": "a job MARK", "MaxResults": 200}, {"JobRuns": [{**RUN, "StartedOn": LATER}]}),
    answer={"JobRunId": "jr_MARK"},
    submitted={"JobRunId": "jr_MARK", "JobName": "a job MARK"},
    describe=("GetJobRun", {"JobName": "a job MARK", "RunId": "jr_MARK"}),
    job={"JobRun": {**RUN, "StartedOn": LATER}},
    running=("STARTING", "RUNNING"),
    succeeds="SUCCEEDED",
    fails="TIMEOUT",
    result={**RUN, "StartedOn": LATER_MILLIS, "Arguments": {"--aKey": "v"}},
    stop=("BatchStopJobRun", {"JobName": "a job MARK", "JobRunIds": ["jr_MARK"]}, {"SuccessfulSubmissions": []}),
)

KINDS = [
    ATHENA,
    BATCH,
    BEDROCK,
    build("Build", "build", "BatchGetBuilds", "buildStatus"),
    build("BuildBatch", "buildBatch", "BatchGetBuildBatches", "buildBatchStatus"),
    DATABREW,
    ECS,
    *EKS,
    CREATE_CLUSTER,
    TERMINATE_CLUSTER,
    ADD_STEP,
    DELETE_VIRTUAL_CLUSTER,
    EMR_CONTAINERS,
    GLUE,
    CREATE_APPLICATION,
    changed("start", ("STARTING", "STARTING"), "STARTED", stop=("StopApplication", BY_ID, {})),
    changed("stop", ("STOPPING", "STOPPING"), "STOPPED"),
    changed("delete", ("STOPPED", "STOPPED"), "TERMINATED", fails=None),
    SERVERLESS_RUN,
    CANCEL_SERVERLESS_RUN,
    MEDIACONVERT,
    *SAGEMAKER,
]
