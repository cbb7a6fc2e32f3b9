"""The families that are called by their APIs' models, against others' readings of AWS: moto, and ministack where that serves
them too."""

import io
import json
import uuid
import zipfile

import pytest
from support.clients import client
from support.executions import ROLE, closed, failed, flaws, history, machine, single, start, succeeded, task
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)


on_both = pytest.mark.parametrize("emulator", ["moto", "ministack"], indirect=True)


@pytest.fixture
def emulator(request):
    """The emulator that a test is for, by name; moto if it doesn't say."""
    return getattr(request, "param", "moto")


@pytest.fixture
def sfn(request, emulator):
    return request.getfixturevalue(f"newel_on_{emulator}").client()


@pytest.fixture
def aws(request, emulator):
    """Clients of the emulator by service."""
    url = request.getfixturevalue(emulator).url
    return lambda service: client(service, url, attempts=2, timeout=60)


def named() -> str:
    return f"n-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def queue(aws):
    """A queue's URL, and what receives the bodies of its messages."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName=named())["QueueUrl"]

    def bodies():
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")
        return [json.loads(message["Body"]) for message in found] if found else None

    return url, lambda: wait_until(bodies, "messages")


def arn_of(aws, url: str) -> str:
    return aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


@on_both
def test_a_message_arrives_with_its_json(sfn, queue):
    url, bodies = queue
    result = succeeded(sfn, single(task("sqs:sendMessage", {"QueueUrl": url, "MessageBody.$": "$"})), {"a": [1]})
    assert bodies() == [{"a": [1]}]
    assert {"MD5OfMessageBody", "MessageId", "SdkHttpMetadata", "SdkResponseMetadata"} <= result.keys()
    assert result["SdkHttpMetadata"]["HttpStatusCode"] == 200


@on_both
def test_a_callback_through_a_queue(sfn, queue):
    url, bodies = queue
    state = task("sqs:sendMessage.waitForTaskToken", {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}})
    execution = start(sfn, machine(sfn, single(state)))
    [body] = bodies()
    sfn.send_task_success(taskToken=body["token"], output='{"answer": 1}')
    assert closed(sfn, execution)["result"] == {"answer": 1}
    assert flaws(history(sfn, execution)) == []


@on_both
def test_a_queue_that_is_not_there(sfn, queue):
    url, _ = queue
    error, cause = failed(sfn, single(task("sqs:sendMessage", {"QueueUrl": url + "-none", "MessageBody": "m"})))
    assert error.startswith("SQS.")
    assert "(Service: AmazonSQS; Status Code: 400; Error Code: " in cause


@on_both
def test_a_notification_is_published(sfn, aws, queue):
    url, bodies = queue
    sns = aws("sns")
    topic = sns.create_topic(Name=named())["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(aws, url))
    result = succeeded(sfn, single(task("sns:publish", {"TopicArn": topic, "Message": {"n": 1}, "Subject": "s"})))
    [body] = bodies()
    assert (json.loads(body["Message"]), body["MessageId"]) == ({"n": 1}, result["MessageId"])
    error, cause = failed(sfn, single(task("sns:publish", {"TopicArn": topic + "-none", "Message": "m"})))
    assert error == "SNS.NotFoundException"
    assert "(Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: " in cause


@on_both
def test_events_carry_their_execution(sfn, aws, queue):
    url, bodies = queue
    events, bus = aws("events"), named()
    events.create_event_bus(Name=bus)
    events.put_rule(Name=bus, EventBusName=bus, EventPattern=json.dumps({"source": ["test"]}))
    events.put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn_of(aws, url)}])
    entry = {"Source": "test", "DetailType": "t", "Detail": {"a": 1}, "EventBusName": bus}
    made = machine(sfn, single(task("events:putEvents", {"Entries": [entry]})))
    execution = start(sfn, made)
    assert closed(sfn, execution)["result"]["FailedEntryCount"] == 0
    [event] = bodies()
    assert (event["detail"], event["resources"]) == ({"a": 1}, [made, execution])
    [scheduled] = [e for e in history(sfn, execution) if e["type"] == "TaskScheduled"]
    assert json.loads(scheduled["taskScheduledEventDetails"]["parameters"]) == {"Entries": [entry]}


def test_a_refused_event_fails_the_task(sfn):
    state = task("events:putEvents", {"Entries": [{"Source": "test", "DetailType": "t", "Detail": "not json"}]})
    error, cause = failed(sfn, single(state))
    assert error == "EventBridge.FailedEntry"
    assert json.loads(cause)["FailedEntryCount"] == 1


def role(aws) -> str:
    """A role of the emulator's account."""
    return aws("iam").create_role(RoleName=named(), AssumeRolePolicyDocument="{}")["Role"]["Arn"]


def function(aws) -> str:
    """A function that answers with its payload; moto does that without running it."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as files:
        files.writestr("h.py", "def h(event, _):\n    return event\n")
    created = aws("lambda").create_function(
        FunctionName=named(), Runtime="python3.12", Role=role(aws), Handler="h.h", Code={"ZipFile": code.getvalue()}
    )
    return created["FunctionArn"]


@on_both
def test_a_function_is_invoked(sfn, aws):
    arn = function(aws)
    result = succeeded(sfn, single(task("lambda:invoke", {"FunctionName": arn, "Payload": {"a": [1, "x"]}})))
    assert (result["Payload"], result["StatusCode"]) == ({"a": [1, "x"]}, 200)
    by_its_arn = {"Type": "Task", "Resource": arn}
    assert succeeded(sfn, single(by_its_arn), {"b": 2.50}) == {"b": 2.5}


@on_both
def test_items_come_and_go(sfn, aws):
    table = named()
    aws("dynamodb").create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "a"}, "n": {"N": "1.5"}, "l": {"L": [{"BOOL": True}, {"NULL": True}]}}
    once = {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(id)"}
    succeeded(sfn, single(task("dynamodb:putItem", once)))
    by_key = {"TableName": table, "Key": {"id": {"S": "a"}}}
    assert succeeded(sfn, single(task("dynamodb:getItem", by_key)))["Item"] == item
    assert aws("dynamodb").get_item(**by_key)["Item"] == item
    error, cause = failed(sfn, single(task("dynamodb:putItem", once)))
    assert error == "DynamoDB.ConditionalCheckFailedException" and "(Service: AmazonDynamoDBv2; Status Code: 400" in cause
    added = {
        **by_key,
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "ReturnValues": "UPDATED_NEW",
    }
    assert succeeded(sfn, single(task("dynamodb:updateItem", added)))["Attributes"] == {"n": {"N": "2.5"}}
    succeeded(sfn, single(task("dynamodb:deleteItem", by_key)))
    assert "Item" not in succeeded(sfn, single(task("dynamodb:getItem", by_key)))


@on_both
def test_a_query_runs_to_its_end(sfn, aws):
    bucket = named()
    aws("s3").create_bucket(Bucket=bucket)
    query = {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": f"s3://{bucket}/"}}
    result = succeeded(sfn, single(task("athena:startQueryExecution.sync", query)))
    execution = result["QueryExecution"]
    assert (execution["Status"]["State"], execution["Query"]) == ("SUCCEEDED", "SELECT 1")
    by_id = {"QueryExecutionId": execution["QueryExecutionId"]}
    assert succeeded(sfn, single(task("athena:getQueryExecution", by_id)))["QueryExecution"]["Query"] == "SELECT 1"


@on_both
def test_a_build_runs_to_its_end(sfn, aws):
    project = named()
    aws("codebuild").create_project(
        name=project,
        source={"type": "S3", "location": "bucket/path"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole="arn:aws:iam::123456789012:role/service-role/r",
    )
    result = succeeded(sfn, single(task("codebuild:startBuild.sync", {"ProjectName": project})))
    assert (result["Build"]["ProjectName"], result["Build"]["BuildStatus"]) == (project, "SUCCEEDED")


def test_a_model_is_trained(sfn):
    job = {
        "TrainingJobName": named(),
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://o"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    result = succeeded(sfn, single(task("sagemaker:createTrainingJob.sync", job)))
    assert (result["TrainingJobName"], result["TrainingJobStatus"]) == (job["TrainingJobName"], "Completed")
    assert result["ModelArtifacts"]["S3ModelArtifacts"].startswith("s3://o")


@on_both
def test_a_cluster_is_made_used_and_terminated(sfn, aws):
    cluster = {
        "Name": named(),
        "ReleaseLabel": "emr-6.0.0",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "ServiceRole": "EMR_DefaultRole",
        "Instances": {
            "KeepJobFlowAliveWhenNoSteps": True,
            "MasterInstanceType": "m5.large",
            "SlaveInstanceType": "m5.large",
            "InstanceCount": 2,
        },
    }
    made = succeeded(sfn, single(task("elasticmapreduce:createCluster.sync", cluster)))
    assert (made["Cluster"]["Status"]["State"], made["Cluster"]["Id"]) == ("WAITING", made["ClusterId"])
    step = {
        "ClusterId": made["ClusterId"],
        "Step": {"Name": "s", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "command-runner.jar"}},
    }
    added = succeeded(sfn, single(task("elasticmapreduce:addStep", step)))
    [known] = aws("emr").list_steps(ClusterId=made["ClusterId"])["Steps"]
    assert added["StepId"] == known["Id"]
    by_id = {"ClusterId": made["ClusterId"]}
    ended = succeeded(sfn, single(task("elasticmapreduce:terminateCluster.sync", by_id)))
    assert ended["Cluster"]["Status"]["State"] == "TERMINATED"


def test_a_serverless_application_from_creation_to_deletion(sfn, aws):
    made = succeeded(
        sfn,
        single(task("emr-serverless:createApplication.sync", {"Name": "a", "ReleaseLabel": "emr-6.9.0", "Type": "SPARK"})),
    )
    by_id = {"ApplicationId": made["Application"]["ApplicationId"]}
    assert succeeded(sfn, single(task("emr-serverless:startApplication", by_id)))["ApplicationId"] == by_id["ApplicationId"]
    run = {**by_id, "ExecutionRoleArn": role(aws), "JobDriver": {"SparkSubmit": {"EntryPoint": "s3://b/main.py"}}}
    ran = succeeded(sfn, single(task("emr-serverless:startJobRun.sync", run)))
    assert (ran["JobRun"]["State"], ran["JobRun"]["ApplicationId"]) == ("SUCCESS", by_id["ApplicationId"])
    stopped = succeeded(sfn, single(task("emr-serverless:stopApplication.sync", by_id)))
    assert stopped["Application"]["State"] == "STOPPED"
    succeeded(sfn, single(task("emr-serverless:deleteApplication.sync", by_id)))


def test_a_kubernetes_cluster_comes_and_goes(sfn):
    name = named()
    cluster = {"Name": name, "RoleArn": ROLE, "ResourcesVpcConfig": {"SubnetIds": ["subnet-1", "subnet-2"]}}
    made = succeeded(sfn, single(task("eks:createCluster.sync", cluster)))
    assert (made["Cluster"]["Name"], made["Cluster"]["Status"]) == (name, "ACTIVE")
    assert made["Cluster"]["CertificateAuthority"]["Data"]
    gone = succeeded(sfn, single(task("eks:deleteCluster.sync", {"Name": name})))
    assert gone == {"Cluster": {"Name": name}}


def test_a_run_on_a_kubernetes_cluster_is_cancelled_with_its_execution(sfn, aws):
    name = named()
    succeeded(
        sfn,
        single(task("eks:createCluster.sync", {"Name": name, "RoleArn": ROLE, "ResourcesVpcConfig": {"SubnetIds": ["s"]}})),
    )
    provider = {"Id": name, "Type": "EKS", "Info": {"EksInfo": {"Namespace": "default"}}}
    made = succeeded(sfn, single(task("emr-containers:createVirtualCluster", {"Name": name, "ContainerProvider": provider})))
    run = {
        "VirtualClusterId": made["Id"],
        "Name": "run",
        "ExecutionRoleArn": ROLE,
        "ReleaseLabel": "emr-6.3.0-latest",
        "JobDriver": {"SparkSubmitJobDriver": {"EntryPoint": "s3://b/main.py"}},
    }
    execution = start(sfn, machine(sfn, single(task("emr-containers:startJobRun.sync", run))))

    def submitted():
        events = [e for e in history(sfn, execution) if e["type"] == "TaskSubmitted"]
        return events and json.loads(events[0]["taskSubmittedEventDetails"]["output"])

    job = wait_until(submitted, "the run to be submitted")
    sfn.stop_execution(executionArn=execution)
    emr = aws("emr-containers")

    def cancelled():
        return emr.describe_job_run(id=job["Id"], virtualClusterId=made["Id"])["jobRun"]["state"] == "CANCELLED"

    wait_until(cancelled, "the run to be cancelled")
    assert closed(sfn, execution)["status"] == "ABORTED"


def test_what_has_no_worker_is_refused_when_it_is_made(sfn):
    with pytest.raises(sfn.exceptions.InvalidDefinition) as refused:
        machine(sfn, single(task("lambda:invoke.sync", {"FunctionName": "f"})))
    assert "is not recognized" in str(refused.value)
    with pytest.raises(sfn.exceptions.InvalidDefinition) as refused:
        machine(sfn, single(task("elasticmapreduce:addStep", {"ClusterId": "c", "Step": {"Jar": "x"}})))
    assert 'The field "Jar" is not supported by Step Functions at /States/Work/Parameters/Step' in str(refused.value)
