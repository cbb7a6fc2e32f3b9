"""What AWS answers where the emulator doesn't: a front for moto, for replaying what was recorded from AWS.

usage: python -m support.aws_front UPSTREAM_URL [--port PORT]

A result of an optimized integration shows the answer's headers, and a failure its text: both are AWS's, and emulators have
others. Here an answer gets the headers that AWS's services send (and loses those they don't), JSON is written without
blanks and XML with AWS's indentation; what AWS refuses and moto takes is refused in AWS's words (`REFUSALS`). Lambda is
`support.lambda_functions`. Everything else is moto's. What is recorded stays out of here: these are rules of services.
"""

import argparse
import base64
import hashlib
import json
import re
import urllib.parse
import uuid
import xml.dom.minidom
from collections.abc import Callable
from email.utils import formatdate

from support.fault_proxy import FaultProxy, Handler, operation_of
from support.lambda_functions import LambdaFunctions
from support.processes import run_until_interrupted

Answer = tuple[int, list[tuple[str, str]], bytes]
CONNECTION = {"dynamodb": "Connection", "lambda": "Connection"}
"""How a service spells the header, where not in lower case."""
EMULATORS = "123456789012"
"""The account of everything in moto."""


def _empty_message(asked: dict) -> str | None:
    return None if asked.get("MessageBody") else "The request must contain the parameter MessageBody."


def _null_item(asked: dict) -> str | None:
    if asked.get("Item") is not None:
        return None
    return "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null"


def _secret_name(asked: dict) -> str | None:
    if re.fullmatch(r"[A-Za-z0-9/_+=.@!-]+", asked.get("Name", "")):
        return None
    return "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"


REFUSALS: dict[tuple[str, str], tuple[str, Callable[[dict], str | None]]] = {
    ("sqs", "SendMessage"): ("MissingParameter", _empty_message),
    ("dynamodb", "PutItem"): ("ValidationException", _null_item),
    ("secretsmanager", "CreateSecret"): ("ValidationException", _secret_name),
}
"""What AWS refuses and the emulator doesn't: the code, and its message if the members asked for are to be refused."""


class Front(Handler):
    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        service, operation = operation_of(self.command, self.path, self.headers, self._asked)
        if service == "s3":
            return super()._answer(status, [*headers, *self._of_s3(status)], body)
        super()._answer(*as_aws(service, operation, self._asked, (status, headers, body)))

    def _of_s3(self, status: int) -> list[tuple[str, str]]:
        """What S3 says of each answer, and of an object: its encryption, and to who asks the checksum that it was put with."""
        told = [("x-amz-id-2", base64.b64encode(uuid.uuid4().bytes).decode())]
        if status >= 300 or self.command not in ("PUT", "GET", "HEAD") or not re.fullmatch(r"/[^/?]+/[^?]+", self.path):
            return told
        if self.command == "PUT":
            self.server.checksums[self.path] = self.headers.get("x-amz-checksum-crc32")
        asked = self.command == "PUT" or self.headers.get("x-amz-checksum-mode") == "ENABLED"
        if asked and (crc := self.server.checksums.get(self.path)):
            told += [("x-amz-checksum-crc32", crc), ("x-amz-checksum-type", "FULL_OBJECT")]
        return [*told, ("x-amz-server-side-encryption", "AES256")]

    def _forward(self, body: bytes) -> Answer:
        service, operation = operation_of(self.command, self.path, self.headers, body)
        if refused := refusal(service, operation, body):
            return refused
        if (service, operation) == ("events", "PutEvents"):
            return self._events(body)
        own = self.server.functions.answer(self.command, urllib.parse.urlsplit(self.path).path, self.headers, body, self._scope())
        return own or super()._forward(body)

    def _events(self, body: bytes) -> Answer:
        """Takes out the entries whose detail is no JSON object, which moto refuses all together, and puts their refusals in."""
        asked = json.loads(body)
        bad = [i for i, entry in enumerate(asked.get("Entries", [])) if not _is_object(entry.get("Detail", ""))]
        asked["Entries"] = [entry for i, entry in enumerate(asked.get("Entries", [])) if i not in bad]
        if not bad:
            return super()._forward(body)
        told = {"Entries": []}
        if asked["Entries"]:
            status, headers, content = super()._forward(json.dumps(asked).encode())
            if status != 200:
                return status, headers, content
            told = json.loads(content)
        for i in bad:
            told["Entries"].insert(i, {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."})
        told["FailedEntryCount"] = told.get("FailedEntryCount", 0) + len(bad)
        return 200, [("Content-Type", "application/x-amz-json-1.1")], json.dumps(told).encode()

    def _scope(self) -> str:
        found = re.search(r"Credential=([^/]+)/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
        key, region = found.groups() if found else ("", "us-east-1")
        return f"{region}:{key if re.fullmatch(r'[0-9]{12}', key) else EMULATORS}"

    def _read_body(self) -> bytes:
        self._asked = super()._read_body()
        return self._asked


def refusal(service: str, operation: str, body: bytes) -> Answer | None:
    code, why = REFUSALS.get((service, operation), ("", lambda _: None))
    if not code or not (message := why(json.loads(body or b"{}"))):
        return None
    told = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-ErrorType", code)]
    return 400, told, json.dumps({"__type": code, "message": message}).encode()


def as_aws(service: str, operation: str, asked_body: bytes, answer: Answer) -> Answer:
    """An answer as the service itself would send it."""
    status, headers, body = answer
    had = {name.lower(): value for name, value in headers}
    kind = had.get("content-type", "application/json").split(";")[0]
    request = had["x-amzn-requestid"] if service == "lambda" and "x-amzn-requestid" in had else str(uuid.uuid4())
    match (service, operation):
        case ("sns", "Publish"):
            body = body.replace(b"Endpoint does not exist", b"Topic does not exist")
        case ("sqs", "ReceiveMessage"):
            body = _with_accounts(body)
        case ("dynamodb", _) if b"ReturnConsumedCapacity" not in asked_body:
            body = _without(body, "ConsumedCapacity")
    # What a function returns is its own text.
    if not (service == "lambda" and operation == "Invoke"):
        body, kind = _rewritten(kind, body, request)
    told = [(name, value) for name, value in headers if name.lower().startswith("x-amz") and name.lower() != "x-amzn-requestid"]
    told.append(("x-amzn-RequestId", request))
    told += [(CONNECTION.get(service, "connection"), "keep-alive"), ("Date", formatdate(usegmt=True)), ("Content-Type", kind)]
    return status, told + ([("Server", "Server")] if service == "dynamodb" else []), body


def _with_accounts(body: bytes) -> bytes:
    """Messages with the account in EventBridge's events, which have it in AWS."""
    told = json.loads(body or b"{}")
    for message in told.get("Messages", []):
        try:
            event = json.loads(message["Body"])
        except ValueError:
            continue
        if isinstance(event, dict) and {"detail-type", "source", "region"} <= event.keys():
            message["Body"] = json.dumps({**event, "account": EMULATORS})
            message["MD5OfBody"] = hashlib.md5(message["Body"].encode()).hexdigest()
    return json.dumps(told).encode()


def _without(body: bytes, member: str) -> bytes:
    told = json.loads(body or b"{}")
    told.pop(member, None)
    return json.dumps(told).encode()


def _rewritten(kind: str, body: bytes, request: str) -> tuple[bytes, str]:
    """The body without the emulator's blanks and with the request's id, and its content type."""
    if "json" in kind and body:
        try:
            return json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode(), kind
        except ValueError:
            return body, kind
    if body.lstrip().startswith(b"<"):
        body = re.sub(rb"<RequestId>[^<]*</RequestId>", f"<RequestId>{request}</RequestId>".encode(), body)
        return _indented(body), "text/xml"
    return body, kind


def _indented(body: bytes) -> bytes:
    tree = xml.dom.minidom.parseString(re.sub(rb">\s+<", b"><", body.strip()))
    return tree.documentElement.toprettyxml(indent="  ").encode()


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


class AwsFront(FaultProxy):
    """The front, serving in a thread of this process. `url` is the endpoint for clients."""

    handler = Front

    def __init__(self, upstream: str, port: int = 0):
        self.functions = LambdaFunctions()
        self.checksums: dict[str, str | None] = {}
        super().__init__(upstream, port)


def main() -> None:
    parser = argparse.ArgumentParser(description="make an emulator answer as AWS does")
    parser.add_argument("upstream", help="URL of the emulator")
    parser.add_argument("--port", type=int, default=0, help="loopback port, 0 for a free one")
    options = parser.parse_args()
    front = AwsFront(options.upstream, options.port)
    print(f"front ready on {front.url}", flush=True)
    run_until_interrupted(front.stop)


if __name__ == "__main__":
    main()
