#!/usr/bin/env python3
"""The demo: an emulated AWS, Newel, and a workflow that uses both from end to end.

usage: demo/run.py [--services]

Starts moto with Batch jobs that really run, seeds it, starts Newel (as one process, or with --services as five), and runs
demo/workflow.asl.json through `newel start --wait`. The task that waits for its token is answered by a thread that finds
the token where a container would: in its environment. Ends with code 0 only if the execution succeeded and its record is
in the table. Everything that was started is stopped, however this ends.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.clients import client  # noqa: E402
from support.docker_socket import DockerSocket  # noqa: E402
from support.moto_server import MotoServer  # noqa: E402
from support.newel import Dev, Services, binary  # noqa: E402
from support.seed import seed  # noqa: E402

WORKFLOW = ROOT / "demo" / "workflow.asl.json"
NAME = "demo"
# Jobs of the demo take a second or two: looking at them as seldom as at real ones would be most of its time.
BRISK = {"worker.poll": {"young_millis": 500}}


def say(text: str) -> None:
    print(f"\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"== {text}", flush=True)


class Approver(threading.Thread):
    """Answers every ECS task that carries a task token in its environment, a moment after it is there."""

    def __init__(self, aws: str, cluster: str, newel: str):
        super().__init__(daemon=True)
        self._ecs = client("ecs", aws)
        self._sfn = client("stepfunctions", newel)
        self._cluster = cluster
        self._answered: set[str] = set()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.5):
            for token in self._tokens() - self._answered:
                time.sleep(1)  # whoever approves thinks for a moment
                self._sfn.send_task_success(taskToken=token, output=json.dumps({"by": "the demo's approver"}))
                self._answered.add(token)

    def _tokens(self) -> set[str]:
        tasks = self._ecs.list_tasks(cluster=self._cluster)["taskArns"]
        if not tasks:
            return set()
        described = self._ecs.describe_tasks(cluster=self._cluster, tasks=tasks)["tasks"]
        return {
            variable["value"]
            for task in described
            for container in task.get("overrides", {}).get("containerOverrides", [])
            for variable in container.get("environment", [])
            if variable["name"] == "TASK_TOKEN"
        }

    def stop(self) -> None:
        self._over.set()
        self.join(5)


def newel(*arguments: str, grpc: str) -> int:
    """Runs the command line against the server, its output shown as it comes."""
    return subprocess.run([binary(), *arguments, "--endpoint", f"http://{grpc}"]).returncode


def run(services: bool, scratch: Path, stack: ExitStack) -> int:
    say("starting AWS: moto, with Batch jobs run as local processes")
    docker = stack.enter_context(DockerSocket(scratch / "docker.sock"))
    moto = stack.enter_context(MotoServer(docker_socket=docker.path, log=scratch / "moto.log"))
    resources = seed(moto.url)
    say(f"AWS is at {moto.url}, with a Batch queue, an ECS cluster, a Glue job and a DynamoDB table")

    if services:
        say("starting Newel: orchestrator, worker-batch, worker-ecs, worker-glue, worker-dynamodb")
        server = stack.enter_context(Services(scratch / "newel", moto.url, worker=BRISK))
    else:
        say("starting Newel: newel dev")
        server = stack.enter_context(Dev(scratch, moto.url, BRISK))
    say(f"Newel is ready: AWS JSON at {server.http_url}, gRPC at {server.grpc}")

    approver = Approver(moto.url, resources.cluster, server.http_url)
    approver.start()
    stack.callback(approver.stop)

    say("newel start demo/workflow.asl.json --wait")
    data = json.dumps(resources.to_json())
    code = newel("start", str(WORKFLOW), "--input", data, "--name", NAME, "--wait", grpc=server.grpc)

    execution = "arn:aws:states:us-east-1:000000000000:execution:workflow:" + NAME
    say(f"newel history {execution}")
    newel("history", execution, grpc=server.grpc)
    if code != 0:
        print(server.tails(), file=sys.stderr)
        say(f"the execution did NOT succeed (newel start ended with {code})")
        return code

    key = {resources.table_key: {"S": NAME}}
    item = client("dynamodb", moto.url).get_item(TableName=resources.table, Key=key).get("Item")
    if not item:
        say("the execution succeeded, but its record is NOT in the table")
        return 1
    say(f"the table has: {json.dumps(item)}")
    say("SUCCEEDED")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="run Newel's demo")
    parser.add_argument("--services", action="store_true", help="orchestrator and workers as five processes")
    options = parser.parse_args()
    # Ended from outside, everything is stopped as at Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.setdefault("NEWEL_CATALOG", str(ROOT / ".newel" / "aws-catalog.bin"))
    with tempfile.TemporaryDirectory(prefix="newel-demo-") as scratch, ExitStack() as stack:
        return run(options.services, Path(scratch), stack)


if __name__ == "__main__":
    sys.exit(main())
