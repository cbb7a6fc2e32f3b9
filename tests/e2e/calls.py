"""The calls that optimized integrations make of AWS, a row for each action: the parameters of its state, the requests as
botocore reads them, the answers, and the state's result without metadata. MARK stands for a word of the row's own.

http, apigateway, the two actions of eks that go to a cluster and states aren't here: what they call is no service of AWS's
models, or Newel itself.
"""

from dataclasses import dataclass, replace

from e2e.kinds import KINDS
from e2e.kinds.common import AT, MILLIS, ROLE
from e2e.kinds.containers import BATCH, CONTAINER, ECS
from e2e.kinds.models import TAGS
from support.life_cycles import Kind, filled, marks_of
from support.scripted_aws import Call, Refusal

TASK_TOKEN = "TASKTOKEN"


@dataclass(frozen=True)
class Row:
    """An action. A `.waitForTaskToken` one has TASKTOKEN in its requests."""

    resource: str
    parameters: dict
    calls: tuple[tuple[str, dict, dict], ...]
    """Each call's operation, parameters and answer."""
    result: dict
    token: str | None = None
    """The member that has the request's idempotency token."""
    marker: tuple[str, str] | None = None
    """Where there is no token: the member that has a marker, and its key there."""


def row(resource: str, parameters: dict, operation: str, wire: dict, answer: dict, result: dict, **more) -> Row:
    return Row(resource, parameters, ((operation, wire, answer),), result, **more)


ADDED = ({"ManagedByService": "AWSStepFunctions"}, TAGS, "AWS Step Functions")


def started(kind: Kind) -> Row:
    """The start of a job, without waiting for it and so without what Step Functions adds that tells of that."""
    operation, wire = kind.start
    wire = {name: value for name, value in wire.items() if value not in ADDED}
    if kind is BATCH:
        wire["containerOverrides"] = {"environment": CONTAINER["environment"][:1]}
    more = {"token": kind.token, "marker": kind.marker}
    return row(kind.resource, kind.parameters, operation, wire, kind.answer, kind.submitted, **more)


QUERY_ID = {"QueryExecutionId": "q-MARK"}
ATHENA = [
    row("athena:stopQueryExecution", QUERY_ID, "StopQueryExecution", QUERY_ID, {}, {}),
    row(
        "athena:getQueryExecution",
        QUERY_ID,
        "GetQueryExecution",
        QUERY_ID,
        {"QueryExecution": {**QUERY_ID, "Status": {"State": "RUNNING", "SubmissionDateTime": AT}}},
        {"QueryExecution": {**QUERY_ID, "Status": {"State": "RUNNING", "SubmissionDateTime": MILLIS}}},
    ),
    row(
        "athena:getQueryResults",
        {**QUERY_ID, "MaxResults": 1},
        "GetQueryResults",
        {**QUERY_ID, "MaxResults": 1},
        {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": "x"}]}]}, "NextToken": "n"},
        {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": "x"}]}]}, "NextToken": "n"},
    ),
]

HARNESS = "arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/MARK"
BEDROCK = [
    row(
        "bedrock:invokeModel",
        {"ModelId": "m-MARK", "Body": {"prompt": ["é"]}, "ContentType": "application/json", "Accept": "*/*"},
        "InvokeModel",
        {"modelId": "m-MARK", "body": '{"prompt":["é"]}', "contentType": "application/json", "accept": "*/*"},
        {"body": '{"completion": 1}', "contentType": "application/json"},
        {"Body": {"completion": 1}, "ContentType": "application/json"},
    ),
    row(
        "bedrockagentcore:invokeHarness",
        {
            "HarnessArn": HARNESS,
            "RuntimeSessionId": "s" * 33,
            "Messages": [{"Role": "user", "Content": [{"Text": "Where?"}]}],
            "MaxIterations": 2,
        },
        "InvokeHarness",
        {
            "harnessArn": HARNESS,
            "runtimeSessionId": "s" * 33,
            "messages": [{"role": "user", "content": [{"text": "Where?"}]}],
            "maxIterations": 2,
        },
        {
            "stream": [
                {"messageStart": {"role": "assistant"}},
                {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "He"}}},
                {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "re."}}},
                {"messageStop": {"stopReason": "end_turn"}},
                {
                    "metadata": {
                        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
                        "metrics": {"latencyMs": 4},
                    }
                },
            ]
        },
        {
            "Output": {"Message": {"Role": "assistant", "Content": [{"Text": "Here."}]}},
            "StopReason": "end_turn",
            "Usage": {"InputTokens": 1, "OutputTokens": 2, "TotalTokens": 3},
            "Metrics": {"LatencyMs": 4},
        },
    ),
]

BATCH_ID = {"id": "p-MARK:1"}
CODEBUILD = [
    row("codebuild:stopBuild", {"Id": "p-MARK:1"}, "StopBuild", BATCH_ID, {"build": BATCH_ID}, {"Build": {"Id": "p-MARK:1"}}),
    row(
        "codebuild:batchDeleteBuilds",
        {"Ids": ["p-MARK:1"]},
        "BatchDeleteBuilds",
        {"ids": ["p-MARK:1"]},
        {"buildsDeleted": ["arn:b"], "buildsNotDeleted": [{"id": "p-MARK:1", "statusCode": "RUNNING"}]},
        {"BuildsDeleted": ["arn:b"], "BuildsNotDeleted": [{"Id": "p-MARK:1", "StatusCode": "RUNNING"}]},
    ),
    row(
        "codebuild:batchGetReports",
        {"ReportArns": ["arn:MARK"]},
        "BatchGetReports",
        {"reportArns": ["arn:MARK"]},
        {"reports": [{"arn": "arn:MARK", "created": AT}]},
        {"Reports": [{"Arn": "arn:MARK", "Created": MILLIS}]},
    ),
    row(
        "codebuild:stopBuildBatch",
        {"Id": "p-MARK:1"},
        "StopBuildBatch",
        BATCH_ID,
        {"buildBatch": BATCH_ID},
        {"BuildBatch": {"Id": "p-MARK:1"}},
    ),
    row(
        "codebuild:retryBuildBatch",
        {"Id": "p-MARK:1", "RetryType": "RETRY_ALL_BUILDS"},
        "RetryBuildBatch",
        {**BATCH_ID, "retryType": "RETRY_ALL_BUILDS"},
        {"buildBatch": BATCH_ID},
        {"BuildBatch": {"Id": "p-MARK:1"}},
        token="idempotencyToken",
    ),
    row(
        "codebuild:deleteBuildBatch",
        {"Id": "p-MARK:1"},
        "DeleteBuildBatch",
        BATCH_ID,
        {"statusCode": "BATCH_DELETED", "buildsDeleted": ["arn:b"]},
        {"StatusCode": "BATCH_DELETED", "BuildsDeleted": ["arn:b"]},
    ),
]

ITEM = {"id": {"S": "MARK"}, "n": {"N": "1"}, "l": {"L": [{"BOOL": True}]}}
KEY = {"TableName": "t", "Key": {"id": {"S": "MARK"}}}
CHANGED = {
    **KEY,
    "UpdateExpression": "SET #n = :n",
    "ExpressionAttributeNames": {"#n": "n"},
    "ExpressionAttributeValues": {":n": {"N": "1"}},
    "ReturnValues": "ALL_NEW",
}
DYNAMODB = [
    row("dynamodb:getItem", KEY, "GetItem", KEY, {"Item": ITEM}, {"Item": ITEM}),
    row("dynamodb:putItem", {"TableName": "t", "Item": ITEM}, "PutItem", {"TableName": "t", "Item": ITEM}, {}, {}),
    row("dynamodb:updateItem", CHANGED, "UpdateItem", CHANGED, {"Attributes": ITEM}, {"Attributes": ITEM}),
    row("dynamodb:deleteItem", KEY, "DeleteItem", KEY, {}, {}),
]

CLUSTER_ID = {"ClusterId": "j-MARK"}
EMR = [
    row(
        "elasticmapreduce:cancelStep",
        {**CLUSTER_ID, "StepId": "s-1"},
        "CancelSteps",
        {**CLUSTER_ID, "StepIds": ["s-1"]},
        {"CancelStepsInfoList": [{"StepId": "s-1", "Status": "SUBMITTED"}]},
        {"CancelStepsInfo": {"StepId": "s-1", "Status": "SUBMITTED"}},
    ),
    row(
        "elasticmapreduce:setClusterTerminationProtection",
        {**CLUSTER_ID, "TerminationProtected": True},
        "SetTerminationProtection",
        {"JobFlowIds": ["j-MARK"], "TerminationProtected": True},
        {},
        {},
    ),
    Row(
        "elasticmapreduce:modifyInstanceFleetByName",
        {**CLUSTER_ID, "InstanceFleetName": "f", "InstanceFleet": {"TargetOnDemandCapacity": 2}},
        (
            (
                "ListInstanceFleets",
                CLUSTER_ID,
                {"InstanceFleets": [{"Id": "if-0", "Name": "e"}, {"Id": "if-1", "Name": "f"}]},
            ),
            (
                "ModifyInstanceFleet",
                {**CLUSTER_ID, "InstanceFleet": {"InstanceFleetId": "if-1", "TargetOnDemandCapacity": 2}},
                {},
            ),
        ),
        {},
    ),
    Row(
        "elasticmapreduce:modifyInstanceGroupByName",
        {**CLUSTER_ID, "InstanceGroupName": "g", "InstanceGroup": {"InstanceCount": 2}},
        (
            ("ListInstanceGroups", CLUSTER_ID, {"InstanceGroups": [{"Id": "ig-1", "Name": "g"}]}),
            ("ModifyInstanceGroups", {**CLUSTER_ID, "InstanceGroups": [{"InstanceGroupId": "ig-1", "InstanceCount": 2}]}, {}),
        ),
        {},
    ),
]
VIRTUAL_ARN = "arn:aws:emr-containers:us-east-1:123456789012:/virtualclusters/v-1-of-the-table"
VIRTUAL_CLUSTER = row(
    "emr-containers:createVirtualCluster",
    {"Name": "MARK", "ContainerProvider": {"Id": "c", "Type": "EKS", "Info": {"EksInfo": {"Namespace": "n"}}}},
    "CreateVirtualCluster",
    {"name": "MARK", "containerProvider": {"id": "c", "type": "EKS", "info": {"eksInfo": {"namespace": "n"}}}},
    {"id": "v-1", "name": "MARK", "arn": VIRTUAL_ARN},
    {"Id": "v-1", "Name": "MARK", "Arn": VIRTUAL_ARN},
    token="clientToken",
)

LAMBDA = row(
    "lambda:invoke",
    {"FunctionName": "f-MARK", "Payload": {"a": [1, "é"]}},
    "Invoke",
    {"FunctionName": "f-MARK", "Payload": '{"a":[1,"é"]}'},
    {"StatusCode": 200, "Payload": '{"b": 2.50}', "ExecutedVersion": "$LATEST"},
    {"StatusCode": 200, "Payload": {"b": 2.5}, "ExecutedVersion": "$LATEST"},
)
EVENT = {"Source": "MARK", "DetailType": "t"}
EVENTS = row(
    "events:putEvents",
    {"Entries": [{**EVENT, "Detail": {"a": 1}, "Resources": ["r"]}]},
    "PutEvents",
    {"Entries": [{**EVENT, "Detail": '{"a":1}', "Resources": ["r", "MACHINE", "EXECUTION"]}]},
    {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
    {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
)
TOPIC = "arn:aws:sns:us-east-1:123456789012:MARK"
ATTRIBUTES = {"aKey": {"DataType": "String", "StringValue": "v"}}
SNS = row(
    "sns:publish",
    {"TopicArn": TOPIC, "Message": {"a": 1}, "Subject": "s", "MessageAttributes": ATTRIBUTES},
    "Publish",
    {"TopicArn": TOPIC, "Message": '{"a":1}', "Subject": "s", "MessageAttributes": ATTRIBUTES},
    {"MessageId": "i"},
    {"MessageId": "i"},
)
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/MARK"
SQS = row(
    "sqs:sendMessage",
    {"QueueUrl": QUEUE, "MessageBody": {"a": 1}, "DelaySeconds": 1, "MessageAttributes": ATTRIBUTES},
    "SendMessage",
    {"QueueUrl": QUEUE, "MessageBody": '{"a":1}', "DelaySeconds": 1, "MessageAttributes": ATTRIBUTES},
    {"MessageId": "i", "MD5OfMessageBody": "m", "MD5OfMessageAttributes": "n"},
    {"MessageId": "i", "MD5OfMessageBody": "m", "MD5OfMessageAttributes": "n"},
)

ENDPOINT = {"EndpointName": "MARK", "EndpointConfigName": "c"}
VARIANTS = [{"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}]
CONFIG = {"EndpointConfigName": "MARK", "ProductionVariants": VARIANTS}
MODEL = {"ModelName": "MARK", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "i", "Environment": {"aKey": "v"}}}


def made(action: str, parameters: dict, member: str) -> Row:
    answer = {member: "arn:aws:sagemaker:us-east-1:123456789012:thing/MARK"}
    return row(f"sagemaker:{action}", parameters, action[0].upper() + action[1:], parameters, answer, answer)


SAGEMAKER = [
    made("createEndpoint", ENDPOINT, "EndpointArn"),
    made("createEndpointConfig", CONFIG, "EndpointConfigArn"),
    made("createModel", MODEL, "ModelArn"),
    made("updateEndpoint", ENDPOINT, "EndpointArn"),
]

ROWS = [
    *ATHENA,
    *BEDROCK,
    *CODEBUILD,
    *DYNAMODB,
    *EMR,
    VIRTUAL_CLUSTER,
    LAMBDA,
    EVENTS,
    SNS,
    SQS,
    *SAGEMAKER,
    *(started(kind) for kind in KINDS),
]


def calling_back(of: Row, parameters: dict, wire: dict) -> Row:
    """The row's action as `.waitForTaskToken`: these parameters and what is read of them are over those of the row."""
    [(operation, given, answer)] = of.calls
    return replace(
        of,
        resource=f"{of.resource}.waitForTaskToken",
        parameters={**of.parameters, **parameters},
        calls=((operation, {**given, **wire}, answer),),
    )


TOKEN_INSIDE = {"token.$": "$$.Task.Token"}
TOKEN_TEXT = '{"token":"TASKTOKEN"}'
CALLBACKS = [
    calling_back(BEDROCK[0], {"Body": TOKEN_INSIDE}, {"body": TOKEN_TEXT}),
    calling_back(
        started(ECS),
        {"Overrides": {"ContainerOverrides": [{"Name": "MARK", "Environment": [{"Name": "T", "Value.$": "$$.Task.Token"}]}]}},
        {"overrides": {"containerOverrides": [{"name": "MARK", "environment": [{"name": "T", "value": TASK_TOKEN}]}]}},
    ),
    calling_back(
        EVENTS,
        {"Entries": [{**EVENT, "Detail": TOKEN_INSIDE}]},
        {"Entries": [{**EVENT, "Detail": TOKEN_TEXT, "Resources": ["MACHINE", "EXECUTION"]}]},
    ),
    calling_back(LAMBDA, {"Payload": TOKEN_INSIDE}, {"Payload": TOKEN_TEXT}),
    calling_back(SNS, {"Message": TOKEN_INSIDE}, {"Message": TOKEN_TEXT}),
    calling_back(SQS, {"MessageBody": TOKEN_INSIDE}, {"MessageBody": TOKEN_TEXT}),
]


REFUSALS = {
    "athena:startQueryExecution": ("InvalidRequestException", "Athena.InvalidRequestException", "AmazonAthena", 400),
    "batch:submitJob": ("ClientException", "Batch.ClientException", "AWSBatch", 400),
    "bedrock:invokeModel": ("ModelErrorException", "Bedrock.ModelErrorException", "AmazonBedrockRuntime", 424),
    "bedrock:createModelCustomizationJob": ("ConflictException", "Bedrock.ConflictException", "AmazonBedrock", 400),
    "bedrockagentcore:invokeHarness": (
        "ValidationException",
        "BedrockAgentCore.ValidationException",
        "BedrockAgentCore",
        400,
    ),
    "codebuild:startBuild": ("AccountLimitExceededException", "CodeBuild.AccountLimitExceededException", "AWSCodeBuild", 400),
    "databrew:startJobRun": ("ConflictException", "DataBrew.ConflictException", "AWSGlueDataBrew", 409),
    "dynamodb:putItem": (
        "ConditionalCheckFailedException",
        "DynamoDB.ConditionalCheckFailedException",
        "AmazonDynamoDBv2",
        400,
    ),
    "ecs:runTask": ("ClusterNotFoundException", "ECS.ClusterNotFoundException", "AmazonECS", 400),
    "eks:createCluster": ("ResourceInUseException", "EKS.ResourceInUseException", "AmazonEKS", 409),
    "elasticmapreduce:addStep": (
        "InvalidRequestException",
        "ElasticMapReduce.InvalidRequestException",
        "AmazonElasticMapReduce",
        400,
    ),
    "emr-containers:startJobRun": ("ValidationException", "EMRContainers.ValidationException", "AmazonEMRContainers", 400),
    "emr-serverless:startJobRun": ("ConflictException", "EMRServerless.ConflictException", "AWSEMRServerless", 409),
    "events:putEvents": ("ThrottledOfOld", "EventBridge.AmazonEventBridgeException", "AmazonEventBridge", 400),
    "glue:startJobRun": ("ConcurrentRunsExceededException", "Glue.ConcurrentRunsExceededException", "AWSGlue", 400),
    "lambda:invoke": ("ResourceNotFoundException", "Lambda.ResourceNotFoundException", "AWSLambda", 404),
    "mediaconvert:createJob": ("BadRequestException", "MediaConvert.BadRequestException", "AWSMediaConvert", 400),
    "sagemaker:createTrainingJob": (
        "ResourceLimitExceeded",
        "SageMaker.ResourceLimitExceededException",
        "AmazonSageMaker",
        400,
    ),
    "sns:publish": ("NotFound", "SNS.NotFoundException", "AmazonSNS", 404),
    "sqs:sendMessage": ("InvalidMessageContents", "SQS.InvalidMessageContentsException", "AmazonSQS", 400),
}
"""By action, one of its service: a code that the service refuses a call with, the error's name in the state machine, the
service's name in the cause, and the status."""


class Answers:
    """What `ScriptedAws` answers by: rows, by the marks of those who asked for them."""

    def __init__(self):
        self._rows: dict[str, Row] = {}
        self._refused: dict[str, str] = {}

    def tell(self, row: Row, mark: str, refused: str | None = None) -> None:
        self._rows[mark] = row
        if refused:
            self._refused[mark] = refused

    def __call__(self, call: Call) -> dict:
        [mark] = marks_of(call)
        if code := self._refused.get(mark):
            raise Refusal(code)
        for operation, _, answer in self._rows[mark].calls:
            if operation == call.operation:
                return filled(answer, mark)
        raise Refusal("UnknownOperationException", f"{self._rows[mark].resource} has no use for it")
