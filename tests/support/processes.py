"""Child processes that serve: started with a log file, stopped for certain."""

import os
import random
import signal
import socket
import subprocess
from pathlib import Path

PORTS, PORTS_EACH = 10_000, 5_000
"""Below the ports that a system gives to clients, so that none of them takes one before the program that it is for."""


_given: set[int] = set()


def free_port() -> int:
    """A loopback TCP port that nothing listens on and nobody was given. Tests that run beside each other take theirs apart."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    while True:
        port = PORTS + worker * PORTS_EACH + random.randrange(PORTS_EACH)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port


class Process:
    """A server in a process group of its own, so that stopping it stops what it started too."""

    def __init__(self, arguments: list[str], log: Path, env: dict[str, str] | None = None):
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def check_alive(self) -> None:
        """Fails with the end of the log if the process has ended."""
        if self._child.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self._child.args[0]} ended with code {self._child.returncode}:\n{tail}")

    @property
    def ended(self) -> bool:
        """Whether the process is no more."""
        return self._child.poll() is not None

    def kill(self) -> None:
        """Ends the process group by SIGKILL and waits until it is gone: a crash."""
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def stop(self, seconds: float = 5.0) -> None:
        """Ends the process group: politely first, then for certain."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self._child.poll() is None:
                os.killpg(self._child.pid, sign)
                try:
                    self._child.wait(seconds)
                except subprocess.TimeoutExpired:
                    continue

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def run_until_interrupted(*stops) -> None:
    """Keeps a `python -m` program up until Ctrl-C or SIGTERM, then calls each of `stops`."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        signal.sigwait(signals)
    finally:
        for stop in stops:
            stop()
