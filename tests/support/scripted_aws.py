"""A stand-in for any AWS service, as botocore's models have it: it reads requests and writes answers along them, with the
parsers and serializers of moto, and what it answers is a function's choice.

    def answer(call):                       # call.service, .operation, .parameters
        return {"RunId": "r"}               # the answer, in the model's names; or raise Refusal, or return LOST

    with ScriptedAws(answer) as aws:
        aws.url, aws.calls, aws.flaws

Parameters are what botocore reads of the request. One that has a member its operation doesn't know, lacks one that is
required or breaks a limit of the model is refused, and stands in `flaws`; so does an answer of the test's that the model
doesn't allow. It shares no code with Newel and checks no signatures; the service is the one that a request is signed for.
"""

import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

# Where services sign under another name than botocore calls them by.
SERVICES = {"elasticmapreduce": ("emr",), "bedrock": ("bedrock", "bedrock-runtime")}

LOST = object()
"""As an answer: the call has had its effect, and its connection breaks."""


class Refusal(Exception):
    """An error of the service's."""

    def __init__(self, code: str, message: str = "told to"):
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Call:
    """A request as botocore reads it."""

    service: str
    operation: str
    parameters: dict
    at: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        """The parameters as text, to look for a name in."""
        return json.dumps(self.parameters, default=str)


def strangers(shape, value, at: str = "") -> list[str]:
    """What a JSON body has that its shape doesn't: parsers pass over it in silence."""
    if shape.type_name == "structure" and isinstance(value, dict) and not shape.is_document_type:
        known = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        inside = [strangers(known[name], item, f"{at}.{name}") for name, item in value.items() if name in known]
        return [f"{at}.{name}" for name in value if name not in known] + sum(inside, [])
    if shape.type_name == "list" and isinstance(value, list):
        return sum((strangers(shape.member, item, f"{at}[]") for item in value), [])
    if shape.type_name == "map" and isinstance(value, dict):
        return sum((strangers(shape.value, item, f"{at}.{key}") for key, item in value.items()), [])
    return []


def operation_of(services: tuple[str, ...], request: Request):
    """The service and the model of the operation that a request is for, and what its path says."""
    for service in services:
        try:
            return service, *get_service_router(service).match(request)
        except NotFound as error:
            last = error
    raise last


def read(service: str, operation, in_path: dict, request: Request):
    """The protocol of a request for an operation, its parameters, and what is wrong with them."""
    protocol = determine_request_protocol(get_service_model(service), request.content_type)
    body = request.get_data()
    parts = {"method": request.method, "values": request.values, "headers": request.headers, "body": body}
    parameters = PROTOCOL_PARSERS[protocol](operation).parse({**parts, "url_path": request.path, "url_params": in_path})
    shape = operation.input_shape
    if shape is None:
        return protocol, parameters, []
    report = ParamValidator().validate(parameters, shape)
    flaws = [report.generate_report()] if report.has_errors() else []
    if protocol in ("json", "rest-json") and body and "payload" not in shape.serialization:
        flaws += [f"no such member: {name}" for name in strangers(shape, json.loads(body))]
    return protocol, parameters, flaws


def write(operation, protocol: str, answer) -> tuple[int, dict, bytes]:
    """Status, headers and body of an answer, or of an exception with the `code` of an error."""
    serializer = get_serializer_class(operation.service_model.service_name, protocol)(operation)
    written = serializer.serialize(answer)
    body = written["body"]
    return written["status_code"], written["headers"], body if isinstance(body, bytes) else body.encode()


def misfits(operation, answer: dict) -> list[str]:
    """What an answer has, or lacks, that its model doesn't allow."""
    if operation.output_shape is None or operation.has_event_stream_output:
        return []
    report = ParamValidator().validate(answer, operation.output_shape)
    return [report.generate_report()] if report.has_errors() else []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Calls are kept, not logged."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scope = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
        signed_for = scope[1] if scope else "unknown"
        answer = self.server.met(SERVICES.get(signed_for, (signed_for,)), self.command, self.path, self.headers, body)
        if answer is LOST:
            self._cut()
        else:
            self._answer(*answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _handle

    def _answer(self, status: int, headers: dict, body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {**headers, "x-amzn-RequestId": "scripted", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _cut(self) -> None:
        # With nothing to linger for, closing sends a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


class ScriptedAws(ThreadingHTTPServer):
    """The stand-in, serving in threads of this process. `url` is the endpoint for all services; the models of those named
    are loaded beforehand, which takes a moment."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer: Callable[[Call], dict], services: Iterable[str] = ()):
        for service in services:
            get_service_router(service)
        super().__init__(("127.0.0.1", 0), Handler)
        self._choose = answer
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.calls: list[Call] = []
        self.flaws: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def met(self, services: tuple[str, ...], method: str, path: str, headers, body: bytes):
        """Reads a request and says what is answered to it."""
        request = Request.from_primitives(method, self.url + path, headers, body)
        request.environ["RAW_URI"] = path
        try:
            service, operation, in_path = operation_of(services, request)
            protocol, parameters, flaws = read(service, operation, in_path, request)
        except (NotFound, ValueError) as error:
            self.flaws.append(f"{services[0]}.{method} {path}: {error!r}")
            return 501, {}, b"{}"
        call = Call(service, operation.name, parameters)
        self.calls.append(call)
        if flaws:
            self.flaws += [f"{service}.{operation.name}: {flaw}" for flaw in flaws]
            return write(operation, protocol, Refusal("ValidationException", "; ".join(flaws)))
        try:
            answer = self._choose(call)
        except Refusal as refusal:
            return write(operation, protocol, refusal)
        if answer is LOST:
            return LOST
        self.flaws += [f"answer of {service}.{operation.name}: {flaw}" for flaw in misfits(operation, answer)]
        return write(operation, protocol, answer)

    def of(self, operation: str, name: str = "") -> list[Call]:
        """The calls of an operation with this somewhere in their parameters."""
        return [call for call in list(self.calls) if call.operation == operation and name in call.text]

    def flaws_of(self, service: str) -> list[str]:
        """What was wrong with the requests to a service, and with the answers of it."""
        return [flaw for flaw in self.flaws if flaw.removeprefix("answer of ").startswith((f"{service}.", "scripted_aws"))]

    def handle_error(self, request, client_address):
        """A peer that hangs up, or whose connection was cut on purpose, is no news; anything else is a mistake here."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.flaws.append(f"scripted_aws: {error!r}")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()
