"""HTTP Tasks and API Gateway through the whole of Newel, against an HTTP API on an address that the operator allowed."""

import base64
import json
import threading

import pytest
from support.executions import closed, events_of, failed, history, machine, run, seen, single, start, succeeded, task
from support.http_api import Answer, HttpApi, answer_json, basic, self_signed
from support.newel import Dev
from support.refusals import refused
from support.waiting import wait_until

REGION = "us-east-1"
TOKENS = iter(f"token-{number}" for number in range(1000))


def connection(name: str) -> str:
    return f"arn:aws:events:{REGION}:000000000000:connection/{name}/81210c42-8af1-456b-9c4a-6ff02fc664ac"


CONFIGURATION = """
[worker.poll]
young_millis = 300

[worker.http]
allow = ["127.0.0.1"]
plain_http = true
max_redirects = 3

[worker.http.connections.plain]

[worker.http.connections.basic]
auth = "basic"
username = "user"
password = {{ file = "{secrets}/password" }}
headers = {{ "X-Mode" = {{ value = "connection" }} }}
query = {{ q = {{ value = "connection" }} }}
body = {{ k = {{ value = "connection" }} }}

[worker.http.connections.key]
auth = "api_key"
key_name = "X-Api-Key"
key = {{ env = "TEST_API_KEY" }}

[worker.http.connections.query]
query = {{ key = {{ env = "TEST_API_KEY" }} }}

[worker.http.connections.unreadable]
auth = "api_key"
key_name = "X-Api-Key"
key = {{ file = "{secrets}/missing" }}

[worker.http.connections.oauth]
auth = "oauth"
oauth.token_url = "{api}/token"
oauth.client_id = "the client"
oauth.client_secret = {{ file = "{secrets}/password" }}
oauth.body = {{ scope = {{ value = "read" }} }}

[worker.http.connections.elsewhere]
accounts = ["222222222222"]
"""


def routes() -> dict:
    issued = []

    def token(_):
        issued.append(next(TOKENS))
        return answer_json({"access_token": issued[-1], "expires_in": 3600})

    def revoked(request):
        """Takes no token but the second one, as if the first had been revoked."""
        fine = request.headers.get("Authorization") != f"Bearer {issued[0]}"
        return answer_json({"ok": fine}, 200 if fine else 401)

    def redirect(location: str):
        return lambda _: Answer(302, b"", [("Location", location)])

    return {
        "/json": lambda _: answer_json({"a": [1, {"b": None}]}),
        "/text": lambda _: Answer(200, b"12", [("Content-Type", "text/plain"), ("X-Many", "1"), ("X-Many", "2")]),
        "/missing": lambda _: answer_json({"message": "gone"}, 404),
        "/busy": lambda _: answer_json({"message": "later"}, 503),
        "/largest": lambda _: Answer(200, b"x" * (250 * 1024), [("Content-Type", "text/plain")]),
        "/too-large": lambda _: Answer(200, b"x" * (256 * 1024 + 1), [("Content-Type", "text/plain")]),
        "/image": lambda _: Answer(200, b"GIF89a", [("Content-Type", "image/gif")]),
        "/binary": lambda _: Answer(200, b"\xff\xfe\x00", [("Content-Type", "text/plain")]),
        "/nothing": lambda _: Answer(204, b"", []),
        "/token": token,
        "/revoked": revoked,
        "/hop": redirect("/json"),
        "/loop": redirect("/loop"),
        "/inside": redirect("http://169.254.169.254/latest/meta-data/"),
        "/loopback": redirect("http://127.0.0.2/"),
    }


@pytest.fixture(scope="module")
def api():
    with HttpApi(routes()) as served:
        yield served


@pytest.fixture(scope="module")
def http_newel(api, _aws_fake, tmp_path_factory):
    directory = tmp_path_factory.mktemp("newel-http")
    secrets = directory / "secrets"
    secrets.mkdir()
    (secrets / "password").write_text("pass word\n")
    config = directory / "newel.toml"
    config.write_text(CONFIGURATION.format(secrets=secrets, api=api.url))
    env = {"NEWEL_CONFIG": str(config), "TEST_API_KEY": "the-key"}
    with Dev(directory, _aws_fake.url, env=env) as newel:
        yield newel


@pytest.fixture
def sfn(http_newel, api):
    api.got.clear()
    return http_newel.client()


def call(api, path: str, name: str = "plain", method: str = "GET", **more) -> dict:
    given = {"ApiEndpoint": api.url + path, "Method": method, "InvocationConfig": {"ConnectionArn": connection(name)}}
    return single(task("http:invoke", {**given, **more}))


def test_a_result_has_headers_body_and_status(sfn, api):
    result = succeeded(sfn, call(api, "/json"))
    assert list(result) == ["Headers", "ResponseBody", "StatusCode", "StatusText"]
    assert result["ResponseBody"] == {"a": [1, {"b": None}]}
    assert (result["StatusCode"], result["StatusText"]) == (200, "OK")
    assert result["Headers"]["Content-Type"] == ["application/json"]
    [got] = api.of("/json")
    assert got.headers["User-Agent"] == f"Amazon|StepFunctions|HttpInvoke|{REGION}"
    assert got.headers["Range"] == "bytes=0-262144"
    assert got.headers["Host"] == f"127.0.0.1:{api.port}"
    assert got.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert "Authorization" not in got.headers


def test_text_stays_text(sfn, api):
    result = succeeded(sfn, call(api, "/text"))
    assert result["ResponseBody"] == "12"
    assert result["Headers"]["X-Many"] == ["1", "2"]
    assert succeeded(sfn, call(api, "/nothing"))["ResponseBody"] == ""


def test_the_history_is_that_of_a_task(sfn, api):
    execution = run(sfn, call(api, "/json"))
    [scheduled] = events_of(sfn, execution["executionArn"], "TaskScheduled")
    assert (scheduled["resourceType"], scheduled["resource"]) == ("http", "invoke")


@pytest.mark.parametrize(
    ("array_format", "tags"),
    [
        (None, "tags%5B0%5D=a&tags%5B1%5D=b%20c"),
        ("INDICES", "tags%5B0%5D=a&tags%5B1%5D=b%20c"),
        ("REPEAT", "tags=a&tags=b%20c"),
        ("COMMAS", "tags=a,b%20c"),
        ("BRACKETS", "tags%5B%5D=a&tags%5B%5D=b%20c"),
    ],
)
def test_a_body_as_a_form(sfn, api, array_format, tags):
    options = {"RequestEncodingOptions": {"ArrayFormat": array_format}} if array_format else {}
    form = {
        "Headers": {"Content-Type": "application/x-www-form-urlencoded"},
        "RequestBody": {"tags": ["a", "b c"], "meta": {"k": "v&w"}},
        "Transform": {"RequestBodyEncoding": "URL_ENCODED", **options},
    }
    succeeded(sfn, call(api, "/json", method="POST", **form))
    [got] = api.of("/json")
    assert got.body == f"{tags}&meta%5Bk%5D=v%26w"
    assert got.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_connection_authorizes_and_wins(sfn, api):
    given = {
        "Headers": {"x-mode": "task", "X-Own": ["1", "2"]},
        "QueryParameters": {"q": "task", "r": ["1", "a b"]},
        "RequestBody": {"k": "task", "j": 1},
    }
    succeeded(sfn, call(api, "/json?z=0", "basic", "PUT", **given))
    [got] = api.of("/json")
    assert got.headers["Authorization"] == basic("user", "pass word")
    assert got.headers["X-Mode"] == "connection"
    assert got.query == [("z", "0"), ("r", "1"), ("r", "a b"), ("q", "connection")]
    assert json.loads(got.body) == {"k": "connection", "j": 1}


def test_a_text_body_cannot_be_merged(sfn, api):
    error, cause = failed(sfn, call(api, "/json", "basic", "POST", RequestBody="text"))
    assert error == "States.Runtime" and "merged" in cause
    assert api.got == []


def test_an_api_key(sfn, api):
    succeeded(sfn, call(api, "/json", "key"))
    assert api.of("/json")[0].headers["X-Api-Key"] == "the-key"


def test_an_access_token_is_kept_and_replaced_once_it_is_refused(sfn, api):
    for _ in range(2):
        succeeded(sfn, call(api, "/json", "oauth"))
    [asked] = api.of("/token")
    assert asked.headers["Authorization"] == basic("the%20client", "pass%20word")
    assert asked.body == "grant_type=client_credentials&scope=read"
    first, second = (got.headers["Authorization"] for got in api.of("/json"))
    assert first == second and first.startswith("Bearer token-")
    assert succeeded(sfn, call(api, "/revoked", "oauth"))["ResponseBody"] == {"ok": True}
    assert len(api.of("/token")) == 2 and len(api.of("/revoked")) == 2


def test_secrets_show_nowhere(sfn, api, http_newel):
    execution = run(sfn, call(api, "/json", "key"))
    failed(sfn, call(api, "/json", "unreadable"))
    assert "the-key" not in json.dumps(history(sfn, execution["executionArn"]), default=str)
    assert "the-key" not in http_newel.program.output()


ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture
def tester(http_newel, api):
    """A client for TestState."""
    api.got.clear()
    return http_newel.client(inject_host_prefix=False)


def shown(tester, api, path: str, name: str = "plain", level: str = "TRACE", reveal: bool = False, **more):
    """How a test of an HTTP Task ended, and its inspection data."""
    state = json.dumps(call(api, path, name, **more)["States"]["Work"])
    tested = tester.test_state(definition=state, roleArn=ROLE, inspectionLevel=level, revealSecrets=reveal)
    return tested, tested.get("inspectionData", {})


def test_a_tested_state_shows_its_exchange_at_trace(tester, api):
    tested, data = shown(tester, api, "/text?z=0", QueryParameters={"r": "a b"}, Headers={"X-Own": "1"})
    assert tested["status"] == "SUCCEEDED" and json.loads(data["result"])["ResponseBody"] == "12"
    request, response = data["request"], data["response"]
    assert request["headers"].startswith("[X-Own: 1, ") and request["headers"].endswith("]")
    del request["headers"]
    url = f"{api.url}/text?z=0&r=a%20b"
    assert request == {"protocol": "http", "method": "GET", "url": url, "body": ""}
    assert "X-Many: 1, X-Many: 2" in response.pop("headers")
    assert response == {"protocol": "http", "statusCode": "200", "statusMessage": "OK", "body": "12"}


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_a_tested_state_shows_no_exchange_below_trace(tester, api, level):
    tested, data = shown(tester, api, "/json", "basic", level, reveal=True)
    assert tested["status"] == "SUCCEEDED"
    assert "request" not in data and "response" not in data


def test_what_a_connection_adds_is_shown_only_if_it_is_to_be_revealed(tester, api, http_newel):
    given = {
        "Headers": {"x-mode": "task", "X-Own": "1"},
        "QueryParameters": {"q": "task", "r": "2"},
        "RequestBody": {"k": "task", "j": 1},
    }
    authorization = basic("user", "pass word")
    for reveal in (False, True):
        _, data = shown(tester, api, "/json", "basic", reveal=reveal, method="PUT", **given)
        request = data["request"]
        added = [f"Authorization: {authorization}", "X-Mode: connection"]
        assert [line in request["headers"] for line in added] == [reveal, reveal], request
        assert "X-Own: 1" in request["headers"]
        assert ("Authorization" in request["headers"]) == ("X-Mode" in request["headers"]) == reveal
        assert request["url"] == f"{api.url}/json?r=2" + ("&q=connection" if reveal else "")
        assert json.loads(request["body"]) == ({"k": "connection", "j": 1} if reveal else {"j": 1})
    assert [got.headers["Authorization"] for got in api.of("/json")] == [authorization] * 2
    assert authorization not in http_newel.program.output()


def test_an_api_key_and_a_token_are_shown_only_if_they_are_to_be_revealed(tester, api):
    for name, header in (("key", "X-Api-Key: the-key"), ("oauth", "Authorization: Bearer token-")):
        hidden, revealed = (
            shown(tester, api, "/json", name, reveal=reveal)[1]["request"]["headers"] for reveal in (False, True)
        )
        assert header in revealed
        assert header.split(":")[0] not in hidden and "token-" not in hidden and "the-key" not in hidden


def test_a_key_in_the_query_is_shown_only_if_it_is_to_be_revealed(tester, api):
    hidden, revealed = (
        shown(tester, api, "/json?a=1", "query", reveal=reveal)[1]["request"]["url"] for reveal in (False, True)
    )
    assert (hidden, revealed) == (f"{api.url}/json?a=1", f"{api.url}/json?a=1&key=the-key")


def test_a_failed_call_and_a_redirect_show_what_was_answered(tester, api):
    tested, data = shown(tester, api, "/missing", "key")
    assert (tested["status"], tested["error"]) == ("FAILED", "States.Http.StatusCode.404")
    response = data["response"]
    assert (response["statusCode"], response["statusMessage"]) == ("404", "Not Found")
    assert json.loads(response["body"]) == {"message": "gone"}
    _, data = shown(tester, api, "/hop", "key")
    assert data["request"]["url"] == f"{api.url}/json" and data["response"]["statusCode"] == "200"
    tested, data = shown(tester, api, "/json", "unreadable")
    assert tested["status"] == "FAILED" and "request" not in data


def test_a_mock_has_no_exchange(tester, api):
    state = call(api, "/json", "key")["States"]["Work"]
    result = {"StatusCode": 200, "ResponseBody": {}}
    mock = {"result": json.dumps(result), "fieldValidationMode": "NONE"}
    tested = tester.test_state(definition=json.dumps(state), roleArn=ROLE, inspectionLevel="TRACE", mock=mock)
    assert tested["status"] == "SUCCEEDED" and "request" not in tested["inspectionData"]
    assert api.got == []


@pytest.mark.parametrize(
    ("path", "error", "cause"),
    [
        ("/missing", "States.Http.StatusCode.404", '{"message": "gone"}'),
        ("/busy", "States.Http.StatusCode.503", '{"message": "later"}'),
    ],
)
def test_statuses_are_errors_by_name(sfn, api, path, error, cause):
    state = {
        "Catch": [{"ErrorEquals": [error], "Next": "Caught"}],
        **call(api, path, method="POST", RequestBody={})["States"]["Work"],
    }
    definition = {"StartAt": "Work", "States": {"Work": state, "Caught": {"Type": "Pass", "End": True}}}
    assert succeeded(sfn, definition) == {"Error": error, "Cause": cause}
    assert len(api.of(path)) == 1, "nothing is sent twice"


def test_a_retry_is_the_definitions_business(sfn, api):
    answers = iter([503, 503, 200])
    api.routes["/flaky"] = lambda _: answer_json({}, next(answers))
    definition = call(api, "/flaky", method="POST")
    retry = {"ErrorEquals": ["States.Http.StatusCode.503"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1}
    definition["States"]["Work"]["Retry"] = [retry]
    succeeded(sfn, definition)
    assert len(api.of("/flaky")) == 3


@pytest.mark.parametrize(
    ("name", "kind"),
    # The fake has no EventBridge, and so refuses to say whether there is such a connection.
    [("absent", "AccessDenied"), ("elsewhere", "AccessDenied"), ("unreadable", "AccessDenied")],
)
def test_connections_that_cannot_be_used(sfn, api, name, kind):
    error, cause = failed(sfn, call(api, "/json", name))
    assert error == f"Events.ConnectionResource.{kind}" and name in cause
    assert "secrets/missing" not in cause
    assert api.got == []


def test_sizes(sfn, api):
    assert len(succeeded(sfn, call(api, "/largest"))["ResponseBody"]) == 250 * 1024
    error, cause = failed(sfn, call(api, "/too-large"))
    assert error == "States.DataLimitExceeded"
    assert cause == (
        "The state/task 'http' returned a result with a size exceeding the maximum number of bytes service limit."
    )


@pytest.mark.parametrize("path", ["/image", "/binary"])
def test_answers_that_are_no_text(sfn, api, path):
    assert failed(sfn, call(api, path))[0] == "States.Runtime"


def test_redirects_go_through_the_guard(sfn, api):
    assert succeeded(sfn, call(api, "/hop"))["ResponseBody"] == {"a": [1, {"b": None}]}
    assert failed(sfn, call(api, "/loop"))[0] == "States.Http.StatusCode.302"
    assert len(api.of("/loop")) == 4
    for path, what in (("/inside", "link-local"), ("/loopback", "loopback")):
        error, cause = failed(sfn, call(api, path))
        assert error == "States.Http.Socket" and what in cause
    assert failed(sfn, call(api, "/hop", method="POST"))[0] == "States.Http.StatusCode.302"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.2", "2130706434", "0x7f.0.0.2", "0177.0.0.2", "[::1]", "[::ffff:127.0.0.2]", "10.0.0.1",
     "169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"],
)
def test_addresses_inside_are_not_reached(sfn, host):
    given = {"ApiEndpoint": f"http://{host}:9/", "Method": "GET", "Authentication": {"ConnectionArn": "plain"}}
    error, cause = failed(sfn, single(task("http:invoke", given)))
    assert error == "States.Http.Socket" and "worker.http.allow" in cause


def test_headers_of_step_functions_own_fail_the_task(sfn, api):
    error, cause = failed(sfn, call(api, "/json", Headers={"Host": "evil.test"}))
    assert error == "States.Runtime" and "contains unsupported values: [Host]" in cause
    assert api.got == []


def test_definitions_are_checked(sfn):
    given = {"ApiEndpoint": "https://example.com", "Method": "get", "Authentication": {"ConnectionArn": "a"}}
    with refused("InvalidDefinition") as refusal:
        machine(sfn, single(task("http:invoke", given)))
    assert "The field 'Method' should have one of these values" in refusal.value.response["Error"]["Message"]
    given = {"ApiEndpoint": "x", "Method": "GET", "Headers": {"Authorization": ["a"]}}
    with refused("InvalidDefinition") as refusal:
        machine(sfn, single(task("apigateway:invoke", given)))
    assert "The 'Headers' field contains unsupported values: [Authorization]" in refusal.value.response["Error"]["Message"]


def test_api_gateway(sfn, api):
    api.routes["/prod/bills"] = lambda _: answer_json({"ok": True})
    given = {
        "ApiEndpoint": api.url,
        "Method": "POST",
        "Stage": "prod",
        "Path": "/bills",
        "Headers": {"X-A": ["1", "2"]},
        "QueryParameters": {"id": ["1", "2"]},
        "RequestBody": {"a": None, "b": 1},
        "AuthType": "IAM_ROLE",
    }
    result = succeeded(sfn, single(task("apigateway:invoke", given)))
    assert result["ResponseBody"] == {"ok": True} and result["StatusText"] == "OK"
    [got] = api.of("/prod/bills")
    assert got.query == [("id", "1"), ("id", "2")] and json.loads(got.body) == {"b": 1}
    assert got.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=000000000000/")
    assert "/us-east-1/execute-api/aws4_request" in got.headers["Authorization"]
    error, cause = failed(sfn, single(task("apigateway:invoke", {**given, "Path": "absent"})))
    assert (error, cause) == ("ApiGateway.404", '{"message": "no such path"}')
    scalar = {**given, "Headers": {"X-A": "1"}}
    error, cause = failed(sfn, single(task("apigateway:invoke", scalar)))
    assert error == "States.Runtime" and "[The value of the field 'Headers' has an invalid format]" in cause


def test_api_gateway_with_a_token(sfn, api):
    tokens = []

    def take(request):
        tokens.append(request.headers["Tasktoken"])
        return answer_json({})

    api.routes["/started"] = take
    given = {"ApiEndpoint": api.url, "Method": "POST", "Path": "started"}
    given["Headers"] = {"TaskToken.$": "States.Array($$.Task.Token)"}
    arn = start(sfn, machine(sfn, single(task("apigateway:invoke.waitForTaskToken", given))))
    wait_until(lambda: tokens, "the token to come")
    submitted = seen(sfn, arn, "TaskSubmitted")
    assert json.loads(submitted["output"])["StatusCode"] == 200
    sfn.send_task_success(taskToken=tokens[0], output='"done"')
    assert closed(sfn, arn)["result"] == "done"


def test_a_lost_answer_is_not_sent_again(sfn, api):
    """The connection breaks after the request: the attempt fails by name, and its author decides what then."""
    hang = threading.Event()

    def cut(_):
        hang.set()
        raise ConnectionResetError

    api.routes["/cut"] = cut
    error, _ = failed(sfn, call(api, "/cut", method="POST", RequestBody={}))
    assert error == "States.Http.Socket"
    assert hang.is_set() and len(api.of("/cut")) == 1


JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"


NAMES = ("fine", "failing", "endless", "busy", "unanswered", "watched")


class Jobs:
    """The part of a Kubernetes API that a job needs. A job ends once it was looked at, or never if its name says so; a
    watched one when it is let go."""

    def __init__(self):
        self.jobs: dict[str, dict] = {}
        self.deleted: list[tuple[str, dict]] = []
        self.busy = 6
        """So many looks at the job of this name are refused."""
        self.let_go = threading.Event()

    def make(self, request):
        if request.method == "GET":
            # `newel.attempt in (a,b)`
            label, _, values = dict(request.query)["labelSelector"].partition(" in ")
            wanted = values.strip("()").split(",")
            fits = [job for job in self.jobs.values() if job["metadata"].get("labels", {}).get(label) in wanted]
            return answer_json({"items": fits})
        job = json.loads(request.body)
        name = job["metadata"]["name"]
        if name in self.jobs:
            return answer_json({"kind": "Status", "code": 409, "reason": "AlreadyExists"}, 409)
        self.jobs[name] = job | {"metadata": job["metadata"] | {"uid": f"uid-of-{name}"}}
        if name == "unanswered":
            raise ConnectionResetError
        return answer_json(self.jobs[name], 201)

    def one(self, request):
        name = request.path.rsplit("/", 1)[1]
        if request.method == "DELETE":
            self.deleted.append((name, json.loads(request.body)))
            return answer_json(self.jobs.pop(name))
        if name not in self.jobs:
            return answer_json({"kind": "Status", "code": 404}, 404)
        if name == "busy" and self.busy:
            self.busy -= 1
            return answer_json({"kind": "Status", "code": 429}, 429)
        seen = dict(self.jobs[name])
        if name != "endless" and (name != "watched" or self.let_go.is_set()):
            kind = "Failed" if name == "failing" else "Complete"
            self.jobs[name]["status"] = {"conditions": [{"type": kind, "status": "True"}]}
        return answer_json(seen)

    def pods(self, _):
        pod = {"metadata": {"name": "pod-1"}, "spec": {"containers": [{"name": "main"}]}}
        return answer_json({"kind": "PodList", "items": [pod]})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    file, pem = self_signed(tmp_path_factory.mktemp("cluster"))
    jobs = Jobs()
    paths = {f"{JOBS}/{name}": jobs.one for name in NAMES}
    logs = {f"{PODS}/pod-1/log": lambda _: Answer(200, b"[1, 2]", [("Content-Type", "text/plain")])}
    with HttpApi({JOBS: jobs.make, PODS: jobs.pods, **paths, **logs}, file) as served:
        served.jobs = jobs
        served.authority = base64.b64encode(pem.encode()).decode()
        yield served


def on(cluster, **more) -> dict:
    return {"ClusterName": "main", "CertificateAuthority": cluster.authority, "Endpoint": cluster.url, **more}


def job(name: str) -> dict:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"backoffLimit": 0}}


def test_a_call_to_a_cluster(sfn, cluster):
    given = on(cluster, Method="GET", Path=PODS, QueryParameters={"labelSelector": ["a=b"]})
    result = succeeded(sfn, single(task("eks:call", given)))
    assert list(result) == ["ResponseBody", "StatusCode", "StatusText"]
    assert result["ResponseBody"]["kind"] == "PodList"
    got = cluster.of(PODS)[-1]
    assert got.query == [("labelSelector", "a=b")]
    assert got.headers["Authorization"].startswith("Bearer k8s-aws-v1.")
    error, cause = failed(sfn, single(task("eks:call", on(cluster, Method="GET", Path="/absent"))))
    assert error == "EKS.404"
    assert json.loads(cause) == {
        "ResponseBody": {"message": "no such path"},
        "StatusCode": 404,
        "StatusText": "Not Found",
    }


def test_a_job_of_a_cluster_is_watched_to_its_end(sfn, cluster):
    given = on(cluster, Job=job("fine"), LogOptions={"RetrieveLogs": True})
    execution = run(sfn, single(task("eks:runJob.sync", given)))
    result = execution["result"]
    assert result["logs"] == {"pods": {"pod-1": {"containers": {"main": {"log": [1, 2]}}}}}
    assert result["status"]["conditions"][0]["type"] == "Complete"
    assert "newel" not in execution["output"]
    [submitted] = events_of(sfn, execution["executionArn"], "TaskSubmitted")
    assert json.loads(submitted["output"])["StatusCode"] == 201
    error, cause = failed(sfn, single(task("eks:runJob.sync", on(cluster, Job=json.dumps(job("failing"))))))
    assert error == "States.TaskFailed" and json.loads(cause)["status"]["conditions"][0]["type"] == "Failed"


@pytest.mark.parametrize("action", ["runJob", "call"])
def test_a_token_comes_back_from_a_cluster(sfn, cluster, action):
    name = f"waited-{action.lower()}"
    manifest = job(name)
    manifest["metadata"]["annotations"] = {"token.$": "$$.Task.Token"}
    given = {"Job": manifest} if action == "runJob" else {"Method": "POST", "Path": JOBS, "RequestBody": manifest}
    arn = start(sfn, machine(sfn, single(task(f"eks:{action}.waitForTaskToken", on(cluster, **given)))))
    made = wait_until(lambda: cluster.jobs.jobs.get(name), "the job to be made")
    assert json.loads(seen(sfn, arn, "TaskSubmitted")["output"])["StatusCode"] == 201
    sfn.send_task_success(taskToken=made["metadata"]["annotations"]["token"], output='"done"')
    assert closed(sfn, arn)["result"] == "done"


def test_a_stopped_execution_deletes_its_job(sfn, cluster):
    arn = start(sfn, machine(sfn, single(task("eks:runJob.sync", on(cluster, Job=job("endless"))))))
    seen(sfn, arn, "TaskSubmitted")
    sfn.stop_execution(executionArn=arn)
    [(name, options)] = wait_until(lambda: cluster.jobs.deleted, "the job to be deleted")
    assert name == "endless" and options["propagationPolicy"] == "Background"
    assert options["preconditions"] == {"uid": "uid-of-endless"}


def made(cluster, name: str) -> int:
    """How many requests there were to make a job."""
    posts = [got for got in cluster.of(JOBS) if got.method == "POST"]
    return sum(json.loads(got.body)["metadata"]["name"] == name for got in posts)


def test_a_busy_cluster_only_takes_longer(sfn, cluster):
    result = succeeded(sfn, single(task("eks:runJob.sync", on(cluster, Job=job("busy")))))
    assert result["status"]["conditions"][0]["type"] == "Complete"
    assert (cluster.jobs.busy, made(cluster, "busy")) == (0, 1)


def test_a_job_whose_start_has_no_answer_is_found(sfn, cluster):
    """Its connection breaks when the job is there: it is found by its label and not made again."""
    execution = run(sfn, single(task("eks:runJob.sync", on(cluster, Job=job("unanswered")))))
    assert execution["status"] == "SUCCEEDED", execution
    assert execution["result"]["metadata"]["uid"] == "uid-of-unanswered"
    assert made(cluster, "unanswered") == 1


def test_a_job_is_watched_on_after_a_crash(sfn, cluster, http_newel):
    arn = start(sfn, machine(sfn, single(task("eks:runJob.sync", on(cluster, Job=job("watched"))))))
    seen(sfn, arn, "TaskSubmitted")
    http_newel.crash()
    cluster.jobs.let_go.set()
    execution = closed(sfn, arn)
    assert execution["status"] == "SUCCEEDED", execution
    assert execution["result"]["status"]["conditions"][0]["type"] == "Complete"
    assert made(cluster, "watched") == 1
