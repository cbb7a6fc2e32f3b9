"""Runs `newel-aws-fake` and speaks its control API.

usage: python -m support.aws_fake [--port PORT]
"""

import argparse
import json
import os
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from support.processes import Process, run_until_interrupted
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def binary() -> Path:
    """The fake's binary: $NEWEL_AWS_FAKE, or the newest one that cargo built."""
    if named := os.environ.get("NEWEL_AWS_FAKE"):
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [path for profile in ("debug", "release") if (path := target / profile / "newel-aws-fake").exists()]
    if not built:
        raise FileNotFoundError(f"no newel-aws-fake in {target}: run `cargo build -p newel-aws-fake`")
    return max(built, key=lambda path: path.stat().st_mtime)


class AwsFake:
    """A running fake. `url` is the endpoint for clients."""

    def __init__(self, port: int = 0, log: Path | None = None):
        self._scratch = tempfile.TemporaryDirectory(prefix="newel-aws-fake-")
        port_file = Path(self._scratch.name) / "port"
        arguments = [str(binary()), "--listen", f"127.0.0.1:{port}", "--port-file", str(port_file)]
        self._process = Process(arguments, log or Path(self._scratch.name) / "log")
        try:
            wait_until(lambda: self._has_port(port_file), "the fake to listen")
        except BaseException:
            self.stop()
            raise
        self.url = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def _has_port(self, port_file: Path) -> bool:
        self._process.check_alive()
        return port_file.exists() and port_file.read_text().endswith("\n")

    def stop(self) -> None:
        self._process.stop()
        self._scratch.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def control(self, method: str, path: str, body=None):
        """One request of the control API; a refused one raises `urllib.error.HTTPError`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/__fake/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def reset(self) -> None:
        """Forgets jobs, tables, counts and rules, and returns to wall time."""
        self.control("POST", "reset")

    def script(self, *rules: dict) -> None:
        """Adds script rules: `{"match": {...}, "steps": [{"status", "after", "with"}], "times", "stop"}`."""
        self.control("POST", "scripts", list(rules))

    def fault(self, *rules: dict) -> None:
        """Adds fault rules: `{"match": {...}, "kind": ..., "times", "seconds", "every", "delay", ...}`."""
        self.control("POST", "faults", list(rules))

    def freeze(self) -> None:
        self.control("PUT", "clock", {"frozen": True})

    def advance(self, seconds: float) -> None:
        self.control("POST", "advance", {"seconds": seconds})

    def jobs(self, **query) -> list[dict]:
        """Every job that matches, over all pages."""
        found, after = [], None
        while True:
            members = {**query, **({"after": after} if after else {})}
            page = self.control("GET", "jobs?" + urllib.parse.urlencode(members))
            found += page["jobs"]
            after = page["next"]
            if after is None:
                return found

    def calls(self, **wanted) -> list[dict]:
        """The call counts whose members equal `wanted`."""
        lines = self.control("GET", "calls")
        return [line for line in lines if all(line[name] == value for name, value in wanted.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description="run newel-aws-fake until interrupted")
    parser.add_argument("--port", type=int, default=0, help="loopback port, 0 for a free one")
    fake = AwsFake(parser.parse_args().port)
    print(f"newel-aws-fake ready on {fake.url}", flush=True)
    run_until_interrupted(fake.stop)


if __name__ == "__main__":
    main()
