"""Runs moto, the AWS emulator, with jobs that take their time.

usage: python -m support.moto_server [--port PORT] [--docker-socket PATH] [--log FILE] [--seed]

With a Docker socket (see `support.docker_socket`) Batch jobs really run their container's command, fail by its exit code
and can be terminated; without one they end the moment they are submitted.

The account is 123456789012 for every access key, whatever its digits, but for those of an assumed role: its account.
"""

import argparse
import json
import sys
import tempfile
import urllib.request
from pathlib import Path

from support.processes import Process, free_port, run_until_interrupted
from support.waiting import wait_until

PACE_SECONDS = 1
"""How long ECS tasks and Glue runs stay in each status."""

# moto's own statuses of a Batch job advance by themselves once its container runs, so Batch needs no pace.
PACED = ("ecs::task", "glue::job_run")


class MotoServer:
    """A running moto. `url` is the endpoint for clients."""

    def __init__(self, port: int = 0, docker_socket: Path | None = None, log: Path | None = None):
        self._scratch = tempfile.TemporaryDirectory(prefix="newel-moto-")
        self._docker = docker_socket
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        env = {"MOTO_PORT": str(port), "MOTO_HOST": "http://127.0.0.1"}
        # Tests own what they hold: moto is never to fall back on a Docker daemon that happens to run here.
        env["DOCKER_HOST"] = f"unix://{docker_socket}" if docker_socket else "unix:///nonexistent/docker.sock"
        arguments = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._process = Process(arguments, log or Path(self._scratch.name) / "log", env)
        try:
            wait_until(self._answers, "moto to answer", seconds=60)
            self._configure()
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        self._process.check_alive()
        with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=5) as response:
            return response.status == 200

    def _post(self, path: str, body: dict) -> None:
        request = urllib.request.Request(
            f"{self.url}/moto-api/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=30).close()

    def _configure(self) -> None:
        # A function gives back what it is given: there is nothing here to run its code.
        self._post("config", {"batch": {"use_docker": self._docker is not None}, "lambda": {"use_docker": False}})
        for model in PACED:
            transition = {"progression": "time", "seconds": PACE_SECONDS}
            self._post("state-manager/set-transition", {"model_name": model, "transition": transition})

    def reset(self) -> None:
        """Forgets every resource; the pace and the use of Docker stay."""
        self._post("reset", {})
        self._configure()

    def stop(self) -> None:
        self._process.stop()
        self._scratch.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="run moto until interrupted")
    parser.add_argument("--port", type=int, default=0, help="loopback port, 0 for a free one")
    parser.add_argument("--docker-socket", type=Path, help="run Batch jobs through this Docker socket")
    parser.add_argument("--log", type=Path, help="where moto's output goes")
    parser.add_argument("--seed", action="store_true", help="create the demo's resources and print them as JSON")
    options = parser.parse_args()
    moto = MotoServer(options.port, options.docker_socket, options.log)
    if options.seed:
        from support.seed import seed

        print(json.dumps(seed(moto.url).to_json()), flush=True)
    print(f"moto ready on {moto.url}", flush=True)
    run_until_interrupted(moto.stop)


if __name__ == "__main__":
    main()
