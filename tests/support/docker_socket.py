"""A Docker Engine API on a unix socket that runs each container's command as a plain local process.

usage: python -m support.docker_socket PATH         then DOCKER_HOST=unix://PATH for whoever wants Docker

It is what moto's Batch needs to run jobs where no Docker daemon is: create, start, inspect, logs, wait, kill, remove.
There is NO isolation and no image: give it only the tests' own commands. With a real daemon leave it out.
"""

import argparse
import itertools
import json
import os
import re
import secrets
import shlex
import signal
import socketserver
import struct
import subprocess
import threading
import urllib.parse
from datetime import datetime, timezone
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from support.processes import run_until_interrupted

API_VERSION = "1.44"
MAX_LOG_LINES = 10_000
STDOUT, STDERR = 1, 2


class Container:
    """A command, the process that runs it, and what it printed."""

    def __init__(self, name: str, spec: dict):
        self.id = secrets.token_hex(32)
        self.name = name
        self.spec = spec
        self.created = _now()
        self.exit_code = 0
        self._process: subprocess.Popen | None = None
        self._lines: list[tuple[int, str, bytes]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def start(self) -> None:
        with self._lock:
            if self._process or self._ended.is_set():
                return
            try:
                self._process = subprocess.Popen(
                    self._command(),
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                # What Docker does with a command it can't find: the container ends with code 127.
                self._lines.append((STDERR, _now(), f"{error}\n".encode()))
                self.exit_code = 127
                self._ended.set()
                return
        threading.Thread(target=self._watch, daemon=True).start()

    def _command(self) -> list[str]:
        words = list(self.spec.get("Entrypoint") or []) + list(self.spec.get("Cmd") or [])
        return shlex.split(words[0]) if len(words) == 1 else words or ["true"]

    def _environment(self) -> dict[str, str]:
        given = dict(pair.split("=", 1) for pair in self.spec.get("Env") or [] if "=" in pair)
        return {"PATH": os.environ.get("PATH", os.defpath), **given}

    def _watch(self) -> None:
        readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, STDOUT), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, STDERR), daemon=True),
        ]
        for reader in readers:
            reader.start()
        code = self._process.wait()
        for reader in readers:
            # A grandchild may hold the pipe open; the container has ended all the same.
            reader.join(1)
        # A process ended by signal n exits with 128 + n as a shell says it.
        self.exit_code = code if code >= 0 else 128 - code
        self._ended.set()

    def _read(self, pipe, stream: int) -> None:
        for line in pipe:
            with self._lock:
                if len(self._lines) < MAX_LOG_LINES:
                    self._lines.append((stream, _now(), line))

    def signal(self, number: int = signal.SIGKILL) -> None:
        if self._process and self._process.poll() is None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                pass

    def wait(self, seconds: float | None = None) -> int:
        self._ended.wait(seconds)
        return self.exit_code

    @property
    def status(self) -> str:
        if self._ended.is_set():
            return "exited"
        return "running" if self._process else "created"

    def inspect(self) -> dict:
        """The members of ContainerInspect that Docker's own SDK and moto read."""
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Created": self.created,
            "Image": self.spec.get("Image"),
            "Config": {
                "Image": self.spec.get("Image"),
                "Env": self.spec.get("Env") or [],
                "Labels": self.spec.get("Labels") or {},
                "Tty": False,
            },
            # The SDK refuses to fetch logs of a driver it can't read.
            "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {}}},
            "State": {
                "Status": self.status,
                "Running": self.status == "running",
                "ExitCode": self.exit_code,
                "Pid": self._process.pid if self._process else 0,
                "Error": "",
            },
            "NetworkSettings": {"IPAddress": "127.0.0.1", "Networks": {"bridge": {"IPAddress": "127.0.0.1"}}, "Ports": {}},
        }

    def logs(self, streams: set[int], timestamps: bool) -> bytes:
        """The output so far as Docker multiplexes it: an 8-byte header (stream, length) before each piece."""
        with self._lock:
            lines = [line for line in self._lines if line[0] in streams]
        pieces = ((stream, (f"{at} ".encode() if timestamps else b"") + text) for stream, at, text in lines)
        return b"".join(struct.pack(">BxxxL", stream, len(piece)) + piece for stream, piece in pieces)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


class NoSuchContainer(Exception):
    """No container has that id or name."""


class Engine:
    """The containers of one socket."""

    def __init__(self):
        self._containers: dict[str, Container] = {}
        self._numbers = itertools.count(1)

    def create(self, name: str | None, spec: dict) -> Container:
        container = Container(name or f"container-{next(self._numbers)}", spec)
        self._containers[container.id] = container
        return container

    def find(self, key: str) -> Container:
        for container in list(self._containers.values()):
            if container.id.startswith(key) or container.name == key:
                return container
        raise NoSuchContainer(key)

    def remove(self, container: Container) -> None:
        container.signal()
        self._containers.pop(container.id, None)

    def all(self) -> list[Container]:
        return list(self._containers.values())

    def close(self) -> None:
        for container in self.all():
            self.remove(container)


class Handler(BaseHTTPRequestHandler):
    """Routes by table: method, path pattern, the name of the method that answers."""

    protocol_version = "HTTP/1.1"
    ROUTES = [
        ("GET|HEAD", r"/_ping", "ping"),
        ("GET", r"/version", "version"),
        ("POST", r"/images/create", "pull_image"),
        ("GET", r"/images/(?P<name>.+)/json", "inspect_image"),
        ("POST", r"/containers/create", "create"),
        ("GET", r"/containers/json", "list"),
        ("GET", r"/containers/(?P<key>[^/]+)/json", "inspect"),
        ("GET", r"/containers/(?P<key>[^/]+)/logs", "logs"),
        ("POST", r"/containers/(?P<key>[^/]+)/start", "start"),
        ("POST", r"/containers/(?P<key>[^/]+)/(?P<how>kill|stop)", "end"),
        ("POST", r"/containers/(?P<key>[^/]+)/wait", "wait"),
        ("DELETE", r"/containers/(?P<key>[^/]+)", "remove"),
    ]

    @property
    def engine(self) -> Engine:
        return self.server.engine

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        """Requests aren't logged: the tests log what they need."""

    def _route(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        self.query = {name: values[-1] for name, values in urllib.parse.parse_qs(url.query).items()}
        self.body = self._read_body()
        path = re.sub(r"^/v[0-9.]+/", "/", url.path)
        for methods, pattern, answer in self.ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in methods.split("|"):
                arguments = {name: urllib.parse.unquote(text) for name, text in match.groupdict().items()}
                try:
                    return getattr(self, f"answer_{answer}")(**arguments)
                except NoSuchContainer as missing:
                    return self._send_json({"message": f"No such container: {missing}"}, HTTPStatus.NOT_FOUND)
        return self._send_json({"message": f"not part of this engine: {self.command} {path}"}, HTTPStatus.NOT_FOUND)

    do_GET = do_HEAD = do_POST = do_DELETE = _route

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, body: bytes, content_type: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Api-Version", API_VERSION)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_json(self, value, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send_nothing(self) -> None:
        self.send_response(HTTPStatus.NO_CONTENT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _asks_for(self, flag: str) -> bool:
        return self.query.get(flag, "").lower() in ("1", "true")

    def answer_ping(self):
        self._send(b"OK", "text/plain")

    def answer_version(self):
        names = {"Version": "0-local-processes", "Os": "linux", "Arch": "amd64"}
        self._send_json({"ApiVersion": API_VERSION, "MinAPIVersion": "1.24", **names})

    def answer_pull_image(self):
        self._send_json({"status": "every image is the local machine"})

    def answer_inspect_image(self, name: str):
        self._send_json({"Id": f"sha256:{0:064x}", "RepoTags": [name], "Config": {}})

    def answer_create(self):
        container = self.engine.create(self.query.get("name"), json.loads(self.body or b"{}"))
        self._send_json({"Id": container.id, "Warnings": []}, HTTPStatus.CREATED)

    def answer_list(self):
        shown = [c for c in self.engine.all() if c.status == "running" or self._asks_for("all")]
        self._send_json([{"Id": c.id, "Names": [f"/{c.name}"], "State": c.status} for c in shown])

    def answer_inspect(self, key: str):
        self._send_json(self.engine.find(key).inspect())

    def answer_logs(self, key: str):
        streams = {stream for name, stream in (("stdout", STDOUT), ("stderr", STDERR)) if self._asks_for(name)}
        logs = self.engine.find(key).logs(streams, self._asks_for("timestamps"))
        self._send(logs, "application/vnd.docker.multiplexed-stream")

    def answer_start(self, key: str):
        self.engine.find(key).start()
        self._send_nothing()

    def answer_end(self, key: str, how: str):
        container = self.engine.find(key)
        container.signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        container.wait(10)
        container.signal()
        self._send_nothing()

    def answer_wait(self, key: str):
        self._send_json({"StatusCode": self.engine.find(key).wait()})

    def answer_remove(self, key: str):
        self.engine.remove(self.engine.find(key))
        self._send_nothing()


class DockerSocket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The engine on a socket, serving in a thread of this process."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, path: Path):
        path.unlink(missing_ok=True)
        super().__init__(str(path), Handler)
        os.chmod(path, 0o600)
        self.path = path
        self.engine = Engine()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops serving and ends every container."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        self.engine.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="serve a Docker Engine API whose containers are local processes")
    parser.add_argument("path", type=Path)
    docker = DockerSocket(parser.parse_args().path)
    print(f"docker socket ready on unix://{docker.path}", flush=True)
    run_until_interrupted(docker.stop)


if __name__ == "__main__":
    main()
