"""A worker from outside Newel's tree: it renders texts, as `arn:aws:states:::acme:render`.

usage: python worker.py ADDRESS [--token-file FILE] [--jobs DIR]

ADDRESS is that of the orchestrator's gRPC, 127.0.0.1:8084. FILE holds the bearer token of the family `acme`, if the orchestrator
asks for one. DIR is where this worker keeps the jobs of `.sync` states; a real one would start them in some other system.

The stubs are generated from `proto/newel/worker/v1/worker.proto` when this starts. A project of its own would generate them once:

    python -m grpc_tools.protoc -Iproto --python_out=. --grpc_python_out=. newel/worker/v1/worker.proto
"""

import argparse
import json
import queue
import signal
import socket
import sys
import tempfile
import threading
import time
from importlib import import_module
from pathlib import Path

import grpc
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[3] / "proto"
FAMILY = "acme"
SCHEMA = {
    "type": "object",
    "properties": {
        "template": {"type": "string", "description": "The text, with names in braces"},
        "values": {"type": "object", "description": "What stands for the names"},
        "seconds": {"type": "number", "description": "How long a job takes"},
    },
    "required": ["template"],
    "additionalProperties": False,
}
CREDIT = 16
CREDIT_BYTES = 4 << 20
# What repeating can't mend: a token, a name or a schema has to be changed first.
HOPELESS = {
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.ALREADY_EXISTS,
}


def generated():
    """The messages and the stubs of `newel.worker.v1`."""
    out = tempfile.mkdtemp(prefix="newel-worker-v1-")
    source = "newel/worker/v1/worker.proto"
    if protoc.main(["protoc", f"-I{PROTO}", f"--python_out={out}", f"--grpc_python_out={out}", source]) != 0:
        sys.exit(f"protoc refused {source}")
    sys.path.insert(0, out)
    return import_module("newel.worker.v1.worker_pb2"), import_module("newel.worker.v1.worker_pb2_grpc")


wire, stubs = generated()


def render(parameters: dict) -> dict:
    """What the resource is all about."""
    return {"text": parameters["template"].format_map(parameters.get("values", {}))}


class Jobs:
    """Jobs as files, named by the token of the submission that started them: the same submission starts one job at most."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def start(self, token: str, parameters: dict) -> str:
        job = {"ends": time.time() + parameters.get("seconds", 0), "parameters": parameters}
        if not (self.directory / token).exists():
            (self.directory / f".{token}").write_text(json.dumps(job))
            (self.directory / f".{token}").rename(self.directory / token)
        return token

    def result(self, job: str) -> dict | None:
        """None while it runs."""
        found = json.loads((self.directory / job).read_text())
        return render(found["parameters"]) if found["ends"] <= time.time() else None

    def cancel(self, job: str) -> None:
        (self.directory / job).unlink(missing_ok=True)


class Worker:
    """One session at a time, and what outlives a session: the tasks under watch, and the reports that aren't acknowledged."""

    def __init__(self, address: str, token: str | None, jobs: Jobs):
        self.address = address
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.jobs = jobs
        self.lock = threading.Lock()
        self.requests: queue.SimpleQueue = queue.SimpleQueue()
        self.watched: dict[bytes, wire.Dispatch] = {}
        self.reports: dict[tuple[bytes, str], wire.Report] = {}
        self.stopping = False

    def run(self) -> None:
        """Sessions, until it is asked to stop or hears that there is no point."""
        threading.Thread(target=self.poll, daemon=True).start()
        while not self.stopping:
            try:
                with grpc.insecure_channel(self.address) as channel:
                    self.session(channel)
            except grpc.RpcError as error:
                if error.code() in HOPELESS:
                    sys.exit(f"{error.code().name}: {error.details()}")
                print(f"no session: {error.code().name}: {error.details()}", file=sys.stderr, flush=True)
            if not self.stopping:
                time.sleep(1)

    def hello(self, held: dict[bytes, wire.TaskId]) -> wire.Hello:
        """Who it is, what it holds, and what it brings along."""
        resource = wire.ResourceRegistration(
            service="acme",
            action="render",
            patterns=[wire.TASK_PATTERN_REQUEST_RESPONSE, wire.TASK_PATTERN_SYNC],
            parameters_schema=json.dumps(SCHEMA),
        )
        return wire.Hello(
            family=FAMILY,
            worker_id=f"{socket.gethostname()}-{self.jobs.directory.name}",
            version="1",
            resources=["states:::acme:"],
            credit=wire.Credit(count=CREDIT, bytes=CREDIT_BYTES),
            held=held.values(),
            registrations=[resource],
        )

    def session(self, channel: grpc.Channel) -> None:
        requests = queue.SimpleQueue()
        with self.lock:
            held = {key: dispatch.task for key, dispatch in self.watched.items()}
            held |= {key: report.task for (key, _), report in self.reports.items()}
            # It comes before whatever the other thread may have to report.
            requests.put(wire.SessionRequest(hello=self.hello(held)))
            self.requests = requests
        answers = stubs.WorkerServiceStub(channel).Session(iter(requests.get, None), metadata=self.metadata)
        chunks: dict[int, bytearray] = {}
        span, silence = 30.0, None
        try:
            for answer in answers:
                if silence:
                    silence.cancel()
                kind = answer.WhichOneof("message")
                if kind == "welcome":
                    span = 3 * answer.welcome.keepalive_millis / 1000
                    self.welcome(answer.welcome, held)
                elif kind == "chunk":
                    chunks.setdefault(answer.chunk.id, bytearray()).extend(answer.chunk.data)
                elif kind == "dispatches":
                    for dispatch in answer.dispatches.dispatches:
                        self.take(dispatch, chunks)
                elif kind == "acks":
                    for ack in answer.acks.acks:
                        self.settled(ack)
                elif kind == "drops":
                    for task in answer.drops.tasks:
                        self.let_go(task)
                # After three keepalives of silence the connection is taken for broken.
                silence = threading.Timer(span, answers.cancel)
                silence.daemon = True
                silence.start()
        finally:
            if silence:
                silence.cancel()
            requests.put(None)

    def welcome(self, welcome: wire.Welcome, held: dict) -> None:
        print("serving arn:aws:states:::acme:render", flush=True)
        keep = {task.SerializeToString() for task in welcome.keep}
        for key, task in held.items():
            if key not in keep:
                self.let_go(task)
        with self.lock:
            again = list(self.reports.values())
        if again:
            self.send(reports=wire.ReportBatch(reports=again))

    def take(self, dispatch: wire.Dispatch, chunks: dict) -> None:
        """Does what a dispatch says."""
        task, job = dispatch.task, dispatch.external_ref or dispatch.submit_token
        if dispatch.kind == wire.DISPATCH_KIND_WATCH:
            with self.lock:
                self.watched[task.SerializeToString()] = dispatch
            return
        if dispatch.kind == wire.DISPATCH_KIND_CANCEL:
            self.let_go(task)
            self.jobs.cancel(job)
            self.report(task, cancelled=wire.Cancelled())
            return
        chunked = dispatch.parameters.WhichOneof("source") == "chunked"
        text = bytes(chunks.pop(dispatch.parameters.chunked)) if chunked else dispatch.parameters.inline
        if not 0 < dispatch.deadline_millis < time.time() * 1000:
            self.submit(dispatch, json.loads(text))
        # There is room for another, as none of this takes long.
        self.send(credit=wire.Credit(count=1, bytes=len(text)))

    def submit(self, dispatch: wire.Dispatch, parameters: dict) -> None:
        """Starts what a state asks for. To RECONCILE is to do the same here: a job is started at most once by its token, and
        rendering twice does no harm."""
        try:
            result = render(parameters)
            job = self.jobs.start(dispatch.submit_token, parameters) if dispatch.resource.endswith(".sync") else None
        except Exception as error:  # Whatever a definition gives, it must not end the worker.
            cause = f"The template can't be rendered: {error!r}"
            self.report(dispatch.task, failed=wire.Failed(error="Acme.TemplateException", cause=cause))
            return
        if job is not None:
            self.report(dispatch.task, submitted=wire.Submitted(external_ref=job, output=payload({"JobId": job})))
        else:
            self.report(dispatch.task, succeeded=wire.Succeeded(output=payload(result)))

    def poll(self) -> None:
        """Looks at the jobs under watch, for as long as the process lives."""
        while True:
            time.sleep(0.2)
            with self.lock:
                watched = list(self.watched.items())
            for key, dispatch in watched:
                try:
                    result = self.jobs.result(dispatch.external_ref)
                except FileNotFoundError:
                    failed = wire.Failed(error="Acme.JobLost", cause=f"There is no job {dispatch.external_ref}.")
                    self.end(key, dispatch.task, failed=failed)
                    continue
                if result is not None:
                    self.end(key, dispatch.task, succeeded=wire.Succeeded(output=payload(result)))
                elif dispatch.heartbeat_seconds:
                    self.report(dispatch.task, heartbeat=wire.Heartbeat())

    def end(self, key: bytes, task: wire.TaskId, **outcome) -> None:
        with self.lock:
            if self.watched.pop(key, None) is None:
                return
        self.report(task, **outcome)

    def report(self, task: wire.TaskId, **outcome) -> None:
        """A report is kept until it is acknowledged, and sent again in the next session if it isn't."""
        report = wire.Report(task=task, **outcome)
        with self.lock:
            self.reports[task.SerializeToString(), report.WhichOneof("outcome")] = report
        self.send(reports=wire.ReportBatch(reports=[report]))

    def settled(self, ack: wire.Ack) -> None:
        kind = wire.ReportKind.Name(ack.kind).removeprefix("REPORT_KIND_").lower()
        with self.lock:
            self.reports.pop((ack.task.SerializeToString(), kind), None)
        if ack.stale:
            self.let_go(ack.task)

    def let_go(self, task: wire.TaskId) -> None:
        key = task.SerializeToString()
        with self.lock:
            self.watched.pop(key, None)
            for report in [known for known in self.reports if known[0] == key]:
                del self.reports[report]

    def send(self, **message) -> None:
        self.requests.put(wire.SessionRequest(**message))

    def stop(self, *_) -> None:
        """Says so first: what it has under watch goes to another worker at once."""
        self.stopping = True
        self.send(draining=wire.Draining())
        self.requests.put(None)


def payload(value) -> wire.Payload:
    return wire.Payload(inline=json.dumps(value).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description="Renders texts for arn:aws:states:::acme:render.")
    parser.add_argument("address", nargs="?", default="127.0.0.1:8084")
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--jobs", type=Path, default=Path(tempfile.gettempdir()) / "acme-jobs")
    arguments = parser.parse_args()
    token = arguments.token_file.read_text().strip() if arguments.token_file else None
    worker = Worker(arguments.address, token, Jobs(arguments.jobs))
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    worker.run()


if __name__ == "__main__":
    main()
