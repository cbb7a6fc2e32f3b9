"""The chart's configuration files and the compose file's variables, read by the programs they are for."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from helm.charts import COMPONENTS, ROOT, SCENARIOS, Rendered, scenario

# A value that is refused as soon as the whole configuration has been read, so that nothing else is begun.
STOP = {"NEWEL_TELEMETRY__LOG_FILTER": "newel=no-such-level"}
STOPPED = "`telemetry.log_filter`"


def binary() -> Path:
    """The multi-call program: $NEWEL_BIN, or the newest one that cargo built."""
    if named := os.environ.get("NEWEL_BIN"):
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [path for profile in ("debug", "release") if (path := target / profile / "newel").exists()]
    if not built:
        raise FileNotFoundError(f"no newel in {target}: run `cargo build -p newel`")
    return max(built, key=lambda path: path.stat().st_mtime)


def start(component: str, arguments: list[str], variables: dict[str, str]) -> str:
    """What a program says that can't start."""
    role = ["orchestrator"] if component == "orchestrator" else ["worker", component.removeprefix("worker-")]
    clean = {name: text for name, text in os.environ.items() if not name.startswith("NEWEL_")}
    result = subprocess.run(
        [binary(), *role, *arguments], env={**clean, **variables}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
    )
    assert result.returncode != 0
    return result.stderr


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_a_program_takes_its_configuration(component, path, tmp_path):
    rendered = Rendered(scenario(path))
    if component not in rendered.workloads():
        return
    file = tmp_path / "newel.toml"
    file.write_text(rendered.config(component))
    said = start(component, ["--config", str(file)], STOP)
    assert STOPPED in said, said


@pytest.mark.parametrize("component", ["orchestrator", "worker-batch"])
def test_a_program_refuses_what_it_does_not_know(component, tmp_path):
    file = tmp_path / "newel.toml"
    file.write_text("[telemetry]\nlog_fromat = 'json'\n" + Rendered().config(component).split("[telemetry]")[0])
    said = start(component, ["--config", str(file)], STOP)
    assert "unknown key `telemetry.log_fromat`" in said and "log_format" in said, said


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_program_takes_the_variables_of_the_compose_file(component):
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    variables = {name: text for name, text in services[component]["environment"].items() if text is not None}
    assert any(name.startswith("NEWEL_") for name in variables)
    said = start(component, [], {**variables, **STOP})
    assert STOPPED in said, said
