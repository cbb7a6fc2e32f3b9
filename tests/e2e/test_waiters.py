"""`.sync` on AWS SDK integrations: against the emulator, and against a service that answers as told."""

import collections
import json
import threading
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from support.clients import client
from support.executions import closed, failed, history, machine, seen, single, start, succeeded, task
from support.newel import Dev
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

UNIQUE = "w" + uuid.uuid4().hex[:12]


def sync(service: str, action: str, parameters: dict, **more) -> dict:
    return single(task(f"aws-sdk:{service}:{action}.sync", parameters, **more))


@pytest.fixture
def on_moto(newel_on_moto):
    return newel_on_moto.client()


def image(moto) -> str:
    return client("ec2", moto.url).describe_images(Owners=["amazon"])["Images"][0]["ImageId"]


def test_a_database_is_there_when_its_task_ends(on_moto):
    made = {
        "DbInstanceIdentifier": UNIQUE,
        "DbInstanceClass": "db.t3.micro",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": "admin1",
        "MasterUserPassword": "not-checked-1",
    }
    execution = start(on_moto, machine(on_moto, sync("rds", "createDBInstance", made)))
    result = closed(on_moto, execution)["result"]
    # What DescribeDBInstances answers, with the Java SDK's names.
    [instance] = result["DbInstances"]
    assert (instance["DbInstanceIdentifier"], instance["DbInstanceStatus"]) == (UNIQUE, "available")
    assert [event["type"] for event in history(on_moto, execution)] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    scheduled = seen(on_moto, execution, "TaskScheduled")
    assert (scheduled["resourceType"], scheduled["resource"]) == ("aws-sdk:rds", "createDBInstance.sync")
    submitted = json.loads(seen(on_moto, execution, "TaskSubmitted")["output"])
    assert submitted["DbInstance"]["DbInstanceIdentifier"] == UNIQUE
    delete = {"DbInstanceIdentifier": UNIQUE, "SkipFinalSnapshot": True}
    assert succeeded(on_moto, sync("rds", "deleteDBInstance", delete)) == {}


def test_instances_run_when_their_task_ends(on_moto, moto):
    run = {"ImageId": image(moto), "MinCount": 2, "MaxCount": 2, "InstanceType": "t3.micro"}
    result = succeeded(on_moto, sync("ec2", "runInstances", run))
    instances = [instance for reservation in result["Reservations"] for instance in reservation["Instances"]]
    assert [instance["State"]["Name"] for instance in instances] == ["running", "running"]
    ids = [instance["InstanceId"] for instance in instances]
    ended = succeeded(on_moto, sync("ec2", "terminateInstances", {"InstanceIds": ids}))
    instances = [instance for reservation in ended["Reservations"] for instance in reservation["Instances"]]
    assert [instance["State"]["Name"] for instance in instances] == ["terminated", "terminated"]


TABLE = {
    "TableName": UNIQUE,
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}

CREATED = [
    ("dynamodb", "createTable", TABLE, lambda result: result["Table"]["TableStatus"] == "ACTIVE"),
    ("s3", "createBucket", {"Bucket": UNIQUE}, lambda result: "Bucket" not in result),
    (
        "redshift",
        "createCluster",
        {
            "ClusterIdentifier": UNIQUE,
            "NodeType": "ra3.large",
            "MasterUsername": "admin1",
            "MasterUserPassword": "Not-checked-1",
        },
        lambda result: result["Clusters"][0]["ClusterStatus"] == "available",
    ),
    (
        "kinesis",
        "createStream",
        {"StreamName": UNIQUE, "ShardCount": 1},
        lambda result: result["StreamDescription"]["StreamStatus"] == "ACTIVE",
    ),
    (
        "eks",
        "createCluster",
        {"Name": UNIQUE, "RoleArn": "arn:aws:iam::000000000000:role/eks", "ResourcesVpcConfig": {"SubnetIds": []}},
        lambda result: result["Cluster"]["Status"] == "ACTIVE",
    ),
    (
        "cloudformation",
        "createStack",
        {
            "StackName": UNIQUE,
            "TemplateBody": json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}}),
        },
        lambda result: result["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE",
    ),
]


@pytest.mark.parametrize(("service", "action", "parameters", "there"), CREATED, ids=[case[0] for case in CREATED])
def test_it_is_there_when_its_task_ends(on_moto, service, action, parameters, there):
    result = succeeded(on_moto, sync(service, action, parameters))
    assert there(result), result


def test_a_refused_first_call_fails_as_it_does_without_sync(on_moto):
    error, cause = failed(on_moto, sync("dynamodb", "deleteTable", {"TableName": f"{UNIQUE}-none"}))
    assert error == "DynamoDb.ResourceNotFoundException" and "Status Code: 400" in cause


def test_what_has_no_waiter_has_no_sync(on_moto):
    with pytest.raises(ClientError) as refused:
        machine(on_moto, sync("sqs", "sendMessage", {"QueueUrl": "u", "MessageBody": "m"}))
    resource = "arn:aws:states:::aws-sdk:sqs:sendMessage.sync"
    assert f"The resource provided {resource} is not recognized." in str(refused.value)


class Scripted:
    """RDS that answers DescribeDBInstances as told: a status of the instance, or an error's code and HTTP status. It hangs up on
    whoever starts the instance `unanswered`."""

    def __init__(self):
        self.answers: list = []
        self.started: collections.Counter = collections.Counter()
        self.asked: collections.Counter = collections.Counter()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                action, name = form["Action"][0], form["DBInstanceIdentifier"][0]
                status, body = service.answer(action, name)
                if name == "unanswered" and action != "DescribeDBInstances":
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, action: str, name: str) -> tuple[int, str]:
        status = "creating"
        if action != "DescribeDBInstances":
            self.started[name] += 1
        else:
            self.asked[name] += 1
            status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(status, tuple):
            code, http = status
            return http, f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        instance = (
            f"<DBInstanceIdentifier>{name}</DBInstanceIdentifier><DBInstanceStatus>{status}</DBInstanceStatus>"
        )
        inner = (
            f"<DBInstances><DBInstance>{instance}</DBInstance></DBInstances>"
            if action == "DescribeDBInstances"
            else f"<DBInstance>{instance}</DBInstance>"
        )
        return 200, f"<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def rds():
    service = Scripted()
    yield service
    service.close()


@pytest.fixture(scope="module")
def newel_on_rds(rds, tmp_path_factory):
    brisk = {
        "worker.poll": {"young_millis": 100, "calls_per_second": 50, "burst": 50, "refused_grace_seconds": 2},
        "worker.aws": {"max_attempts": 1},
    }
    with Dev(tmp_path_factory.mktemp("newel-rds"), rds.url, brisk) as newel:
        yield newel


def begin(sfn, name: str, **more) -> str:
    return start(sfn, machine(sfn, sync("rds", "startDBInstance", {"DbInstanceIdentifier": name}, **more)))


def wait_for(newel_on_rds, rds, *answers, **more):
    rds.answers = list(answers)
    rds.asked.clear()
    sfn = newel_on_rds.client()
    return closed(sfn, begin(sfn, "d", **more))


def test_it_is_asked_until_the_end(newel_on_rds, rds):
    described = wait_for(newel_on_rds, rds, "starting", "starting", "backing-up", "available")
    assert described["result"]["DbInstances"][0]["DbInstanceStatus"] == "available"
    assert rds.asked["d"] == 4


def test_throttles_and_internal_errors_are_overcome(newel_on_rds, rds):
    answers = [("Throttling", 400), "starting", ("InternalFailure", 500), "available"]
    assert wait_for(newel_on_rds, rds, *answers)["status"] == "SUCCEEDED"


def test_a_failure_tells_the_last_answer(newel_on_rds, rds):
    described = wait_for(newel_on_rds, rds, "starting", "incompatible-restore")
    assert described["error"] == "States.TaskFailed"
    assert json.loads(described["cause"]) == {
        "DbInstances": [{"DbInstanceIdentifier": "d", "DbInstanceStatus": "incompatible-restore"}]
    }


def test_an_error_that_lasts_and_that_the_waiter_does_not_know_is_the_states_own(newel_on_rds, rds):
    described = wait_for(newel_on_rds, rds, "starting", ("AccessDenied", 403))
    assert described["error"] == "Rds.RdsException", described
    assert "Status Code: 403" in described["cause"]


def test_the_state_says_how_long(newel_on_rds, rds):
    described = wait_for(newel_on_rds, rds, "starting", TimeoutSeconds=2)
    assert (described["status"], described["error"]) == ("FAILED", "States.Timeout")


def test_a_stopped_execution_asks_no_more(newel_on_rds, rds):
    rds.answers = ["starting"]
    sfn = newel_on_rds.client()
    execution = begin(sfn, "stopped")
    wait_until(lambda: rds.asked["stopped"] > 1, "the first looks", seconds=30)
    sfn.stop_execution(executionArn=execution)
    assert closed(sfn, execution)["status"] == "ABORTED"
    # Time goes by as another is asked about: a look that was under way may still come, and no other.
    other = begin(sfn, "other")
    wait_until(lambda: rds.asked["other"] > 1, "looks at the other", seconds=30)
    before = rds.asked["stopped"]
    wait_until(lambda: rds.asked["other"] > 6, "more looks at the other", seconds=30)
    assert rds.asked["stopped"] == before
    sfn.stop_execution(executionArn=other)


def test_it_is_asked_on_after_a_crash(newel_on_rds, rds):
    rds.answers = ["starting"]
    sfn = newel_on_rds.client()
    execution = begin(sfn, "outlived")
    wait_until(lambda: rds.asked["outlived"] > 0, "the first look", seconds=30)
    newel_on_rds.crash()
    rds.answers = ["available"]
    described = closed(sfn, execution)
    assert described["result"]["DbInstances"][0]["DbInstanceStatus"] == "available"
    assert rds.started["outlived"] == 1


def test_a_first_call_without_an_answer_is_not_made_again(newel_on_rds, rds):
    sfn = newel_on_rds.client()
    described = closed(sfn, begin(sfn, "unanswered"))
    assert (described["status"], described["error"]) == ("FAILED", "Rds.SdkClientException"), described
    assert rds.started["unanswered"] == 1


def test_strict_is_aws(rds, tmp_path):
    definition = sync("rds", "startDBInstance", {"DbInstanceIdentifier": "d"})
    with Dev(tmp_path, rds.url, {"integrations": {"strict": True}}) as newel:
        with pytest.raises(ClientError) as refused:
            machine(newel.client(), definition)
    assert "SCHEMA_VALIDATION_FAILED" in str(refused.value)
    assert "aws-sdk:rds:startDBInstance.sync is not recognized." in str(refused.value)
