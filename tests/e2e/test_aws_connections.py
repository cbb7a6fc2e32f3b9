"""HTTP Tasks with connections that EventBridge has, their secrets in Secrets Manager."""

import json
import uuid

import pytest
from support.clients import REGION, client
from support.executions import failed, single, succeeded, task
from support.http_api import HttpApi, answer_json, basic
from support.newel import Dev

pytestmark = pytest.mark.timeout(120)

ACCOUNT = "123456789012"
"""Whose connections the emulator's are."""

CONFIGURATION = """
[worker.http]
allow = ["127.0.0.1"]
plain_http = true

[worker.http.connections.local]
auth = "basic"
username = "user"
password = {{ secret = "{secret}", key = "password" }}
headers = {{ "X-Whole" = {{ secret = "{whole}" }} }}

[worker.http.connections.lacking]
auth = "basic"
username = "user"
password = {{ secret = "{secret}", key = "no such member" }}

[worker.http.connections.missing]
auth = "basic"
username = "user"
password = {{ secret = "{secret}-gone" }}
"""
"""Connections of Newel's own, their secrets in Secrets Manager."""


@pytest.fixture(scope="module")
def api():
    token = {"access_token": "granted", "expires_in": 3600}
    with HttpApi({"/call": lambda _: answer_json({"ok": True}), "/token": lambda _: answer_json(token)}) as api:
        yield api


@pytest.fixture(scope="module")
def newel(moto, tmp_path_factory):
    directory = tmp_path_factory.mktemp("newel-connections")
    manager = client("secretsmanager", moto.url)
    secret, whole = (
        manager.create_secret(Name=f"connection-{uuid.uuid4().hex}", SecretString=text)["ARN"]
        for text in ('{"password": "s3cret-local"}', "s3cret-whole")
    )
    (directory / "newel.toml").write_text(CONFIGURATION.format(secret=secret, whole=whole))
    with Dev(directory, moto.url, env={"NEWEL_CONFIG": str(directory / "newel.toml")}) as newel:
        yield newel


@pytest.fixture
def events(moto):
    return client("events", moto.url)


def made(events, kind: str, parameters: dict) -> str:
    """A connection's ARN."""
    name = f"c-{uuid.uuid4().hex}"
    return events.create_connection(Name=name, AuthorizationType=kind, AuthParameters=parameters)["ConnectionArn"]


def call(api, arn: str) -> dict:
    parameters = {"ApiEndpoint": f"{api.url}/call", "Method": "GET", "Authentication": {"ConnectionArn": arn}}
    return single(task("http:invoke", parameters))


def test_basic_with_secret_parameters(newel, events, api):
    more = {"HeaderParameters": [{"Key": "X-Secret", "Value": "s3cret-header", "IsValueSecret": True}]}
    basics = {"Username": "user", "Password": "s3cret-password"}
    arn = made(events, "BASIC", {"BasicAuthParameters": basics, "InvocationHttpParameters": more})
    before = len(api.of("/call"))
    assert succeeded(newel.client(ACCOUNT), call(api, arn))["ResponseBody"] == {"ok": True}
    got = api.of("/call")[before]
    headers = {name.lower(): value for name, value in got.headers.items()}
    assert headers["authorization"] == basic("user", "s3cret-password")
    assert headers["x-secret"] == "s3cret-header"
    assert "s3cret" not in newel.program.output()


def test_what_it_adds_is_shown_in_a_tested_state_only_if_it_is_to_be_revealed(newel, events, api):
    """All that it adds, whether or not it says that a value is secret, as in AWS."""
    more = {
        "HeaderParameters": [{"Key": "X-Plain", "Value": "plain-header", "IsValueSecret": False}],
        "QueryStringParameters": [{"Key": "key", "Value": "s3cret-query", "IsValueSecret": True}],
    }
    basics = {"Username": "user", "Password": "s3cret-password"}
    arn = made(events, "BASIC", {"BasicAuthParameters": basics, "InvocationHttpParameters": more})
    state = json.dumps(call(api, arn)["States"]["Work"])
    for reveal in (False, True):
        tested = newel.client(ACCOUNT, inject_host_prefix=False).test_state(
            definition=state, roleArn=f"arn:aws:iam::{ACCOUNT}:role/r", inspectionLevel="TRACE", revealSecrets=reveal
        )
        assert tested["status"] == "SUCCEEDED", tested
        request = tested["inspectionData"]["request"]
        assert request["url"] == f"{api.url}/call" + ("?key=s3cret-query" if reveal else "")
        added = (f"Authorization: {basic('user', 's3cret-password')}", "X-Plain: plain-header")
        assert [line in request["headers"] for line in added] == [reveal, reveal], request
        assert ("Authorization" in request["headers"]) == reveal
    assert "s3cret" not in newel.program.output()


def test_an_api_key(newel, events, api):
    arn = made(events, "API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": "X-Api-Key", "ApiKeyValue": "s3cret-key"}})
    before = len(api.of("/call"))
    succeeded(newel.client(ACCOUNT), call(api, arn))
    headers = {name.lower(): value for name, value in api.of("/call")[before].headers.items()}
    assert headers["x-api-key"] == "s3cret-key"


def test_oauth(newel, events, api):
    clients = {"ClientID": "the client", "ClientSecret": "s3cret-client"}
    form = {"BodyParameters": [{"Key": "scope", "Value": "read", "IsValueSecret": False}]}
    oauth = {
        "ClientParameters": clients,
        "AuthorizationEndpoint": f"{api.url}/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": form,
    }
    arn = made(events, "OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": oauth})
    before = len(api.of("/call"))
    for _ in range(2):
        succeeded(newel.client(ACCOUNT), call(api, arn))
    [asked] = api.of("/token")
    assert "scope=read" in asked.body
    assert basic("the%20client", "s3cret-client") in asked.headers.values()
    assert all("Bearer granted" in got.headers.values() for got in api.of("/call")[before:])


def test_a_connection_that_is_not_there_or_another_account_s(newel, events, api):
    arn = made(events, "API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": "X-Api-Key", "ApiKeyValue": "k"}})
    other_id = f"{arn.rsplit('/', 1)[0]}/{uuid.uuid4()}"
    missing = f"arn:aws:events:{REGION}:{ACCOUNT}:connection/none/{uuid.uuid4()}"
    for named in (missing, other_id):
        error, _ = failed(newel.client(ACCOUNT), call(api, named))
        assert error == "Events.ConnectionResource.ResourceNotFound", named
    error, cause = failed(newel.client(), call(api, arn))
    assert error == "Events.ConnectionResource.ResourceNotFound"
    assert "account" in cause


def test_a_configured_connection_has_its_secrets_in_secrets_manager(newel, api):
    before = len(api.of("/call"))
    for _ in range(2):
        succeeded(newel.client(ACCOUNT), call(api, "local"))
    headers = {name.lower(): value for name, value in api.of("/call")[before].headers.items()}
    assert headers["authorization"] == basic("user", "s3cret-local")
    assert headers["x-whole"] == "s3cret-whole"
    assert "s3cret" not in newel.program.output()


@pytest.mark.parametrize("connection", ["lacking", "missing"])
def test_a_secret_that_is_not_there_fails_the_task(newel, api, connection):
    before = len(api.of("/call"))
    error, cause = failed(newel.client(ACCOUNT), call(api, connection))
    assert error == "Events.ConnectionResource.AccessDenied"
    assert "secretsmanager" not in cause, "where secrets are is for the operator's log"
    assert len(api.of("/call")) == before
