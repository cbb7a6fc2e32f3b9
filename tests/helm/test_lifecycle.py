"""Installing, upgrading, testing and removing the chart with Helm itself, against an API server that only keeps objects."""

import base64

import helm_python
import pytest
from helm.charts import CHART, COMPONENTS, FAMILIES
from helm.fake_cluster import FakeCluster


@pytest.fixture
def cluster():
    with FakeCluster() as cluster:
        yield cluster


@pytest.fixture
def helm(cluster):
    # The memory driver keeps releases in this process: the others post bodies that are not JSON.
    with helm_python.Config(kubeconfig_content=cluster.kubeconfig, namespace="flows", storage_driver="memory") as config:
        yield config


def secrets(cluster) -> dict[str, dict[str, str]]:
    held = cluster.objects.of("secrets", "flows")
    return {name: {key: base64.b64decode(text).decode() for key, text in secret["data"].items()} for name, secret in held.items()}


def test_generated_credentials_survive_upgrades(cluster, helm):
    helm.install(CHART, "demo", {}, namespace="flows", timeout=30)
    first = secrets(cluster)
    assert first.keys() == {"demo-newel-access-keys", "demo-newel-client-token", *(f"demo-newel-worker-{family}-token" for family in FAMILIES)}

    helm.upgrade(CHART, "demo", {"orchestrator": {"config": {"limits": {"payload_bytes": 1}}}}, namespace="flows", timeout=30)
    assert secrets(cluster) == first

    # A credential that somebody removed is made anew; the others stay.
    cluster.objects.delete(("secrets", "flows", "demo-newel-client-token"))
    helm.upgrade(CHART, "demo", {}, namespace="flows", timeout=30)
    again = secrets(cluster)
    changed = {name for name in first if first[name] != again[name]}
    assert changed == {"demo-newel-client-token"}


def test_from_install_to_uninstall(cluster, helm):
    helm.install(CHART, "demo", {}, namespace="flows", timeout=30)
    assert list(cluster.objects.of("statefulsets", "flows")) == ["demo-newel-orchestrator"]
    assert sorted(cluster.objects.of("deployments", "flows")) == [f"demo-newel-{component}" for component in COMPONENTS[1:]]

    helm.upgrade(CHART, "demo", {"workers": {"glue": {"enabled": False}}}, namespace="flows", timeout=30)
    assert "demo-newel-worker-glue" not in cluster.objects.of("deployments", "flows")
    assert "demo-newel-worker-glue-token" not in secrets(cluster)

    helm.uninstall("demo", timeout=30)
    for plural in ("statefulsets", "deployments", "services", "secrets", "configmaps", "serviceaccounts"):
        assert cluster.objects.of(plural, "flows") == {}, plural


def test_what_the_cluster_refuses_is_not_installed(cluster, helm):
    values = {"workerDefaults": {"extraVolumes": [{"name": "x", "emptyDirectory": {}}]}}
    with pytest.raises(helm_python.HelmError, match="emptyDirectory"):
        helm.install(CHART, "demo", values, namespace="flows", timeout=30)
