"""AWS SDK integrations against the emulator: many services, every protocol, names and errors as AWS gives them."""

import base64
import json
import uuid

import pytest
from support.clients import client
from support.executions import closed, history, machine, run, seen, single, start, task
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

UNIQUE = uuid.uuid4().hex[:12]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})

# One call each: service, action, parameters, and what its result has.
CALLS = [
    # AWS JSON
    ("acm", "listCertificates", {}, "CertificateSummaryList"),
    ("athena", "listWorkGroups", {}, "WorkGroups"),
    ("cloudtrail", "describeTrails", {}, "TrailList"),
    ("cloudwatchlogs", "describeLogGroups", {}, "LogGroups"),
    ("codebuild", "listProjects", {}, "Projects"),
    ("codepipeline", "listPipelines", {}, "Pipelines"),
    ("cognitoidentityprovider", "createUserPool", {"PoolName": UNIQUE}, "UserPool"),
    ("config", "describeConfigurationRecorders", {}, "ConfigurationRecorders"),
    ("databasemigration", "describeReplicationTasks", {}, "ReplicationTasks"),
    ("directory", "describeDirectories", {}, "DirectoryDescriptions"),
    ("dynamodb", "listTables", {}, "TableNames"),
    ("ecr", "createRepository", {"RepositoryName": UNIQUE}, "Repository"),
    ("ecs", "listClusters", {}, "ClusterArns"),
    ("emr", "listClusters", {}, "Clusters"),
    ("eventbridge", "listEventBuses", {}, "EventBuses"),
    ("firehose", "listDeliveryStreams", {}, "DeliveryStreamNames"),
    ("glue", "getDatabases", {}, "DatabaseList"),
    ("kinesis", "listStreams", {}, "StreamNames"),
    ("kms", "createKey", {"Description": "of a test"}, "KeyMetadata"),
    ("organizations", "createOrganization", {"FeatureSet": "ALL"}, "Organization"),
    ("resourcegroupstaggingapi", "getResources", {}, "ResourceTagMappingList"),
    ("sagemaker", "listModels", {}, "Models"),
    ("secretsmanager", "createSecret", {"Name": UNIQUE, "SecretString": {"user": "u"}}, "Arn"),
    ("servicediscovery", "listNamespaces", {}, "Namespaces"),
    ("sqs", "createQueue", {"QueueName": UNIQUE}, "QueueUrl"),
    ("ssm", "putParameter", {"Name": UNIQUE, "Value": "v", "Type": "String"}, "Version"),
    ("transcribe", "listTranscriptionJobs", {}, "TranscriptionJobSummaries"),
    ("wafv2", "listWebACLs", {"Scope": "REGIONAL"}, "WebACLs"),
    # query
    ("autoscaling", "describeAutoScalingGroups", {}, "AutoScalingGroups"),
    ("cloudformation", "listStacks", {}, "StackSummaries"),
    ("cloudwatch", "listMetrics", {}, "Metrics"),
    ("elasticache", "describeCacheClusters", {}, "CacheClusters"),
    ("elasticloadbalancingv2", "describeLoadBalancers", {}, "LoadBalancers"),
    ("iam", "createRole", {"RoleName": UNIQUE, "AssumeRolePolicyDocument": TRUST}, "Role"),
    ("rds", "describeDBInstances", {}, "DbInstances"),
    ("redshift", "describeClusters", {}, "Clusters"),
    ("ses", "listIdentities", {}, "Identities"),
    ("sns", "createTopic", {"Name": UNIQUE}, "TopicArn"),
    ("sts", "getCallerIdentity", {}, "Account"),
    # EC2
    ("ec2", "describeVpcs", {"Filters": [{"Name": "is-default", "Values": ["true"]}]}, "Vpcs"),
    # REST with XML
    ("cloudfront", "listDistributions", {}, "DistributionList"),
    ("route53", "createHostedZone", {"Name": "example.com", "CallerReference": UNIQUE}, "HostedZone"),
    ("s3", "listBuckets", {}, "Buckets"),
    # REST with JSON
    ("apigateway", "getRestApis", {}, "Items"),
    ("appsync", "listGraphqlApis", {}, "GraphqlApis"),
    ("batch", "describeJobQueues", {}, "JobQueues"),
    ("efs", "describeFileSystems", {}, "FileSystems"),
    ("eks", "listClusters", {}, "Clusters"),
    ("iot", "listThings", {}, "Things"),
    ("lambda", "listFunctions", {}, "Functions"),
    ("opensearch", "listDomainNames", {}, "DomainNames"),
    ("polly", "describeVoices", {}, "Voices"),
    ("scheduler", "listSchedules", {}, "Schedules"),
]


def sdk(service: str, action: str, parameters: dict, **more) -> dict:
    return single(task(f"aws-sdk:{service}:{action}", parameters, **more))


@pytest.fixture
def sfn(newel_on_moto):
    return newel_on_moto.client()


def test_the_table_has_forty_services():
    assert len({service for service, *_ in CALLS}) >= 40


@pytest.mark.parametrize(("service", "action", "parameters", "member"), CALLS, ids=[call[0] for call in CALLS])
def test_a_service_answers(sfn, service, action, parameters, member):
    described = run(sfn, sdk(service, action, parameters))
    assert described["status"] == "SUCCEEDED", described
    assert member in described["result"]
    assert "ResponseMetadata" not in described["result"] and "SdkHttpMetadata" not in described["result"]


def test_the_history_names_service_and_action(sfn):
    execution = start(sfn, machine(sfn, sdk("sqs", "createQueue", {"QueueName": f"{UNIQUE}-h"})))
    assert closed(sfn, execution)["status"] == "SUCCEEDED"
    scheduled = seen(sfn, execution, "TaskScheduled")
    assert (scheduled["resourceType"], scheduled["resource"]) == ("aws-sdk:sqs", "createQueue")
    assert [event["type"] for event in history(sfn, execution)] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]


def test_an_object_goes_to_s3_and_comes_back(sfn, moto):
    bucket = f"b-{UNIQUE}"
    s3 = client("s3", moto.url)
    s3.create_bucket(Bucket=bucket)
    definition = {
        "StartAt": "Put",
        "States": {
            "Put": task(
                "aws-sdk:s3:putObject",
                {"Bucket": bucket, "Key": "a b/ü.json", "Body": {"n": 1}, "Metadata": {"kind": "test"}},
                ResultPath=None,
                Next="Get",
            ),
            "Get": task("aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "a b/ü.json"}, End=True),
        },
    }
    result = run(sfn, definition)["result"]
    assert json.loads(result["Body"]) == {"n": 1} and result["Metadata"] == {"kind": "test"}
    assert s3.get_object(Bucket=bucket, Key="a b/ü.json")["Body"].read() == b'{"n":1}'


def test_text_is_stored_with_its_quotes(sfn, moto):
    bucket = f"q-{UNIQUE}"
    s3 = client("s3", moto.url)
    s3.create_bucket(Bucket=bucket)
    run(sfn, sdk("s3", "putObject", {"Bucket": bucket, "Key": "k", "Body": "text data"}))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b'"text data"'


def test_bytes_that_are_no_text_come_as_base64(sfn):
    definition = {
        "StartAt": "Key",
        "States": {
            "Key": task("aws-sdk:kms:createKey", {}, Next="Encrypt"),
            "Encrypt": task(
                "aws-sdk:kms:encrypt", {"KeyId.$": "$.KeyMetadata.KeyId", "Plaintext": "secret"}, End=True
            ),
        },
    }
    result = run(sfn, definition)["result"]
    assert len(base64.b64decode(result["CiphertextBlob"], validate=True)) > 20


ERRORS = [
    ("dynamodb", "getItem", {"TableName": "none", "Key": {"id": {"S": "1"}}}, "DynamoDb.ResourceNotFoundException", 400),
    ("s3", "getObject", {"Bucket": "no-such-bucket-here", "Key": "k"}, "S3.NoSuchBucketException", 404),
    ("sqs", "getQueueUrl", {"QueueName": "none"}, "Sqs.QueueDoesNotExistException", 400),
    ("secretsmanager", "getSecretValue", {"SecretId": "none"}, "SecretsManager.ResourceNotFoundException", 404),
    ("iam", "getRole", {"RoleName": "none"}, "Iam.NoSuchEntityException", 404),
    ("rds", "describeDBInstances", {"DbInstanceIdentifier": "none"}, "Rds.DbInstanceNotFoundException", 404),
    ("ec2", "describeInstances", {"InstanceIds": ["i-0123456789abcdef0"]}, "Ec2.Ec2Exception", 400),
    ("lambda", "getFunction", {"FunctionName": "none"}, "Lambda.ResourceNotFoundException", 404),
    ("route53", "getHostedZone", {"Id": "none"}, "Route53.NoSuchHostedZoneException", 404),
]


@pytest.mark.parametrize(("service", "action", "parameters", "error", "status"), ERRORS, ids=[e[3] for e in ERRORS])
def test_errors_are_named_as_the_java_sdk_names_them(sfn, service, action, parameters, error, status):
    described = run(sfn, sdk(service, action, parameters))
    assert (described["status"], described["error"]) == ("FAILED", error), described
    prefix = error.split(".")[0]
    assert f"(Service: {prefix}, Status Code: {status}, Request ID: " in described["cause"]


def test_a_callback_goes_on_with_its_token(sfn, moto):
    queue = client("sqs", moto.url).create_queue(QueueName=f"{UNIQUE}-token")["QueueUrl"]
    body = {"QueueUrl": queue, "MessageBody": {"Token.$": "$$.Task.Token"}}
    execution = start(sfn, machine(sfn, sdk("sqs", "sendMessage.waitForTaskToken", body)))

    def asked():
        return client("sqs", moto.url).receive_message(QueueUrl=queue).get("Messages")

    [message] = wait_until(asked, "the message with the token", seconds=30)
    sfn.send_task_success(taskToken=json.loads(message["Body"])["Token"], output='{"ok": true}')
    assert closed(sfn, execution)["result"] == {"ok": True}


def test_an_answer_that_is_too_large_fails_the_state(sfn, moto):
    bucket = f"large-{UNIQUE}"
    s3 = client("s3", moto.url)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 300_000)
    described = run(sfn, sdk("s3", "getObject", {"Bucket": bucket, "Key": "k"}))
    assert described["error"] == "States.DataLimitExceeded"
    assert "'aws-sdk:s3' returned a result with a size exceeding" in described["cause"]


def test_the_role_of_credentials_reaches_its_account(sfn, moto):
    # moto keeps apart what a role of another account makes.
    role = "arn:aws:iam::333333333333:role/other"
    name = f"{UNIQUE}-cross"
    create = sdk("sqs", "createQueue", {"QueueName": name}, Credentials={"RoleArn": role})
    url = run(sfn, create)["result"]["QueueUrl"]
    assert "/333333333333/" in url
    assert not client("sqs", moto.url).list_queues(QueueNamePrefix=name).get("QueueUrls")
