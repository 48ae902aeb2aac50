"""The Helm chart: linted and rendered by Helm's own library, checked against the schemas of Kubernetes.

No cluster, no network: ``helm_python`` binds Helm 4, ``kubernetes_validate`` carries the schemas of every version.
"""

import asyncio
import json
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import kubernetes_validate.utils
import pytest
import yaml
from grpc_health.v1 import health_pb2
from segue.server.health import Health
from segue.server.settings import Settings

Manifest = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "segue"
KUBERNETES = [f"1.{minor}" for minor in range(25, 38)]
CUSTOM = {"GRPCRoute", "ServiceMonitor"}
"""Kinds that Kubernetes itself has no schema of."""
OWNED = {
    "address", "triton", "store", "device", "stall_seconds", "workers", "metrics_address", "health_address",
    "admin_token", "database_url",
    "listener_key_file", "tls_certificate", "tls_key", "tls_client_ca",
}  # fmt: skip
"""Settings that the chart fills in itself, that only the embedded Triton has, or that replicas stand for (workers)."""

DATABASE = {"database": {"existingSecret": "plays"}, "listenerKey": {"existingSecret": "listener-key"}}
CASES: dict[str, Manifest] = {
    "default": {},
    "gpu": yaml.safe_load((CHART / "values-gpu.yaml").read_text()),
    "tls and a route": {
        "gateway": {
            "tls": {"existingSecret": "segue-tls", "clientCa": True},
            "adminToken": {"existingSecret": "admin"},
            "autoscaling": {"enabled": True},
        },
        "grpcRoute": {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["music.example.org"]},
        "metrics": {"scrape": "serviceMonitor", "serviceMonitorLabels": {"release": "prometheus"}},
        "networkPolicy": {"clients": [{"namespaceSelector": {"matchLabels": {"team": "apps"}}}]},
    },
    "PostgreSQL and S3": {
        "fullnameOverride": "music",
        "imagePullSecrets": [{"name": "registry"}],
        "gateway": {
            **DATABASE,
            "settings": {
                "max_message_bytes": 67_108_864,
                "default_algorithms": {"recommend": "ials"},
                "plugins": ["score", "polish"],
                "deadline_seconds": 2.5,
                "commercial": True,
                "log_level": "WARNING",
            },
        },
        "modelServer": {
            "replicas": 3,
            "repository": {"source": "s3", "s3": {"url": "s3://models/segue", "region": "eu-west-1"}},
        },
    },
    "volume": {
        "modelServer": {"repository": {"source": "volume", "volume": {"existingClaim": "models", "path": "segue"}}},
        "metrics": {"scrape": "none"},
    },
    "a Triton elsewhere": {
        "gateway": {"triton": "triton.example.org:18001"},
        "modelServer": {"enabled": False},
        "networkPolicy": {"monitoring": [{"podSelector": {}}]},
    },
}


@cache
def render(case: str) -> list[Manifest]:
    """Return the manifests of one case."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(CASES[case])
        files = chart.render(CASES[case], name="demo", namespace="music")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]


def of_kind(case: str, kind: str) -> dict[str, Manifest]:
    return {manifest["metadata"]["name"]: manifest for manifest in render(case) if manifest["kind"] == kind}


def pods(case: str) -> Iterator[Manifest]:
    """Yield every pod, or pod template."""
    for manifest in render(case):
        if manifest["kind"] == "Deployment":
            yield manifest["spec"]["template"]
        elif manifest["kind"] == "Pod":
            yield manifest


def pod(case: str, component: str) -> Manifest:
    (found,) = [p for p in pods(case) if p["metadata"]["labels"]["app.kubernetes.io/component"] == component]
    return found


def container(case: str, component: str) -> Manifest:
    (found,) = pod(case, component)["spec"]["containers"]
    return found


def environment(case: str) -> dict[str, str]:
    """Return the gateway's variables; one that comes from a Secret stands for itself."""
    return {variable["name"]: variable.get("value", "from a secret") for variable in container(case, "gateway")["env"]}


every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_lints_strictly(case):
    report = helm_python.lint(CHART, CASES[case], strict=True, namespace="music")
    assert report["errors"] == []
    assert [m for m in report["messages"] if m["severity"] > 1] == []


def test_lint_bites(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text((CHART / "Chart.yaml").read_text())
    (tmp_path / "values.yaml").write_text("{}")
    (tmp_path / "templates" / "bad.yaml").write_text("kind: {{ .Values.missing.key }}")
    assert helm_python.lint(tmp_path, strict=True)["errors"]


@pytest.mark.parametrize("version", KUBERNETES)
def test_valid_for_kubernetes(version, monkeypatch):
    # It reads a megabyte of definitions anew for every manifest.
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
    checked = set()
    for case in CASES:
        for manifest in render(case):
            text = json.dumps(manifest, sort_keys=True)
            if manifest["kind"] not in CUSTOM and text not in checked:
                assert kubernetes_validate.validate(manifest, version, strict=True) == version
                checked.add(text)


def test_schemas_bite():
    deployment = json.loads(json.dumps(of_kind("default", "Deployment")["demo-segue-gateway"]))
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES[0], strict=True)


@pytest.mark.parametrize(
    ("values", "at_fault"),
    [
        ({"gatway": {}}, "gatway"),
        ({"gateway": {"replica": 2}}, "replica"),
        ({"gateway": {"replicas": -1}}, "replicas"),
        ({"gateway": {"replicas": "2"}}, "replicas"),
        ({"gateway": {"settings": {"deadline_second": 1}}}, "deadline_second"),
        ({"gateway": {"settings": {"workers": 2}}}, "workers"),
        ({"gateway": {"settings": {"deadline_seconds": 0}}}, "deadline_seconds"),
        ({"gateway": {"settings": {"admin_token": "in the clear"}}}, "admin_token"),
        ({"gateway": {"resources": {"limits": {"memory": "lots"}}}}, "memory"),
        ({"gateway": {"resources": {"limits": {"memory": None}}}}, "memory"),
        ({"gateway": {"database": {"existingSecret": "plays"}}}, "listenerKey"),
        ({"gateway": {"image": {"pullPolicy": "Sometimes"}}}, "pullPolicy"),
        ({"gateway": {"maxUnavailable": "150%"}}, "maxUnavailable"),
        ({"modelServer": {"device": "gpu"}}, "nvidia.com/gpu"),
        ({"modelServer": {"device": "tpu"}}, "device"),
        ({"modelServer": {"repository": {"source": "s3"}}}, "url"),
        ({"modelServer": {"repository": {"source": "s3", "s3": {"url": "https://models"}}}}, "url"),
        ({"modelServer": {"repository": {"source": "volume"}}}, "existingClaim"),
        ({"grpcRoute": {"enabled": True}}, "parentRefs"),
        ({"networkPolicy": {"databasePort": 70_000}}, "databasePort"),
        ({"metrics": {"scrape": "sometimes"}}, "scrape"),
    ],
)
def test_wrong_values_are_refused(values, at_fault):
    with helm_python.Chart.load(CHART) as chart, pytest.raises(helm_python.HelmError) as refusal:
        chart.validate_schema(values)
    assert at_fault in str(refusal.value)


def test_a_triton_elsewhere_must_be_named():
    with helm_python.Chart.load(CHART) as chart, pytest.raises(helm_python.HelmError, match=r"gateway\.triton"):
        chart.render({"modelServer": {"enabled": False}}, name="demo")


@every_case
def test_pods_are_confined(case):
    for template in pods(case):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] >= 1000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for one in spec["containers"]:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(one["resources"]["requests"]) >= {"cpu", "memory"}
            assert "memory" in one["resources"]["limits"]
    for account in of_kind(case, "ServiceAccount").values():
        assert account["automountServiceAccountToken"] is False


async def test_probes_ask_for_names_that_the_gateway_knows():
    probes = [container("default", "gateway")[kind]["grpc"] for kind in ("readinessProbe", "livenessProbe")]
    ready, live = (probe["service"] for probe in probes)
    assert {probe["port"] for probe in probes} == {8702}
    assert ready == ""

    health = Health()
    health.drain()
    await asyncio.sleep(0)
    states = [
        (await health.servicer.Check(health_pb2.HealthCheckRequest(service=name), None)).status  # type: ignore[arg-type]
        for name in (ready, live)
    ]
    assert states == [health_pb2.HealthCheckResponse.NOT_SERVING, health_pb2.HealthCheckResponse.SERVING]


def test_with_tls_the_probes_still_look_at_health():
    gateway = container("tls and a route", "gateway")
    assert gateway["readinessProbe"]["grpc"] == {"port": 8702, "service": ""}


@every_case
def test_the_grace_period_holds_the_drain(case):
    variables = environment(case)
    grace = pod(case, "gateway")["spec"]["terminationGracePeriodSeconds"]
    assert grace >= int(variables["SEGUE_DRAIN_SECONDS"]) + int(variables["SEGUE_STOP_SECONDS"]) + 10


@every_case
def test_every_variable_is_a_setting_with_a_right_value(case, monkeypatch):
    variables = environment(case)
    for name, value in variables.items():
        assert name.removeprefix("SEGUE_").lower() in Settings.model_fields, name
        monkeypatch.setenv(name, value)
    settings = Settings()
    wanted = CASES[case].get("gateway", {}).get("settings", {})
    assert {name: getattr(settings, name) for name in wanted} == wanted


def test_the_chart_accepts_exactly_the_settings_there_are():
    def bare(schema: Manifest) -> Manifest:
        options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
        return {
            key: value
            for key, value in (options[0] if options else schema).items()
            if key not in ("title", "default", "description")
        }

    accepted = json.loads((CHART / "values.schema.json").read_text())["$defs"]["settings"]["properties"]
    existing = Settings.model_json_schema()["properties"]
    assert {name: bare(schema) for name, schema in accepted.items()} == {
        name: bare(schema) for name, schema in existing.items() if name not in OWNED
    }


def test_secrets_are_named_never_held():
    assert [case for case in CASES if of_kind(case, "Secret")] == []
    variables = {v["name"]: v for v in container("PostgreSQL and S3", "gateway")["env"]}
    assert variables["SEGUE_DATABASE_URL"]["valueFrom"]["secretKeyRef"] == {"name": "plays", "key": "url"}
    variables = {v["name"]: v for v in container("tls and a route", "gateway")["env"]}
    assert variables["SEGUE_ADMIN_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "admin", "key": "token"}


@every_case
def test_everything_that_selects_pods_finds_them_and_their_ports(case):
    def check(selector: Manifest, ports: list[Any]) -> None:
        found = [p for p in pods(case) if selector.items() <= p["metadata"]["labels"].items()]
        assert len(found) == 1
        names = {port["name"] for one in found[0]["spec"]["containers"] for port in one.get("ports", [])}
        assert {port for port in ports if isinstance(port, str)} <= names

    for service in of_kind(case, "Service").values():
        check(service["spec"]["selector"], [port["targetPort"] for port in service["spec"]["ports"]])
    for policy in of_kind(case, "NetworkPolicy").values():
        ports = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
        check(policy["spec"]["podSelector"]["matchLabels"], ports)
    for budget in of_kind(case, "PodDisruptionBudget").values():
        check(budget["spec"]["selector"]["matchLabels"], [])
    for scaler in of_kind(case, "HorizontalPodAutoscaler").values():
        assert "replicas" not in of_kind(case, "Deployment")[scaler["spec"]["scaleTargetRef"]["name"]]["spec"]
    for route in of_kind(case, "GRPCRoute").values():
        assert route["spec"]["rules"][0]["backendRefs"][0]["name"] in of_kind(case, "Service")


@every_case
def test_every_mount_has_its_volume(case):
    for template in pods(case):
        mounts = {m["name"] for one in template["spec"]["containers"] for m in one.get("volumeMounts", [])}
        assert mounts == {volume["name"] for volume in template["spec"].get("volumes", [])}


def test_gateways_balance_over_a_headless_service():
    services = of_kind("default", "Service")
    assert services["demo-segue-gateway-headless"]["spec"]["clusterIP"] == "None"
    assert environment("default")["SEGUE_TRITON"] == "demo-segue-model-server:8001"
    assert services["demo-segue-model-server"]["spec"]["ports"][0]["port"] == 8001
    assert int(environment("default")["SEGUE_MAX_CONNECTION_AGE_SECONDS"]) > 0


def test_only_gateways_reach_triton():
    policy = of_kind("default", "NetworkPolicy")["demo-segue-model-server"]["spec"]
    grpc = next(rule for rule in policy["ingress"] if rule["ports"] == [{"port": "grpc"}])
    (peer,) = grpc["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert policy["egress"] == []


def test_a_gpu_is_asked_for_with_the_image_that_uses_it():
    triton = container("gpu", "model-server")
    assert triton["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert triton["image"].endswith("-gpu")
    assert "nvidia.com/gpu" not in container("default", "model-server")["resources"]["limits"]


@pytest.mark.parametrize(
    ("case", "repository"),
    [("default", "/models"), ("volume", "/models/segue"), ("PostgreSQL and S3", "s3://models/segue")],
)
def test_triton_reads_the_repository_that_was_chosen(case, repository):
    assert f"--model-repository={repository}" in container(case, "model-server")["args"]


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == project["version"]
