"""What only the second emulator does: functions that run, fail and take too long, APIs that are made and called, models that
answer, queries that fail, steps of clusters that end, builds and customizations that are stopped."""

import io
import json
import uuid
import zipfile

import pytest
from support.clients import client
from support.executions import closed, failed, machine, seen, single, start, succeeded, task
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

ROLE = "arn:aws:iam::000000000000:role/r"
CODE = '''
import json
import time
import urllib.request


class OutOfStock(Exception):
    pass


def handler(event, context):
    match event.get("do"):
        case "raise":
            raise OutOfStock("none of " + event["what"])
        case "sleep":
            time.sleep(60)
        case "answer":
            body = {"taskToken": event["token"], "output": json.dumps({"by": context.function_name})}
            headers = {"X-Amz-Target": "AWSStepFunctions.SendTaskSuccess", "Content-Type": "application/x-amz-json-1.0"}
            urllib.request.urlopen(urllib.request.Request(event["url"], json.dumps(body).encode(), headers), timeout=10)
    return {"got": event, "sum": sum(event.get("numbers", []))}
'''
API_CODE = '''
import json


def handler(event, context):
    if event["path"] == "/absent":
        return {"statusCode": 404, "body": "nothing here"}
    shown = {"method": event["httpMethod"], "body": json.loads(event["body"]), "query": event["queryStringParameters"]}
    return {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": json.dumps(shown)}
'''


@pytest.fixture
def sfn(newel_on_ministack):
    return newel_on_ministack.client()


@pytest.fixture
def aws(ministack):
    """Clients of the emulator by service."""
    return lambda service: client(service, ministack.url, attempts=2, timeout=60)


def named() -> str:
    return f"n-{uuid.uuid4().hex[:12]}"


def function(aws, code: str, timeout: int = 30) -> str:
    """A new function's ARN."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("code.py", code)
    made = aws("lambda").create_function(
        FunctionName=named(),
        Runtime="python3.12",
        Role=ROLE,
        Handler="code.handler",
        Timeout=timeout,
        Code={"ZipFile": archive.getvalue()},
    )
    return made["FunctionArn"]


def test_a_function_runs(sfn, aws):
    arn = function(aws, CODE)
    payload = {"numbers": [1, 2.5], "word": "é"}
    result = succeeded(sfn, single(task("lambda:invoke", {"FunctionName": arn, "Payload": payload})))
    assert (result["StatusCode"], result["Payload"]) == (200, {"got": payload, "sum": 3.5})
    assert succeeded(sfn, single({"Type": "Task", "Resource": arn}), payload) == {"got": payload, "sum": 3.5}


def test_what_a_function_throws_can_be_caught(sfn, aws):
    arn = function(aws, CODE)
    state = task("lambda:invoke", {"FunctionName": arn, "Payload": {"do": "raise", "what": "apples"}})
    error, cause = failed(sfn, single(state))
    said = json.loads(cause)
    assert error == said["errorType"] and said["errorMessage"] == "none of apples"
    caught = {
        "StartAt": "Work",
        "States": {
            "Work": {**state, "Catch": [{"ErrorEquals": [error], "Next": "Caught"}], "End": True},
            "Caught": {"Type": "Pass", "End": True},
        },
    }
    assert succeeded(sfn, caught)["Error"] == error


def test_a_function_that_takes_too_long(sfn, aws):
    arn = function(aws, CODE, timeout=1)
    error, cause = failed(sfn, single(task("lambda:invoke", {"FunctionName": arn, "Payload": {"do": "sleep"}})))
    assert error == json.loads(cause)["errorType"] and "timed out after 1.00 seconds" in cause


def test_a_function_that_is_not_there(sfn):
    error, cause = failed(sfn, single(task("lambda:invoke", {"FunctionName": "none", "Payload": {}})))
    assert error == "Lambda.ResourceNotFoundException"
    assert "(Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: " in cause


def test_a_function_answers_with_its_token(sfn, aws, newel_on_ministack):
    arn = function(aws, CODE)
    payload = {"do": "answer", "token.$": "$$.Task.Token", "url": newel_on_ministack.http_url}
    state = task("lambda:invoke.waitForTaskToken", {"FunctionName": arn, "Payload": payload})
    assert succeeded(sfn, single(state)) == {"by": arn.rsplit(":", 1)[1]}


@pytest.fixture
def api(aws):
    """The path under which a stage of a new REST API is served whose requests all go to one function."""
    gateway = aws("apigateway")
    arn = function(aws, API_CODE)
    made = gateway.create_rest_api(name=named())["id"]
    [root] = gateway.get_resources(restApiId=made)["items"]
    proxy = gateway.create_resource(restApiId=made, parentId=root["id"], pathPart="{proxy+}")["id"]
    method = {"restApiId": made, "resourceId": proxy, "httpMethod": "ANY"}
    gateway.put_method(**method, authorizationType="NONE")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=made, stageName="prod")
    return f"/_aws/execute-api/{made}/prod"


def test_an_api_is_called(sfn, ministack, api):
    given = {
        "ApiEndpoint": ministack.url,
        "Method": "POST",
        "Path": f"{api}/pets",
        "QueryParameters": {"kind": ["cat"]},
        "RequestBody": {"name": "Tom"},
        "AuthType": "NO_AUTH",
    }
    result = succeeded(sfn, single(task("apigateway:invoke", given)))
    assert result["StatusCode"] == 201
    assert result["ResponseBody"] == {"method": "POST", "body": {"name": "Tom"}, "query": {"kind": "cat"}}
    error, cause = failed(sfn, single(task("apigateway:invoke", {**given, "Path": f"{api}/absent"})))
    assert (error, cause) == ("ApiGateway.404", "nothing here")


def test_a_model_answers(sfn):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]}
    given = {"ModelId": "anthropic.claude-v2", "Body": body, "ContentType": "application/json"}
    result = succeeded(sfn, single(task("bedrock:invokeModel", given)))
    assert result["ContentType"] == "application/json"
    assert result["Body"]["role"] == "assistant" and result["Body"]["content"][0]["text"]


def test_a_customization_is_stopped_with_its_execution(sfn, aws):
    job = {
        "JobName": named(),
        "CustomModelName": "m",
        "RoleArn": ROLE,
        "BaseModelIdentifier": "amazon.titan-text-lite-v1",
        "TrainingDataConfig": {"S3Uri": "s3://i"},
        "OutputDataConfig": {"S3Uri": "s3://o"},
        "HyperParameters": {"epochCount": "1"},
    }
    execution = start(sfn, machine(sfn, single(task("bedrock:createModelCustomizationJob.sync", job))))
    made = json.loads(seen(sfn, execution, "TaskSubmitted")["output"])["JobArn"]
    bedrock = aws("bedrock")
    assert bedrock.get_model_customization_job(jobIdentifier=made)["status"] == "InProgress"
    sfn.stop_execution(executionArn=execution)
    wait_until(lambda: bedrock.get_model_customization_job(jobIdentifier=made)["status"] == "Stopped", "the job to stop")
    assert closed(sfn, execution)["status"] == "ABORTED"


def test_a_query_fails_whose_results_have_no_place(sfn):
    query = {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": f"s3://{named()}/"}}
    error, cause = failed(sfn, single(task("athena:startQueryExecution.sync", query)))
    status = json.loads(cause)["QueryExecution"]["Status"]
    assert (error, status["State"]) == ("States.TaskFailed", "FAILED")
    assert "The specified bucket does not exist" in status["StateChangeReason"]


@pytest.fixture
def cluster(sfn) -> str:
    """The id of a cluster that waits for steps."""
    instances = {"KeepJobFlowAliveWhenNoSteps": True, "InstanceCount": 2}
    instances |= {"MasterInstanceType": "m5.large", "SlaveInstanceType": "m5.large"}
    given = {"Name": named(), "ReleaseLabel": "emr-6.9.0", "Instances": instances, "JobFlowRole": "r", "ServiceRole": "r"}
    return succeeded(sfn, single(task("elasticmapreduce:createCluster.sync", given)))["ClusterId"]


def test_a_step_runs_to_its_end(sfn, cluster):
    step = {"Name": "s", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}
    result = succeeded(sfn, single(task("elasticmapreduce:addStep.sync", {"ClusterId": cluster, "Step": step})))
    assert (result["Step"]["Name"], result["Step"]["Status"]["State"]) == ("s", "COMPLETED")


def test_a_cluster_is_changed_and_guarded(sfn, aws, cluster):
    emr = aws("emr")
    guard = {"ClusterId": cluster, "TerminationProtected": True}
    succeeded(sfn, single(task("elasticmapreduce:setClusterTerminationProtection", guard)))
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["TerminationProtected"] is True
    group = next(g for g in emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"] if g["InstanceGroupType"] == "CORE")
    given = {"ClusterId": cluster, "InstanceGroupName": group["Name"], "InstanceGroup": {"InstanceCount": 4}}
    succeeded(sfn, single(task("elasticmapreduce:modifyInstanceGroupByName", given)))
    counts = {g["Id"]: g["RequestedInstanceCount"] for g in emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"]}
    assert counts[group["Id"]] == 4


def test_a_build_is_stopped_and_deleted(sfn, aws):
    project = named()
    aws("codebuild").create_project(
        name=project,
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=ROLE,
    )
    build = succeeded(sfn, single(task("codebuild:startBuild", {"ProjectName": project})))["Build"]["Id"]
    stopped = succeeded(sfn, single(task("codebuild:stopBuild", {"Id": build})))
    assert stopped["Build"]["Id"] == build
    deleted = succeeded(sfn, single(task("codebuild:batchDeleteBuilds", {"Ids": [build]})))
    assert len(deleted["BuildsDeleted"]) == 1
    assert aws("codebuild").batch_get_builds(ids=[build])["buildsNotFound"] == [build]
