"""Runs Newel's own programs: all in one (`newel dev`), or the orchestrator and its workers as processes of their own.

Both can be killed at any moment and started again on the same data and the same ports, so clients go on as before.
Every process writes to a log file of its own; `tails()` is what to show when a test failed.
"""

import os
import re
import urllib.request
import weakref
from pathlib import Path

from support.clients import DEFAULT_ACCOUNT, REGION, client
from support.processes import Process, free_port
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("batch", "ecs", "glue", "dynamodb", "http")
READY = re.compile(r"newel is ready: http=127\.0\.0\.1:(\d+) grpc=127\.0\.0\.1:(\d+)")
TAIL_BYTES = 2000

RUNNING: weakref.WeakSet = weakref.WeakSet()
"""Every Newel of this test run that may have something to say about a failure."""

# Workers take their own credentials from the environment as the AWS SDKs do; the stand-ins check none.
AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": DEFAULT_ACCOUNT,
    "AWS_SECRET_ACCESS_KEY": "not-checked",
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def binary() -> Path:
    """The multi-call program: $NEWEL_BIN, or the newest one that cargo built."""
    if named := os.environ.get("NEWEL_BIN"):
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [path for profile in ("debug", "release") if (path := target / profile / "newel").exists()]
    if not built:
        raise FileNotFoundError(f"no newel in {target}: run `cargo build -p newel`")
    return max(built, key=lambda path: path.stat().st_mtime)


def catalog() -> Path:
    """The packed AWS service models: $NEWEL_CATALOG, or where make puts them."""
    return Path(os.environ.get("NEWEL_CATALOG", ROOT / ".newel" / "aws-catalog.bin"))


def toml(sections: dict[str, dict]) -> str:
    """Sections of strings, numbers, truth values and lists as TOML. `{"worker.poll": {"young_millis": 1}}`"""

    def text(value) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return "[" + ", ".join(text(item) for item in value) + "]"
        return repr(value) if isinstance(value, int | float) else '"' + str(value).replace("\\", "\\\\") + '"'

    def section(name: str, keys: dict) -> str:
        return f"[{name}]\n" + "".join(f"{key} = {text(value)}\n" for key, value in keys.items())

    return "\n".join(section(name, keys) for name, keys in sections.items())


def environment(sections: dict[str, dict]) -> dict[str, str]:
    """Sections as the environment variables that override a configuration file."""
    return {
        f"NEWEL_{section.replace('.', '__')}__{key}".upper(): str(value).lower() if isinstance(value, bool) else str(value)
        for section, keys in sections.items()
        for key, value in keys.items()
    }


def merged(*layers: dict[str, dict]) -> dict[str, dict]:
    """Sections of several layers, the later ones' keys over the earlier ones'."""
    result: dict[str, dict] = {}
    for layer in layers:
        for name, keys in layer.items():
            result[name] = {**result.get(name, {}), **keys}
    return result


class Program:
    """One of Newel's processes, which may be killed and started again."""

    def __init__(self, name: str, arguments: list[str], directory: Path, env: dict[str, str] | None = None):
        self.name = name
        self.log = directory / f"{name}.log"
        self._arguments = [str(binary()), *arguments]
        self._env = {**AWS_ENVIRONMENT, **(env or {})}
        self._process: Process | None = None
        self._from = 0

    def start(self, env: dict[str, str] | None = None) -> None:
        """Starts it; `env` holds for this run only."""
        self._from = self.log.stat().st_size if self.log.exists() else 0
        self._process = Process(self._arguments, self.log, {**self._env, **(env or {})})

    @property
    def pid(self) -> int:
        assert self._process, f"{self.name} is not started"
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.ended

    def check_alive(self) -> None:
        if self._process:
            self._process.check_alive()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process:
            self._process.kill()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that isn't heeded."""
        if self._process:
            self._process.stop(seconds=30)

    def output(self) -> str:
        """What it has printed since it was last started."""
        with self.log.open("rb") as log:
            log.seek(self._from)
            return log.read().decode(errors="replace")

    def tail(self) -> str:
        text = self.log.read_bytes()[-TAIL_BYTES:].decode(errors="replace") if self.log.exists() else ""
        return f"--- end of {self.log} ---\n{text}"

    def resident_bytes(self) -> int:
        """Its resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


class Newel:
    """What both ways of running Newel have in common. `http_url` and `grpc` are where it serves."""

    http_url: str
    grpc: str

    def __init__(self):
        RUNNING.add(self)

    def client(self, account: str = DEFAULT_ACCOUNT, region: str = REGION, **more):
        """A Step Functions client that acts for the account."""
        return client("stepfunctions", self.http_url, access_key=account, region=region, **more)

    def is_ready(self) -> bool:
        with urllib.request.urlopen(f"{self.http_url}/readyz", timeout=2) as response:
            return response.status == 200

    def metrics(self) -> dict[str, float]:
        """The Prometheus metrics by name and labels as they are printed."""
        with urllib.request.urlopen(f"{self.http_url}/metrics", timeout=10) as response:
            lines = response.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Dev(Newel):
    """`newel dev`: everything in one process on a SQLite file in `directory`."""

    def __init__(self, directory: Path, aws_endpoint: str, config: dict | None = None, env: dict | None = None):
        super().__init__()
        self.directory = directory
        self._endpoint = aws_endpoint
        self._env = {"NEWEL_CATALOG": str(catalog()), **environment(config or {}), **(env or {})}
        self.program: Program | None = None
        self._ports = ("0", "0")
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self, env: dict | None = None) -> None:
        """Starts it and waits for its line; the ports stay what they were at the first start."""
        http, grpc = self._ports
        arguments = ["dev", "--data-dir", str(self.directory / "data"), "--aws-endpoint", self._endpoint]
        arguments += ["--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}"]
        self.program = Program("newel-dev", arguments, self.directory, self._env)
        self.program.start(env)
        found = wait_until(self._ready_line, "newel dev to be ready", seconds=60, every=0.01)
        self._ports = found.groups()
        self.http_url, self.grpc = f"http://127.0.0.1:{found[1]}", f"127.0.0.1:{found[2]}"

    def _ready_line(self):
        self.program.check_alive()
        return READY.search(self.program.output())

    def kill(self) -> None:
        """SIGKILL."""
        self.program.kill()

    def crash(self, env: dict | None = None) -> None:
        """Kills it and starts it again."""
        self.kill()
        self.start(env)

    def stop(self) -> None:
        if self.program:
            self.program.stop()

    def tails(self) -> str:
        return self.program.tail() if self.program else ""


class Services(Newel):
    """The orchestrator and a worker for each family, as processes with one configuration file each."""

    def __init__(
        self,
        directory: Path,
        aws_endpoint: str,
        families: tuple[str, ...] = FAMILIES,
        orchestrator: dict | None = None,
        worker: dict | None = None,
        env: dict | None = None,
    ):
        super().__init__()
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        http, grpc = free_port(), free_port()
        self.http_url, self.grpc = f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}"
        own = {
            "http": {"listen": f"127.0.0.1:{http}"},
            "grpc": {"listen": self.grpc},
            "store": {"path": str(directory / "data")},
            "catalog": {"path": str(catalog())},
        }
        self.orchestrator = self._program("orchestrator", ["orchestrator"], merged(own, orchestrator or {}), env)
        theirs = {
            "worker": {"orchestrators": [f"http://{self.grpc}"]},
            "worker.aws": {"endpoint_url": aws_endpoint, "dev_account_credentials": True},
            "catalog": {"path": str(catalog())},
        }
        self.workers = {
            family: self._program(
                f"worker-{family}",
                ["worker", family],
                merged(theirs, self._token(family), worker or {}),
                env,
            )
            for family in families
        }

    def _token(self, family: str) -> dict:
        file = self.directory / "worker-tokens" / family
        return {"worker": {"token_file": str(file)}} if file.exists() else {}

    def _program(self, name: str, arguments: list[str], config: dict, env: dict | None) -> Program:
        file = self.directory / f"{name}.toml"
        file.write_text(toml(config))
        return Program(name, [*arguments, "--config", str(file)], self.directory, env)

    @property
    def programs(self) -> list[Program]:
        return [self.orchestrator, *self.workers.values()]

    def start(self) -> None:
        """Starts all and waits until the orchestrator is ready."""
        for program in self.programs:
            program.start()
        self.wait_ready()

    def wait_ready(self, seconds: float = 60) -> None:
        """Waits until the orchestrator takes work."""

        def ready():
            self.orchestrator.check_alive()
            return self.is_ready()

        wait_until(ready, "the orchestrator to be ready", seconds=seconds, every=0.02)

    def stop(self) -> None:
        for program in reversed(self.programs):
            program.stop()

    def tails(self) -> str:
        return "\n".join(program.tail() for program in self.programs)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self
