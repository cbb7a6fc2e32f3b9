"""Lambda as far as workflows see it: functions of Python source, each invocation a process of its own.

The emulator gives a function's input back and knows no failure. What a function returns and how it fails here follows
AWS's runtime for Python: JSON of what it returns (bytes as they are), or `errorMessage`, `errorType`, `requestId` and
`stackTrace` with `X-Amz-Function-Error`.
"""

import base64
import io
import json
import re
import subprocess
import sys
import threading
import urllib.parse
import uuid
import zipfile
from dataclasses import dataclass

FUNCTIONS = re.compile(r"/2015-03-31/functions(?:/([^/]+)(/invocations|/configuration)?)?/?")
LOG_TAIL_BYTES = 4096

# Runs the handler on the event in its standard input, and prints what the runtime would post.
RUNTIME = r"""
import json, linecache, sys, traceback, types
source, module, name, request = sys.argv[1:5]
file = f"/var/task/{module}.py"
linecache.cache[file] = (len(source), None, source.splitlines(True), file)
scope = types.ModuleType(module)
event = json.loads(sys.stdin.read() or "{}")
try:
    exec(compile(source, file, "exec"), scope.__dict__)
    result = getattr(scope, name)(event, None)
    told = result.decode() if isinstance(result, bytes) else json.dumps(result)
    sys.stdout.write("+" + told)
except Exception as error:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    sys.stdout.write("-" + json.dumps({
        "errorMessage": str(error), "errorType": type(error).__name__, "requestId": request,
        "stackTrace": traceback.format_list(frames),
    }))
"""


@dataclass
class Function:
    """One function as it was created."""

    arn: str
    source: str
    module: str
    handler: str
    seconds: float

    def configuration(self) -> dict:
        name = self.arn.rsplit(":", 1)[-1]
        return {"FunctionName": name, "FunctionArn": self.arn, "State": "Active", "LastUpdateStatus": "Successful"}

    def run(self, payload: bytes, request: str) -> tuple[bytes, bool]:
        """What it returns, and whether it failed."""
        command = [sys.executable, "-c", RUNTIME, self.source, self.module, self.handler, request]
        try:
            told = subprocess.run(command, input=payload, capture_output=True, timeout=self.seconds).stdout
        except subprocess.TimeoutExpired:
            return json.dumps({"errorMessage": f"{request} Task timed out after {self.seconds:.2f} seconds"}).encode(), True
        return told[1:], told[:1] != b"+"


class LambdaFunctions:
    """The functions of all accounts, by their ARN."""

    def __init__(self):
        self._lock = threading.Lock()
        self._functions: dict[str, Function] = {}

    def answer(self, method: str, path: str, headers, body: bytes, scope: str) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """The answer to a call of Lambda's API, or nothing if it is another's. `scope` is `region:account` of the caller."""
        if not (found := FUNCTIONS.fullmatch(path)):
            return None
        name, what = urllib.parse.unquote(found[1] or ""), found[2]
        if method == "POST" and not name:
            return self._create(json.loads(body), scope)
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{scope}:function:{name}"
        arn = ":".join(arn.split(":")[:7])
        with self._lock:
            function = self._functions.get(arn)
        if function is None:
            told = f"Function not found: {arn}" + (":$LATEST" if what == "/invocations" else "")
            return 404, [("x-amzn-ErrorType", "ResourceNotFoundException")], json.dumps({"Type": "User", "Message": told}).encode()
        match (method, what):
            case ("POST", "/invocations"):
                return self._invoke(function, headers, body)
            case ("GET", "/configuration"):
                return 200, [], json.dumps(function.configuration()).encode()
            case ("GET", None):
                return 200, [], json.dumps({"Configuration": function.configuration()}).encode()
            case ("DELETE", None):
                with self._lock:
                    self._functions.pop(arn, None)
                return 204, [], b""
        return 400, [("x-amzn-ErrorType", "InvalidRequestContentException")], b'{"message": "not served here"}'

    def _create(self, wanted: dict, scope: str) -> tuple[int, list[tuple[str, str]], bytes]:
        module, handler = wanted["Handler"].rsplit(".", 1)
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(wanted["Code"]["ZipFile"]))) as code:
            source = code.read(f"{module}.py").decode()
        arn = f"arn:aws:lambda:{scope}:function:{wanted['FunctionName']}"
        function = Function(arn, source, module, handler, wanted.get("Timeout", 3))
        with self._lock:
            self._functions[arn] = function
        return 201, [], json.dumps(function.configuration()).encode()

    @staticmethod
    def _invoke(function: Function, headers, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        request = str(uuid.uuid4())
        told = [("x-amzn-RequestId", request), ("x-amzn-Remapped-Content-Length", "0")]
        told += [("X-Amz-Executed-Version", "$LATEST"), ("X-Amzn-Trace-Id", f"root=1-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:24]}")]
        if headers.get("X-Amz-Invocation-Type") == "Event":
            threading.Thread(target=function.run, args=(body, request), daemon=True).start()
            return 202, told[:1], b""
        result, failed = function.run(body, request)
        if failed:
            told.append(("X-Amz-Function-Error", "Unhandled"))
        if headers.get("X-Amz-Log-Type") == "Tail":
            log = f"START RequestId: {request} Version: $LATEST\nEND RequestId: {request}\n".encode()[-LOG_TAIL_BYTES:]
            told.append(("X-Amz-Log-Result", base64.b64encode(log).decode()))
        return 200, told, result
