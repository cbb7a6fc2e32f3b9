"""Runs ministack, the second emulator of AWS: it runs the code of functions, serves the APIs that are made in it, has models
to ask, and steps of clusters that end.

usage: python -m support.ministack_server [--port PORT] [--log FILE]

It is `$NEWEL_MINISTACK`, or what `make test-tools` has put into .newel/ministack. The account is the access key, if that has
twelve digits, else 000000000000. Functions run as processes of this machine, with nothing to hold them in.
"""

import argparse
import os
import tempfile
import urllib.request
from pathlib import Path

from support.processes import Process, free_port, run_until_interrupted
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def program() -> Path:
    return Path(os.environ.get("NEWEL_MINISTACK", ROOT / ".newel" / "ministack" / "bin" / "ministack"))


class MinistackServer:
    """A running ministack. `url` is the endpoint for clients."""

    def __init__(self, port: int = 0, log: Path | None = None):
        self._scratch = tempfile.TemporaryDirectory(prefix="newel-ministack-", ignore_cleanup_errors=True)
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        env = {
            # It listens on every address unless it is told.
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            # What it writes goes with it, and a Docker daemon that happens to run here is left alone.
            "TMPDIR": self._scratch.name,
            "HOME": self._scratch.name,
            "LAMBDA_EXECUTOR": "local",
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        }
        self._process = Process([str(program())], log or Path(self._scratch.name) / "log", env)
        try:
            wait_until(self._answers, "ministack to answer", seconds=60)
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        self._process.check_alive()
        with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5) as response:
            return response.status == 200

    def stop(self) -> None:
        self._process.stop()
        self._scratch.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="run ministack until interrupted")
    parser.add_argument("--port", type=int, default=0, help="loopback port, 0 for a free one")
    parser.add_argument("--log", type=Path, help="where ministack's output goes")
    options = parser.parse_args()
    ministack = MinistackServer(options.port, options.log)
    print(f"ministack ready on {ministack.url}", flush=True)
    run_until_interrupted(ministack.stop)


if __name__ == "__main__":
    main()
