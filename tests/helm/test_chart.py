"""The chart: accepted by Helm and by Kubernetes, safe by default, and in agreement with itself."""

import tomllib

import helm_python
import kubernetes_validate
import pytest
from helm.charts import CHART, COMPONENTS, FAMILIES, SCENARIOS, Rendered, container, scenario

# The oldest version that Chart.yaml allows, and the newest whose schemas are at hand.
OLDEST = "1.27"
NEWEST = kubernetes_validate.latest_version()

every_scenario = pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name.removesuffix("-values.yaml"))


@every_scenario
@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
def test_lint_is_strict_and_clean(path, kubernetes):
    version = "v" + ".".join(kubernetes.split(".")[:2]) + ".0"
    report = helm_python.lint(CHART, scenario(path), strict=True, kube_version=version)
    # Severity 1 is information: it asks for an icon.
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] > 1] == []


@every_scenario
@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
def test_every_object_is_valid(path, kubernetes):
    rendered = Rendered(scenario(path))
    assert len(rendered.objects) > 8
    for found in rendered.objects:
        # An unknown kind raises too: SchemaNotFoundError.
        kubernetes_validate.validate(found, kubernetes, strict=True)


def test_validation_can_fail():
    found = Rendered().pod("worker-batch")
    workload = Rendered().workloads()["worker-batch"]
    workload["spec"]["template"] = found
    container(found)["readinesProbe"] = container(found).pop("readinessProbe")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(workload, NEWEST, strict=True)


@pytest.mark.parametrize(
    "values, named",
    [
        ({"orchestratr": {}}, "orchestratr"),
        ({"orchestrator": {"replicas": 2}}, "replicas"),
        ({"orchestrator": {"persistence": {"sise": "1Gi"}}}, "sise"),
        ({"orchestrator": {"persistence": {"size": "big"}}}, "/orchestrator/persistence/size"),
        ({"orchestrator": {"persistence": {"accessModes": ["ReadWriteMany"]}}}, "accessModes"),
        ({"orchestrator": {"config": {"limits": 5}}}, "/orchestrator/config/limits"),
        ({"orchestrator": {"persistence": None}}, "persistence"),
        ({"workerDefaults": {"replicas": "three"}}, "/workerDefaults"),
        ({"auth": {"ownFamilies": {"acme": ""}}}, "/auth/ownFamilies/acme"),
        ({"workers": {"polly": {"enabled": True}}}, "polly"),
        ({"workers": {"batch": {"replica": 1}}}, "replica"),
        ({"workers": {"batch": {"env": [{"nam": "X"}]}}}, "env"),
        ({"workers": {"batch": {"image": {"digest": "sha256:12"}}}}, "digest"),
        ({"workers": {"batch": {"securityContext": {"allowPrivilegeEscalation": True}}}}, "allowPrivilegeEscalation"),
        ({"workers": {"batch": {"podSecurityContext": {"runAsUser": 0}}}}, "runAsUser"),
        ({"workers": {"batch": {"securityContext": {"privileged": True}}}}, "privileged"),
    ],
)
def test_the_schema_refuses(values, named):
    with pytest.raises(helm_python.HelmValuesError, match=named):
        Rendered(values)


def test_the_schema_is_closed():
    with helm_python.Chart.load(CHART) as chart:
        schema = chart.schema

    def check(node, path):
        if isinstance(node, dict):
            if node.get("type") == "object" and "$comment" not in node and not path.endswith("patternProperties/^[a-z][a-z0-9_]*$"):
                assert "additionalProperties" in node, path
                assert node["additionalProperties"] is not True, path
            for key, inner in node.items():
                check(inner, f"{path}/{key}")
        elif isinstance(node, list):
            for index, inner in enumerate(node):
                check(inner, f"{path}/{index}")

    check(schema, "")


def test_every_default_is_in_the_schema():
    with helm_python.Chart.load(CHART) as chart:
        schema, values = chart.schema, chart.values

    def properties(node):
        found = dict(node.get("properties", {}))
        if "$ref" in node:
            found |= properties(schema["definitions"][node["$ref"].rsplit("/", 1)[1]])
        for part in node.get("allOf", []):
            found |= properties(part)
        return found

    def compare(node, value, path):
        known = properties(node)
        # What the schema knows is what the values file shows, so that the file documents everything.
        for key in known:
            if path in ("", "/orchestrator", "/workerDefaults", "/auth", "/global", "/image", "/orchestrator/persistence"):
                assert key in value, f"{path}/{key} has no default"
        for key, inner in value.items():
            if isinstance(inner, dict) and inner and key in known:
                compare(known[key], inner, f"{path}/{key}")

    compare(schema, values, "")


@pytest.mark.parametrize(
    "values, told",
    [
        ({"orchestrator": {"persistence": {"enabled": False, "existingClaim": "c"}}}, "enable it or drop the claim"),
        ({"orchestrator": {"config": {"http": {"listen": "x"}}}}, "orchestrator.config.http.listen is set by the chart"),
        ({"workerDefaults": {"config": {"worker": {"token_file": "x"}}}}, "config.worker.token_file is set by the chart"),
        ({"workers": {"ecs": {"serviceAccount": {"create": False}}}}, "worker-ecs: serviceAccount.create is false"),
        (
            {"workers": {family: {"serviceAccount": {"name": "shared"}} for family in ("ecs", "glue")}},
            "would both create service account shared",
        ),
        ({"workers": {"glue": {"config": {"worker": {"drain_seconds": 300}}}}}, "workers.glue.terminationGracePeriodSeconds"),
        ({"auth": {"ownFamilies": {"glue": "s"}}}, "auth.ownFamilies.glue is a family of this chart's"),
        ({"workers": {"glue": {"config": {"worker": {"x": [{"y": 1}]}}}}}, "list of tables"),
    ],
)
def test_contradictions_fail_with_the_way_out(values, told):
    with pytest.raises(helm_python.HelmError, match=told):
        Rendered(values)


@every_scenario
def test_pods_are_restricted(path):
    """The restricted pod security standard, and what it doesn't ask for: no token, a read-only root, a memory limit."""
    for name, pod in Rendered(scenario(path)).pods():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
        allowed = {"name", "configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
        for volume in pod["volumes"]:
            assert volume.keys() <= allowed, (name, volume)
        for holder in pod["containers"]:
            security = holder["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert holder["resources"]["limits"]["memory"], name


@every_scenario
def test_mounts_and_references_exist(path):
    """Volumes, secrets, config maps, accounts and ports named in a pod are there, or were given by the values."""
    values = scenario(path)
    rendered = Rendered(values)
    secrets, maps, accounts = (rendered.kind(kind) for kind in ("Secret", "ConfigMap", "ServiceAccount"))
    given = repr(values)
    for component, workload in rendered.workloads().items():
        pod = workload["spec"]["template"]["spec"]
        claims = workload["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in claims}
        assert {mount["name"] for mount in container({"spec": pod})["volumeMounts"]} <= volumes, component
        account = pod["serviceAccountName"]
        assert account in accounts or account in given, component
        for volume in pod["volumes"]:
            sources = [volume, *volume.get("projected", {}).get("sources", [])]
            for source in (found["secret"] for found in sources if "secret" in found):
                name = source.get("secretName") or source["name"]
                assert name in given or all(item["key"] in secrets[name]["stringData"] for item in source["items"]), name
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps or volume["configMap"]["name"] in given


@every_scenario
def test_selectors_meet_their_pods(path):
    rendered = Rendered(scenario(path))
    pods = {component: workload["spec"]["template"] for component, workload in rendered.workloads().items()}
    for component, workload in rendered.workloads().items():
        selector = workload["spec"]["selector"]["matchLabels"]
        matched = [name for name, pod in pods.items() if selector.items() <= pod["metadata"]["labels"].items()]
        assert matched == [component]
        for constraint in pods[component]["spec"].get("topologySpreadConstraints", []):
            assert constraint["labelSelector"]["matchLabels"] == selector
    for name, service in rendered.kind("Service").items():
        matched = [pod for pod in pods.values() if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()]
        (pod,) = matched
        named = {port["name"] for port in container(pod)["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named, name
    stateful = rendered.workloads()["orchestrator"]
    assert stateful["spec"]["serviceName"] in rendered.kind("Service")


def test_the_api_has_a_second_name_for_what_waits_for_its_end():
    """SDKs put `sync-` before the host name of the endpoint for StartSyncExecution."""
    services = Rendered({"orchestrator": {"service": {"httpPort": 80, "type": "LoadBalancer"}}}).kind("Service")
    plain, sync = services["demo-newel-orchestrator"], services["sync-demo-newel-orchestrator"]
    assert sync["spec"]["selector"] == plain["spec"]["selector"]
    assert sync["spec"]["type"] == "ClusterIP", "one load balancer is enough"
    assert sync["spec"]["ports"] == [port for port in plain["spec"]["ports"] if port["name"] == "http"]
    without = Rendered({"orchestrator": {"service": {"syncHost": False}}}).kind("Service")
    assert sorted(without) == ["demo-newel-orchestrator", "demo-newel-orchestrator-headless"]


def test_probes_ask_the_health_service():
    rendered = Rendered()
    for component in COMPONENTS:
        holder = container(rendered.pod(component))
        ports = {port["containerPort"] for port in holder["ports"]}
        ready = "newel.v1.WorkflowsService" if component == "orchestrator" else "ready"
        for probe, service in [("startupProbe", None), ("livenessProbe", None), ("readinessProbe", ready)]:
            grpc = holder[probe]["grpc"]
            assert grpc["port"] in ports, (component, probe)
            assert grpc.get("service") == service, (component, probe)
        # Health is served where the configuration says.
        config = tomllib.loads(rendered.config(component))
        listen = config["grpc"]["listen"] if component == "orchestrator" else config["worker"]["health_address"]
        assert listen == f"0.0.0.0:{holder['livenessProbe']['grpc']['port']}", component


def test_each_worker_has_its_own_account_and_token():
    rendered = Rendered()
    accounts = {component: rendered.pod(component)["spec"]["serviceAccountName"] for component in COMPONENTS}
    assert len(set(accounts.values())) == len(COMPONENTS)
    assert set(accounts.values()) == set(rendered.kind("ServiceAccount"))
    tokens = {}
    for family in FAMILIES:
        volumes = {volume["name"]: volume for volume in rendered.pod(f"worker-{family}")["spec"]["volumes"]}
        secret = volumes["credentials"]["secret"]["secretName"]
        tokens[family] = rendered.kind("Secret")[secret]["stringData"]["token"]
    assert len(set(tokens.values())) == len(FAMILIES)
    assert all(len(token) == 48 for token in tokens.values())
    # The orchestrator gets each under the family's name.
    volumes = {volume["name"]: volume for volume in rendered.pod("orchestrator")["spec"]["volumes"]}
    paths = [item["path"] for source in volumes["credentials"]["projected"]["sources"] for item in source["secret"]["items"]]
    assert paths == ["access-keys.toml", "client-token", *(f"worker-tokens/{family}" for family in FAMILIES)]


def test_families_from_elsewhere_get_in_by_tokens_of_their_own():
    for workers in ({}, {family: {"enabled": False} for family in FAMILIES}):
        rendered = Rendered({"auth": {"ownFamilies": {"acme": "acme-token"}}, "workers": workers})
        volumes = {volume["name"]: volume for volume in rendered.pod("orchestrator")["spec"]["volumes"]}
        sources = [source["secret"] for source in volumes["credentials"]["projected"]["sources"]]
        assert {"name": "acme-token", "items": [{"key": "token", "path": "worker-tokens/acme"}]} in sources
        assert tomllib.loads(rendered.config("orchestrator"))["auth"]["worker_tokens_dir"].endswith("/worker-tokens")


def test_encryption_keys_are_mounted_where_the_configuration_looks():
    assert "encryption" not in tomllib.loads(Rendered().config("orchestrator"))
    values = {"auth": {"encryptionKeys": {"existingSecret": "keys"}}}
    rendered = Rendered({**values, "orchestrator": {"config": {"encryption": {"default_key": "alias/all"}}}})
    encryption = tomllib.loads(rendered.config("orchestrator"))["encryption"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(rendered.pod("orchestrator"))["volumeMounts"]}
    assert encryption == {"default_key": "alias/all", "keys_file": f"{mounts['credentials']}/encryption/keys.toml"}
    volumes = {volume["name"]: volume for volume in rendered.pod("orchestrator")["spec"]["volumes"]}
    sources = [source["secret"] for source in volumes["credentials"]["projected"]["sources"]]
    assert {"name": "keys", "items": [{"key": "keys.toml", "path": "encryption/keys.toml"}]} in sources
    with pytest.raises(helm_python.HelmError, match="orchestrator.config.encryption.keys_file is set by the chart"):
        Rendered({**values, "orchestrator": {"config": {"encryption": {"keys_file": "/elsewhere"}}}})


def test_credential_files_are_mounted_where_the_configuration_looks():
    rendered = Rendered()
    auth = tomllib.loads(rendered.config("orchestrator"))["auth"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(rendered.pod("orchestrator"))["volumeMounts"]}
    assert auth == {
        "access_keys_file": f"{mounts['credentials']}/access-keys.toml",
        "client_token_file": f"{mounts['credentials']}/client-token",
        "worker_tokens_dir": f"{mounts['credentials']}/worker-tokens",
    }
    assert tomllib.loads(rendered.config("orchestrator"))["store"]["path"] == mounts["data"]
    for family in FAMILIES:
        worker = tomllib.loads(rendered.config(f"worker-{family}"))["worker"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container(rendered.pod(f"worker-{family}"))["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in rendered.pod(f"worker-{family}")["spec"]["volumes"]}
        (item,) = volumes["credentials"]["secret"]["items"]
        assert worker["token_file"] == f"{mounts['credentials']}/{item['path']}"
        (service,) = [name for name in rendered.kind("Service") if not name.endswith("-headless") and name[:5] != "sync-"]
        assert worker["orchestrators"] == [f"http://{service}.flows.svc:8084"]


def test_generated_access_keys_are_a_keys_file():
    secret = Rendered({"orchestrator": {"config": {"identity": {"account": "123456789012"}}}}).kind("Secret")["demo-newel-access-keys"]
    (key,) = tomllib.loads(secret["stringData"]["access-keys.toml"])["access_keys"]
    assert key == {
        "access_key_id": secret["stringData"]["access-key-id"],
        "secret_access_key": secret["stringData"]["secret-access-key"],
        "account": "123456789012",
    }


def test_a_changed_configuration_restarts_only_its_own_pods():
    def checksums(values):
        rendered = Rendered(values)
        return {name: rendered.pod(name)["metadata"]["annotations"]["checksum/config"] for name in COMPONENTS}

    before = checksums({})
    assert checksums({}) == before, "the same values restart nothing"
    after = checksums({"workers": {"glue": {"config": {"worker": {"submit_credits": 1}}}}})
    assert [name for name in COMPONENTS if before[name] != after[name]] == ["worker-glue"]
    after = checksums({"orchestrator": {"config": {"identity": {"region": "eu-west-1"}}}})
    assert [name for name in COMPONENTS if before[name] != after[name]] == ["orchestrator"]


def test_workers_merge_over_their_defaults():
    rendered = Rendered(
        {
            "workerDefaults": {"replicas": 3, "config": {"worker": {"submit_credits": 8, "markers": False}}, "env": [{"name": "A", "value": "1"}]},
            "workers": {
                "batch": {"replicas": 0, "config": {"worker": {"markers": True}}, "env": []},
                "glue": {"enabled": False},
            },
        }
    )
    workloads = rendered.workloads()
    assert workloads.keys() == set(COMPONENTS) - {"worker-glue"}
    assert {"name": "NEWEL_FAMILY", "value": "lambda"} in container(rendered.pod("worker-lambda"))["env"]
    assert workloads["worker-batch"]["spec"]["replicas"] == 0
    assert workloads["worker-ecs"]["spec"]["replicas"] == 3
    batch = tomllib.loads(rendered.config("worker-batch"))["worker"]
    assert (batch["submit_credits"], batch["markers"]) == (8, True)
    assert container(rendered.pod("worker-batch"))["env"] == [{"name": "NEWEL_FAMILY", "value": "batch"}]
    ecs = [{"name": "NEWEL_FAMILY", "value": "ecs"}, {"name": "A", "value": "1"}]
    assert container(rendered.pod("worker-ecs"))["env"] == ecs


@pytest.mark.parametrize(
    "values, image",
    [
        ({}, "newel/newel-worker-batch:0.1.0"),
        ({"image": {"tag": "2.0"}}, "newel/newel-worker-batch:2.0"),
        ({"image": {"registry": "a.example"}}, "a.example/newel/newel-worker-batch:0.1.0"),
        ({"image": {"registry": "a.example"}, "global": {"imageRegistry": "b.example/"}}, "b.example/newel/newel-worker-batch:0.1.0"),
        ({"image": {"tag": "2.0"}, "workers": {"batch": {"image": {"tag": "3.0"}}}}, "newel/newel-worker-batch:3.0"),
        (
            {"image": {"tag": "2.0"}, "workers": {"batch": {"image": {"digest": "sha256:" + "a" * 64}}}},
            "newel/newel-worker-batch@sha256:" + "a" * 64,
        ),
    ],
)
def test_image_references(values, image):
    assert container(Rendered(values).pod("worker-batch"))["image"] == image


@pytest.mark.parametrize(
    "persistence, claims, volume",
    [
        ({}, 1, None),
        ({"existingClaim": "mine"}, 0, {"persistentVolumeClaim": {"claimName": "mine"}}),
        ({"enabled": False}, 0, {"emptyDir": {}}),
    ],
)
def test_where_the_store_is(persistence, claims, volume):
    rendered = Rendered({"orchestrator": {"persistence": persistence}})
    workload = rendered.workloads()["orchestrator"]["spec"]
    assert workload["replicas"] == 1
    assert len(workload.get("volumeClaimTemplates", [])) == claims
    data = [found for found in workload["template"]["spec"]["volumes"] if found["name"] == "data"]
    assert data == ([{"name": "data", **volume}] if volume else [])
    assert ("NOT PERSISTENT" in rendered.notes) == (persistence.get("enabled") is False)


def test_no_workers_at_all():
    rendered = Rendered({"workerDefaults": {"enabled": False}})
    assert rendered.workloads().keys() == {"orchestrator"}
    assert "worker_tokens_dir" not in tomllib.loads(rendered.config("orchestrator"))["auth"]
    assert "none: no task of an AWS service can run" in rendered.notes


def test_values_become_toml_of_the_right_types():
    given = {
        "whole": 4194304,
        "negative": -3,
        "large": 1e12,
        "fraction": 0.25,
        "truth": True,
        "text": 'a "quoted" \\ <line>\nand another',
        "list": [1, 2.5, "x", False],
        "empty": [],
        "table": {"inner": {"deep": 1}, "odd key.with dot": "v"},
        "nothing": None,
    }
    read = tomllib.loads(Rendered({"orchestrator": {"config": {"limits": given}}}).config("orchestrator"))["limits"]
    expected = {key: value for key, value in given.items() if value is not None}
    assert read == expected
    assert {key: type(value) for key, value in read.items()} == {**{key: type(value) for key, value in expected.items()}, "large": int}


def test_names_stay_within_their_limits():
    rendered = Rendered(release="r" * 53)
    for found in rendered.objects:
        assert len(found["metadata"]["name"]) <= 63, found["metadata"]["name"]
        assert all(len(value) <= 63 for value in found["metadata"]["labels"].values())
