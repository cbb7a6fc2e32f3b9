"""The Dockerfile, the compose file and the script that makes its credentials."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from helm.charts import COMPONENTS, FAMILIES, PROGRAMS, ROOT, Rendered, container, program

DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"


@pytest.fixture(scope="module")
def stages() -> dict[str, list[tuple[str, str]]]:
    """The Dockerfile's stages: {name: [(instruction, arguments)]}, with continued lines joined."""
    text = re.sub(r"\\\n", " ", "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")))
    found: dict[str, list[tuple[str, str]]] = {"": []}
    stage = ""
    for line in filter(None, text.splitlines()):
        instruction, _, arguments = line.strip().partition(" ")
        if instruction == "FROM":
            stage = arguments.rsplit(" AS ", 1)[1]
            found[stage] = []
        found[stage].append((instruction, " ".join(arguments.split())))
    return found


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_hadolint_has_nothing_to_say():
    hadolint = Path(sys.executable).with_name("hadolint")
    assert hadolint.exists(), "install tests/helm/requirements.txt"
    result = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


def test_every_program_has_an_image_that_is_not_root(stages):
    assert ("USER", "65532:65532") in stages["base"]
    for target in PROGRAMS:
        name = f"newel-{target}"
        stage = dict(stages[target])
        assert stage["FROM"] == f"base AS {target}"
        assert stage["COPY"] == f"--from=build /out/{name} /usr/local/bin/{name}"
        assert stage["ENTRYPOINT"] == f'["{name}"]'
        assert "USER" not in stage
        build = " ".join(arguments for _, arguments in stages["build"])
        assert f"--package {name}" in build and f"target/release/{name}" in build
    assert not any(instruction == "HEALTHCHECK" for stage in stages.values() for instruction, _ in stage)


def test_the_build_is_of_what_the_workspace_pins(stages):
    versions = dict(arguments.split("=", 1) for instruction, arguments in stages[""] if instruction == "ARG")
    toolchain = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    assert toolchain == versions["RUST_VERSION"] or toolchain.startswith(versions["RUST_VERSION"] + ".")
    for _, arguments in stages["build"]:
        if "cargo " in arguments:
            assert "--locked" in arguments
    for _, arguments in (found for stage in ("models", "build") for found in stages[stage] if found[0] == "COPY"):
        for source in arguments.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_the_build_context_has_what_the_build_copies(stages):
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split("\n")
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {source.split("/")[0] for stage in ("models", "build") for name, arguments in stages[stage] if name == "COPY" for source in arguments.split()[:-1]}
    assert kept == copied


def test_the_chart_runs_as_the_images_do(stages):
    rendered = Rendered()
    for component in COMPONENTS:
        pod = rendered.pod(component)["spec"]
        user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
        assert ("USER", user) in stages["base"]
        assert f"/newel-{program(component)}:" in container({"spec": pod})["image"]
        catalog = tomllib.loads(rendered.config(component))["catalog"]["path"]
        assert ("ENV", f"NEWEL_CATALOG__PATH={catalog}") in stages["base"]


def test_the_compose_file_builds_every_image(compose, stages):
    services = compose["services"]
    assert set(services) == {"credentials", *COMPONENTS}
    for name, service in services.items():
        assert service["build"]["target"] in stages
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == DOCKERFILE
        assert service["build"]["target"] == ("base" if name == "credentials" else program(name))
        if name != "credentials":
            assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
            assert "user" not in service, name
            if program(name) == "worker-aws":
                assert f"worker-{service['environment']['NEWEL_FAMILY']}" == name
    for port in services["orchestrator"]["ports"]:
        assert port.startswith("127.0.0.1:"), "not open to the network by default"


def make_credentials(directory: Path) -> str:
    script = [shutil.which("sh"), DEPLOY / "credentials.sh", directory, "000000000000"]
    return subprocess.run(script, check=True, capture_output=True, text=True).stdout


def test_credentials_are_made_once_and_where_the_services_look(tmp_path, compose):
    said = make_credentials(tmp_path)
    made = {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    assert make_credentials(tmp_path) == said
    assert {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()} == made

    (key,) = tomllib.loads((tmp_path / "orchestrator" / "access-keys.toml").read_text())["access_keys"]
    assert said.splitlines() == [
        f"export AWS_ACCESS_KEY_ID={key['access_key_id']}",
        f"export AWS_SECRET_ACCESS_KEY={key['secret_access_key']}",
    ]
    for family in FAMILIES:
        token = (tmp_path / f"worker-{family}" / "token").read_text()
        assert len(token) == 64
        assert token == (tmp_path / "orchestrator" / "worker-tokens" / family).read_text()
    assert all(file.stat().st_mode & 0o007 == 0 for file in made), "nobody else reads them"

    for name in COMPONENTS:
        service = compose["services"][name]
        (mount,) = [volume for volume in service["volumes"] if volume["source"] == "credentials"]
        here = tmp_path / mount["volume"]["subpath"]
        paths = [text for text in service["environment"].values() if text and text.startswith(mount["target"] + "/")]
        assert paths, name
        for path in paths:
            assert (here / Path(path).relative_to(mount["target"])).exists(), (name, path)
