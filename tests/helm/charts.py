"""The chart as its tests see it: rendered into objects, looked up by kind and name."""

from collections.abc import Iterator
from pathlib import Path

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "newel"
# Families that have a program each, and those that share one.
TYPED = ["batch", "dynamodb", "ecs", "glue", "http", "s3", "sdk"]
MODELLED = ["athena", "bedrock", "codebuild", "databrew", "eks", "emr", "lambda", "mediaconvert", "messaging", "sagemaker"]
FAMILIES = sorted(TYPED + MODELLED)
PROGRAMS = ["orchestrator", "worker-aws", *(f"worker-{family}" for family in TYPED)]
COMPONENTS = ["orchestrator", *(f"worker-{family}" for family in FAMILIES)]
SCENARIOS = sorted((CHART / "ci").glob("*-values.yaml"))


def program(component: str) -> str:
    """The image's name, and the program's, that a component runs."""
    return "worker-aws" if component.removeprefix("worker-") in MODELLED else component


def scenario(path: Path) -> dict:
    """The values of a scenario under `ci/`."""
    return yaml.safe_load(path.read_text()) or {}


class Rendered:
    """The objects of one rendering."""

    def __init__(self, values: dict | None = None, release: str = "demo", namespace: str = "flows"):
        with helm_python.Chart.load(CHART) as chart:
            files = chart.render(values or {}, name=release, namespace=namespace)
        self.notes = next(text for path, text in files.items() if path.endswith("NOTES.txt"))
        manifests = (text for path, text in files.items() if path.endswith(".yaml"))
        self.objects = [found for text in manifests for found in yaml.safe_load_all(text) if found]

    def kind(self, kind: str) -> dict[str, dict]:
        """The objects of one kind by name."""
        return {found["metadata"]["name"]: found for found in self.objects if found["kind"] == kind}

    def workloads(self) -> dict[str, dict]:
        """The StatefulSet and the Deployments by component."""
        found = [*self.kind("StatefulSet").values(), *self.kind("Deployment").values()]
        return {workload["metadata"]["labels"]["app.kubernetes.io/component"]: workload for workload in found}

    def pod(self, component: str) -> dict:
        """The pod template of a component."""
        return self.workloads()[component]["spec"]["template"]

    def pods(self) -> Iterator[tuple[str, dict]]:
        """Every pod specification, those of tests too, with the name of what holds it."""
        for component, workload in self.workloads().items():
            yield component, workload["spec"]["template"]["spec"]
        for name, pod in self.kind("Pod").items():
            yield name, pod["spec"]

    def config(self, component: str) -> str:
        """The text of a component's configuration file."""
        maps = {found["metadata"]["labels"]["app.kubernetes.io/component"]: found for found in self.kind("ConfigMap").values()}
        return maps[component]["data"]["newel.toml"]


def container(pod: dict) -> dict:
    """The one container of a pod template."""
    (only,) = pod["spec"]["containers"]
    return only
