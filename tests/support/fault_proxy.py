"""A proxy in front of an emulator that makes calls fail on purpose.

usage: python -m support.fault_proxy UPSTREAM_URL [--port PORT]

    PUT    /__proxy/faults   replaces the rules: [{"match": {"service": "batch", "operation": "SubmitJob"},
                             "kind": "throttle", "times": 3, "probability": 1.0, "delay": 0, "code", "message", "status"}]
    GET    /__proxy/faults   the rules with what is left of their times
    DELETE /__proxy/faults   removes the rules
    GET    /__proxy/calls    {"batch.SubmitJob": {"calls": 7, "faults": 3}}; DELETE forgets them

Kinds, with the words of newel-aws-fake: throttle, server_error, error (code, message, status), reset (cut before the call
reaches the emulator), lost_answer (the emulator carries the call out, then the connection is cut), latency (delay, then
as usual), timeout (delay, then cut, and the emulator never sees the call). A rule without `times` holds for every call.
"""

import argparse
import http.client
import json
import random
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.processes import run_until_interrupted

KINDS = ("throttle", "server_error", "error", "reset", "lost_answer", "latency", "timeout")
QUERY_SERVICES = ("sts", "iam", "ec2", "cloudformation", "autoscaling")
CONNECTION_HEADERS = ("connection", "transfer-encoding", "content-length", "expect", "keep-alive")


@dataclass
class Fault:
    """One rule; see the module."""

    kind: str
    match: dict = field(default_factory=dict)
    times: int | None = None
    probability: float = 1.0
    delay: float = 0.0
    code: str | None = None
    message: str | None = None
    status: int | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind: {self.kind}")
        if unknown := set(self.match) - {"service", "operation"}:
            raise ValueError(f"unknown members of match: {sorted(unknown)}")

    def takes(self, service: str, operation: str) -> bool:
        called = {"service": service, "operation": operation}
        return self.times != 0 and all(called[name] == wanted for name, wanted in self.match.items())


class Faults:
    """The rules in force and the calls seen. The dice are seeded, so a run can be repeated."""

    def __init__(self, seed: int = 0):
        self._lock = threading.Lock()
        self._dice = random.Random(seed)
        self._rules: list[Fault] = []
        self._calls: Counter = Counter()
        self._faults: Counter = Counter()

    def replace(self, rules: list[dict]) -> None:
        fresh = [Fault(**rule) for rule in rules]
        with self._lock:
            self._rules = fresh

    def rules(self) -> list[dict]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def meet(self, service: str, operation: str) -> Fault | None:
        """Counts a call and says which fault it meets."""
        name = f"{service}.{operation}"
        with self._lock:
            self._calls[name] += 1
            for rule in self._rules:
                if rule.takes(service, operation) and self._dice.random() < rule.probability:
                    if rule.times is not None:
                        rule.times -= 1
                    self._faults[name] += 1
                    return rule
        return None

    def calls(self) -> dict:
        with self._lock:
            return {name: {"calls": n, "faults": self._faults[name]} for name, n in sorted(self._calls.items())}

    def forget_calls(self) -> None:
        with self._lock:
            self._calls.clear()
            self._faults.clear()


@lru_cache(maxsize=None)
def _rest_operations(service: str) -> list[tuple[str, re.Pattern, str]]:
    """Method, path pattern and name of a service's operations, from botocore's model of it."""
    import botocore.exceptions
    import botocore.session

    try:
        model = botocore.session.get_session().get_service_model(service)
    except botocore.exceptions.UnknownServiceError:
        return []
    operations = []
    for name in model.operation_names:
        http_trait = model.operation_model(name).http
        path = http_trait["requestUri"].split("?")[0]
        # {label} is one segment of the path, {label+} any number.
        parts = re.split(r"(\{[^}]+\})", path)
        pattern = "".join((".+" if p.endswith("+}") else "[^/]+") if p.startswith("{") else re.escape(p) for p in parts)
        operations.append((http_trait["method"], re.compile(pattern), name))
    return operations


def operation_of(method: str, path: str, headers, body: bytes) -> tuple[str, str]:
    """Service and operation of an AWS request: by credential scope, then target, action or path."""
    scope = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", headers.get("Authorization", ""))
    service = scope[1] if scope else "unknown"
    if target := headers.get("X-Amz-Target"):
        return service, target.rsplit(".", 1)[-1]
    if action := re.search(rb"(?:^|&)Action=(\w+)", body):
        return service, action[1].decode()
    path = urllib.parse.urlsplit(path).path
    for wanted, pattern, name in _rest_operations(service):
        if wanted == method and pattern.fullmatch(path):
            return service, name
    return service, f"{method} {path}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Calls are counted, not logged."""

    def _handle(self) -> None:
        body = self._read_body()
        if self.path.startswith("/__proxy/"):
            return self._control(body)
        service, operation = operation_of(self.command, self.path, self.headers, body)
        fault = self.server.faults.meet(service, operation)
        if fault is None:
            return self._answer(*self._forward(body))
        time.sleep(fault.delay)
        if fault.kind in ("reset", "timeout"):
            return self._cut()
        if fault.kind == "lost_answer":
            self._forward(body)
            return self._cut()
        if fault.kind == "latency":
            return self._answer(*self._forward(body))
        return self._answer(*self._refusal(fault, service))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _handle

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _control(self, body: bytes) -> None:
        faults = self.server.faults
        match (self.command, self.path):
            case ("PUT", "/__proxy/faults"):
                try:
                    faults.replace(json.loads(body))
                except (TypeError, ValueError) as error:
                    return self._answer(400, [], f"{error}\n".encode())
            case ("DELETE", "/__proxy/faults"):
                faults.replace([])
            case ("DELETE", "/__proxy/calls"):
                faults.forget_calls()
            case ("GET", "/__proxy/faults" | "/__proxy/calls"):
                pass
            case _:
                return self._answer(404, [], b"")
        told = faults.calls() if self.path.endswith("calls") else faults.rules()
        return self._answer(200, [("Content-Type", "application/json")], json.dumps(told).encode())

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(*self.server.upstream, timeout=120)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in CONNECTION_HEADERS}
            upstream.request(self.command, self.path, body, headers)
            response = upstream.getresponse()
            content = response.read()
            kept = [(k, v) for k, v in response.getheaders() if k.lower() not in CONNECTION_HEADERS]
            return response.status, kept, content
        finally:
            upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _cut(self) -> None:
        # With nothing to linger for, closing sends a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _refusal(self, fault: Fault, service: str) -> tuple[int, list[tuple[str, str]], bytes]:
        usual = {
            "throttle": (429 if service in ("batch", "lambda") else 400, "ThrottlingException", "Rate exceeded"),
            "server_error": (503, "ServiceUnavailable", "Service Unavailable"),
            "error": (400, "ClientException", "injected"),
        }
        status, code, message = usual[fault.kind]
        status, code, message = fault.status or status, fault.code or code, fault.message or message
        headers = [("x-amzn-RequestId", "fault-proxy"), ("x-amzn-ErrorType", code)]
        if service in QUERY_SERVICES:
            error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            body = f"<ErrorResponse>{error}<RequestId>fault-proxy</RequestId></ErrorResponse>"
            return status, [*headers, ("Content-Type", "text/xml")], body.encode()
        body = json.dumps({"__type": code, "message": message})
        return status, [*headers, ("Content-Type", "application/json")], body.encode()


class FaultProxy(ThreadingHTTPServer):
    """The proxy, serving in a thread of this process. `url` is the endpoint for clients."""

    daemon_threads = True
    request_queue_size = 256
    handler: type[Handler] = Handler

    def __init__(self, upstream: str, port: int = 0, seed: int = 0):
        super().__init__(("127.0.0.1", port), self.handler)
        to = urllib.parse.urlsplit(upstream)
        self.upstream = (to.hostname, to.port or 80)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.faults = Faults(seed)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def handle_error(self, request, client_address):
        """A peer that hangs up, or whose connection was cut on purpose, is no news."""

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="put faults between AWS clients and an emulator")
    parser.add_argument("upstream", help="URL of the emulator")
    parser.add_argument("--port", type=int, default=0, help="loopback port, 0 for a free one")
    options = parser.parse_args()
    proxy = FaultProxy(options.upstream, options.port)
    print(f"fault proxy ready on {proxy.url}", flush=True)
    run_until_interrupted(proxy.stop)


if __name__ == "__main__":
    main()
