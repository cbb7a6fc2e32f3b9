"""Signature Version 4, once access keys are configured: what boto3 signs, and what it would never send."""

import datetime
import json
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from support.refusals import refused

from .conftest import create

KEY, SECRET, ACCOUNT = "AKIDNEWELTEST", "right-secret", "111122223333"
# How `newel dev` is told of the access keys file.
ACCESS_KEYS = "NEWEL_AUTH__ACCESS_KEYS_FILE"


@pytest.fixture
def secured(start_newel, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(
        f'[[access_keys]]\naccess_key_id = "{KEY}"\nsecret_access_key = "{SECRET}"\naccount = "{ACCOUNT}"\n'
        f'regions = ["us-east-1"]\n'
    )
    return start_newel({ACCESS_KEYS: str(keys)}).http


def signing(endpoint, key=KEY, secret=SECRET, region="us-east-1", token=None):
    return boto3.client(
        "stepfunctions",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )


def send(endpoint, headers, body=b"{}"):
    """Status and error of a request with exactly these headers."""
    request = urllib.request.Request(endpoint + "/", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["__type"]


def signed_headers(endpoint, body=b"{}", at=None, **more):
    """What boto3 would send, signed as if it were `at`."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AWSStepFunctions.ListStateMachines",
        **more,
    }
    request = AWSRequest("POST", endpoint + "/", data=body, headers=headers)
    signer = SigV4Auth(Credentials(KEY, SECRET), "states", "us-east-1")
    if at is None:
        signer.add_auth(request)
    else:
        request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        text = signer.string_to_sign(request, signer.canonical_request(request))
        signed = signer.signed_headers(signer.headers_to_sign(request))
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={signed}, "
            f"Signature={signer.signature(text, request)}"
        )
    return dict(request.headers)


def test_the_right_secret_opens_the_keys_account(secured):
    states = signing(secured)
    assert create(states) == f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:machine"


def test_everything_else_is_refused(secured):
    for code, arguments in [
        ("InvalidSignatureException", {"secret": "wrong-secret"}),
        ("UnrecognizedClientException", {"key": "AKIDNOBODY"}),
        ("UnrecognizedClientException", {"key": ACCOUNT}),
        ("UnrecognizedClientException", {"token": "some-token"}),
        ("InvalidSignatureException", {"region": "eu-west-1"}),
    ]:
        with refused(code, 400):
            signing(secured, **arguments).list_state_machines()


def test_an_unsigned_or_changed_request_is_refused(secured):
    good = signed_headers(secured)
    assert send(secured, good) == (200, None)
    assert send(secured, good, b'{"maxResults":1}') == (400, "InvalidSignatureException")
    changed = {**good, "X-Amz-Target": "AWSStepFunctions.DeleteStateMachine"}
    assert send(secured, changed) == (400, "InvalidSignatureException")
    unsigned = {k: v for k, v in good.items() if k != "Authorization"}
    assert send(secured, unsigned) == (400, "MissingAuthenticationTokenException")
    assert send(secured, {**good, "Authorization": "AWS4-HMAC-SHA256 nonsense"}) == (400, "IncompleteSignatureException")
    payload = signed_headers(secured, **{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert send(secured, payload) == (400, "InvalidSignatureException")


def test_an_old_or_early_signature_is_refused(secured):
    now = datetime.datetime.now(datetime.timezone.utc)
    for minutes, answer in [
        (0, (200, None)),
        (-4, (200, None)),
        (-6, (400, "InvalidSignatureException")),
        (6, (400, "InvalidSignatureException")),
    ]:
        at = now + datetime.timedelta(minutes=minutes)
        assert send(secured, signed_headers(secured, at=at)) == answer, f"{minutes} minutes"


def test_probes_need_no_signature(secured):
    for path in ("/healthz", "/readyz"):
        with urllib.request.urlopen(secured + path, timeout=10) as answer:
            assert answer.status == 200
