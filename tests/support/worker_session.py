"""A worker of our own making: opens sessions of `newel.worker.v1` with the stock Python gRPC, from the `.proto` itself.

For what real workers never do: wrong tokens, other families' tasks, silence.
"""

import queue
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path

import grpc
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"
FILE = "newel/worker/v1/worker.proto"
GENERATED = tempfile.TemporaryDirectory(prefix="newel-proto-")


@cache
def wire():
    """The messages and the stubs, generated once for this process."""
    out = GENERATED.name
    code = protoc.main(["protoc", f"-I{PROTO}", f"--python_out={out}", f"--grpc_python_out={out}", FILE])
    assert code == 0, "protoc refused the protocol"
    sys.path.insert(0, out)
    module = FILE.removesuffix(".proto").replace("/", ".")
    return import_module(f"{module}_pb2"), import_module(f"{module}_pb2_grpc")


class WorkerSession:
    """An open session of one family; `code` tells how the orchestrator ended it, if it did."""

    def __init__(self, address: str, family: str, token: str | None = None, credit: int = 10):
        messages, stubs = wire()
        self.messages = messages
        self._requests: queue.SimpleQueue = queue.SimpleQueue()
        self._channel = grpc.insecure_channel(address)
        metadata = [("authorization", f"Bearer {token}")] if token else []
        hello = messages.Hello(
            family=family,
            worker_id=f"test-{id(self)}",
            version="test",
            resources=[f"states:::{family}:"],
            credit=messages.Credit(count=credit, bytes=1 << 20),
        )
        self.send(hello=hello)
        stub = stubs.WorkerServiceStub(self._channel)
        self._answers = stub.Session(iter(self._requests.get, None), metadata=metadata, timeout=60)

    def send(self, **message) -> None:
        self._requests.put(self.messages.SessionRequest(**message))

    def receive(self, kind: str):
        """The next message of this kind; others are passed over. An ended session raises `grpc.RpcError`."""
        for answer in self._answers:
            if answer.WhichOneof("message") == kind:
                return getattr(answer, kind)
        raise ConnectionError("the orchestrator closed the session")

    def dispatch(self):
        """The first dispatch that comes."""
        return self.receive("dispatches").dispatches[0]

    def report(self, task, **outcome) -> None:
        self.send(reports=self.messages.ReportBatch(reports=[self.messages.Report(task=task, **outcome)]))

    def succeed(self, task, output: bytes = b"{}") -> None:
        payload = self.messages.Payload(inline=output)
        self.report(task, succeeded=self.messages.Succeeded(output=payload))

    def close(self) -> None:
        self._requests.put(None)
        self._channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
