"""Models and media: Bedrock, SageMaker, MediaConvert."""

from e2e.kinds.common import AT, LATER, LATER_MILLIS, MILLIS, ROLE
from support.life_cycles import Kind

TAGS = [{"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}]

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
    result={
        "Job": {"Id": "mc-MARK", "Role": ROLE, "Settings": {}, "Status": "STATE", "CreatedAt": MILLIS, "ErrorMessage": "m"}
    },
    several=(
        "ListJobs",
        {
            "Jobs": [
                {"Id": "mc-MARK", "Role": ROLE, "Settings": {}, "Status": "STATE", "CreatedAt": AT, "ErrorMessage": "m"},
            ]
        },
    ),
    shared="DESCENDING",
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
