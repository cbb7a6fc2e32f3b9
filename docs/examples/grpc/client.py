"""Runs a workflow over gRPC and follows it event by event.

usage: python client.py ADDRESS          ADDRESS: of gRPC, 127.0.0.1:8084

The stubs are generated from `proto/newel/v1/workflows.proto` when this starts. A project of its own would generate them once:

    python -m grpc_tools.protoc -Iproto --python_out=. --grpc_python_out=. newel/v1/workflows.proto
"""

import json
import sys
import tempfile
import uuid
from importlib import import_module
from pathlib import Path

import grpc
import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[3] / "proto"
GREETING = {
    "QueryLanguage": "JSONata",
    "StartAt": "Greet",
    "States": {"Greet": {"Type": "Pass", "Output": {"text": "{% 'Hello ' & $states.input.name %}"}, "End": True}},
}


def generated():
    """The messages and the stubs of `newel.v1`."""
    out = tempfile.mkdtemp(prefix="newel-v1-")
    source = "newel/v1/workflows.proto"
    common = Path(grpc_tools.__file__).parent / "_proto"
    arguments = [f"-I{PROTO}", f"-I{common}", f"--python_out={out}", f"--grpc_python_out={out}", source]
    if protoc.main(["protoc", *arguments]) != 0:
        sys.exit(f"protoc refused {source}")
    sys.path.insert(0, out)
    return import_module("newel.v1.workflows_pb2"), import_module("newel.v1.workflows_pb2_grpc")


def main(address: str) -> None:
    messages, stubs = generated()
    with grpc.insecure_channel(address) as channel:
        workflows = stubs.WorkflowsServiceStub(channel)
        # Whose: with a bearer token the server knows; without one these say it.
        whose = [("newel-account", "000000000000"), ("newel-region", "us-east-1")]
        machine = workflows.CreateStateMachine(
            messages.CreateStateMachineRequest(
                name=f"greeting-{uuid.uuid4()}",
                definition=json.dumps(GREETING),
                role_arn="arn:aws:iam::000000000000:role/any",
            ),
            metadata=whose,
        )
        started = workflows.StartExecution(
            messages.StartExecutionRequest(
                state_machine_arn=machine.state_machine_arn, input=json.dumps({"name": "world"})
            ),
            metadata=whose,
        )
        # Every event, as it becomes durable, to the end of the execution.
        watch = messages.WatchExecutionRequest(execution_arn=started.execution_arn)
        for batch in workflows.WatchExecution(watch, metadata=whose):
            for event in batch.events:
                print(f"{event.id:3} {event.type}")
        execution = workflows.DescribeExecution(
            messages.DescribeExecutionRequest(execution_arn=started.execution_arn), metadata=whose
        )
        print(execution.output)
        try:
            workflows.DescribeExecution(
                messages.DescribeExecutionRequest(execution_arn=started.execution_arn + "-not"), metadata=whose
            )
        except grpc.RpcError as error:
            # The status says what kind of error it is, the trailing metadata has AWS's name of it.
            name = dict(error.trailing_metadata())["newel-error"]
            print(f"{error.code().name} {name}: {error.details()}")
        workflows.DeleteStateMachine(
            messages.DeleteStateMachineRequest(state_machine_arn=machine.state_machine_arn), metadata=whose
        )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8084")
