from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from cloud.settings import TrainingSettings, load_ingest_settings
from cloud.training.kubernetes import manifest
from tests.deploy.files import DEPLOY, is_known, passes, run
from tests.tools.registry import folder, need

CHART = DEPLOY / "kubernetes/shoal"
ENVIRONMENTS = ("dev", "staging", "production")
KUBERNETES = "1.33.0"
OF_OPERATORS = {"ScaledObject", "PodMonitor"}
"""Kinds whose schemas come with operators, which nobody publishes where tests may fetch them."""


def rendered(environment: str, *arguments: str) -> list[dict[str, Any]]:
    text = passes(
        need("helm"), "template", "shoal", str(CHART), "--kube-version", KUBERNETES,
        "--values", str(CHART / f"values-{environment}.yaml"), *arguments,
    )  # fmt: skip
    return [document for document in yaml.safe_load_all(text) if document]


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def chart(environment: str) -> list[dict[str, Any]]:
    return rendered(environment)


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kubernetes' own schemas, each with its definitions inside, as kubeconform wants them."""
    need("kubernetes-validate")
    found = next(
        (folder() / "python/lib").glob(
            f"*/site-packages/kubernetes_validate/kubernetes-json-schema/v{KUBERNETES}-local-strict"
        )
    )
    target = tmp_path_factory.mktemp("schemas")
    kinds = {document["kind"].lower() for name in ENVIRONMENTS for document in rendered(name)}
    definitions = json.loads(_local(found / "_definitions.json"))["$defs"]
    for path in (path for kind in kinds for path in found.glob(f"{kind}-*.json")):
        schema = json.loads(_local(path))
        (target / path.name).write_text(json.dumps({**schema, "$defs": _reached(schema, definitions)}))
    return target


def _local(path: Path) -> str:
    return path.read_text().replace("/api/_definitions.json#", "#")


def _reached(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions that a schema leads to; with all of them kubeconform compiles for half a minute."""
    reached: dict[str, Any] = {}
    ahead = [schema]
    while ahead:
        for name in re.findall(r'"#/\$defs/([^"]+)"', json.dumps(ahead.pop())):
            if name not in reached:
                reached[name] = definitions[name]
                ahead.append(definitions[name])
    return reached


def pods(chart: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    workloads = [d for d in chart if d["kind"] in {"Deployment", "StatefulSet", "Job"}]
    return [(d["metadata"]["name"], d["spec"]["template"]["spec"]) for d in workloads]


def named(chart: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(d for d in chart if d["kind"] == kind and d["metadata"]["name"] == name)


def test_helm_lint_finds_nothing(environment: str) -> None:
    values = str(CHART / f"values-{environment}.yaml")
    passes(need("helm"), "lint", "--strict", "--quiet", "--kube-version", KUBERNETES, str(CHART), "--values", values)


def test_every_object_fits_kubernetes_schema(chart: list[dict[str, Any]], schemas: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(chart))
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    said = json.loads(
        passes(
            need("kubeconform"), "-strict", "-summary", "-output", "json", "-kubernetes-version", KUBERNETES,
            "-schema-location", location, "-skip", ",".join(OF_OPERATORS), str(file),
        )
    )  # fmt: skip
    assert said["summary"]["valid"] == len([d for d in chart if d["kind"] not in OF_OPERATORS])


def test_kubeconform_really_looks(schemas: Path, tmp_path: Path) -> None:
    bad = next(d for d in rendered("dev") if d["kind"] == "Deployment")
    bad["spec"]["replica"] = 3
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(bad))
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    done = run(
        need("kubeconform"),
        "-strict",
        "-kubernetes-version",
        KUBERNETES,
        "-schema-location",
        location,
        str(tmp_path / "bad.yaml"),
    )
    assert done.returncode != 0


def test_kube_score_finds_nothing_in_production(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(rendered("production")))
    passes(need("kube-score"), "score", "--exit-one-on-warning", "--kubernetes-version", "v1.30", str(file))


def test_programs_get_only_settings_that_exist(
    chart: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, pod in pods(chart):
        for container in pod["containers"]:
            unknown = [
                v["name"] for v in container["env"] if v["name"].startswith("SHOAL_") and not is_known(v["name"])
            ]
            assert unknown == [], name
    (tmp_path / "shoal_database_url").write_text("postgresql://shoal:x@database/shoal")
    for name, pod in pods(chart):
        if "-ingest-" in name:
            for variable in pod["containers"][0]["env"]:
                monkeypatch.setenv(
                    variable["name"], str(variable["value"]).replace("/etc/shoal/secrets", str(tmp_path))
                )
            assert load_ingest_settings().ingest_groups == (name.rpartition("-")[2],)


def test_every_pod_is_unprivileged_bounded_and_told_apart_from_a_sick_one(chart: list[dict[str, Any]]) -> None:
    for name, pod in pods(chart):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"], name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
            assert set(container["resources"]) == {"requests", "limits"}, name
            assert name.endswith("migrate") or {"livenessProbe", "readinessProbe"} <= container.keys(), name


def test_every_pod_has_a_network_policy_and_reaches_names_and_its_servers(chart: list[dict[str, Any]]) -> None:
    policies = {
        d["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for d in chart
        if d["kind"] == "NetworkPolicy" and d["metadata"]["name"] != "shoal-training"  # of Jobs that the worker creates
    }
    workloads = [d for d in chart if d["kind"] in {"Deployment", "StatefulSet", "Job"}]
    assert {d["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] for d in workloads} == policies


def test_migrations_run_before_an_upgrade_and_may_reach_the_database(chart: list[dict[str, Any]]) -> None:
    job, policy = named(chart, "Job", "shoal-migrate"), named(chart, "NetworkPolicy", "shoal-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    weights = [int(d["metadata"]["annotations"]["helm.sh/hook-weight"]) for d in (policy, job)]
    assert weights == sorted(weights), "the policy must be there before the job"


def test_blue_green_switches_by_one_value() -> None:
    for active in ("blue", "green"):
        chart = rendered("production", "--set", f"api.active={active}", "--set", "api.greenTag=0.2.0")
        assert (
            named(chart, "Service", "shoal-api")["spec"]["selector"]["app.kubernetes.io/component"] == f"api-{active}"
        )
    image = named(chart, "Deployment", "shoal-api-green")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith(":0.2.0")
    assert (
        "@sha256:" in named(chart, "Deployment", "shoal-api-blue")["spec"]["template"]["spec"]["containers"][0]["image"]
    )


def test_a_canary_gets_its_part_of_the_traffic_and_stable_keeps_its_image() -> None:
    chart = rendered("staging")
    annotations = named(chart, "Ingress", "shoal-api-canary")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/canary-weight"] == "10"
    images = [
        named(chart, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"]
        for name in ("shoal-api", "shoal-api-canary")
    ]
    assert images[0] != images[1]


def test_an_unknown_strategy_is_refused_with_its_name() -> None:
    done = run(need("helm"), "template", "x", str(CHART), "--kube-version", KUBERNETES, "--set", "api.strategy=yolo")
    assert done.returncode != 0
    assert "none of rolling, blueGreen, canary" in done.stderr


def test_bridges_have_names_of_their_own(chart: list[dict[str, Any]]) -> None:
    env = named(chart, "StatefulSet", "shoal-bridge")["spec"]["template"]["spec"]["containers"][0]["env"]
    client = next(v for v in env if v["name"] == "SHOAL_BRIDGE_CLIENT_ID")
    assert client["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_the_examples_are_objects() -> None:
    for path in sorted((DEPLOY / "kubernetes/examples").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            assert {"apiVersion", "kind", "metadata", "spec"} <= document.keys(), path.name


def test_the_controller_of_rollouts_reaches_its_servers_and_reads_the_repository_that_the_api_serves() -> None:
    chart = rendered("production")
    controller = named(chart, "Deployment", "shoal-rollouts")
    assert controller["spec"]["replicas"] == 1
    pod = controller["spec"]["template"]["spec"]
    claims = {v["name"]: v["persistentVolumeClaim"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
    assert claims == {"repository": {"claimName": "shoal-repository", "readOnly": True}}
    for colour in ("blue", "green"):
        api = named(chart, "Deployment", f"shoal-api-{colour}")["spec"]["template"]["spec"]
        assert {"name": "repository", "persistentVolumeClaim": claims["repository"]} in api["volumes"]
    policy = named(chart, "NetworkPolicy", "shoal-rollouts")
    assert [port["port"] for rule in policy["spec"]["egress"][1:] for port in rule["ports"]] == [5432, 9092, 9093]
    assert named(chart, "PodDisruptionBudget", "shoal-rollouts")


def test_a_training_is_a_job_that_fits_and_the_worker_alone_may_create_and_delete_it(
    schemas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = '{"fish-detector": {"config": "/etc/c.yaml", "labels": "fjord/pens"}}'
    secrets = 'image.pullSecrets=[{"name": "registry"}]'
    chart = rendered(
        "production", "--set-json", f"training.recipes={recipe}", "--set-json", secrets, "--namespace", "farms"
    )
    worker = named(chart, "Deployment", "shoal-worker")["spec"]["template"]["spec"]
    asks = {name: pod.get("serviceAccountName") for name, pod in pods(chart)}
    assert [name for name, account in asks.items() if account == "shoal-training"] == ["shoal-worker"]
    (rule,) = named(chart, "Role", "shoal-training")["rules"]
    assert rule == {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list", "delete"]}
    binding = named(chart, "RoleBinding", "shoal-training")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "shoal-training", "namespace": "farms"}]
    for variable in worker["containers"][0]["env"]:
        if variable["name"].startswith("SHOAL_TRAINING_"):
            monkeypatch.setenv(variable["name"], variable["value"])
    settings = TrainingSettings()
    mount = next(m for m in worker["containers"][0]["volumeMounts"] if m["name"] == "kubernetes")
    assert str(settings.training_kubernetes_credentials) == mount["mountPath"]
    assert settings.training_image is not None
    assert "/train@sha256:" in settings.training_image
    assert settings.training_recipes["fish-detector"].labels == "fjord/pens"
    job = manifest(
        UUID(int=7), Path("/var/lib/shoal/storage/training/run"), instance=settings.training_instance, image=settings.training_image,
        claim=settings.training_claim, namespace=settings.training_namespace, gpus=settings.training_gpus,
        pull_secrets=settings.training_pull_secrets,
    )  # fmt: skip
    pod = job["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == worker["imagePullSecrets"] == [{"name": "registry"}]
    taint = re.search(
        r'dynamic "taint" \{.+?key += "([^"]+)"', (DEPLOY / "terraform/modules/cluster/main.tf").read_text(), re.DOTALL
    )
    assert taint is not None
    assert [each["key"] for each in pod["tolerations"]] == [taint[1]], "the GPU nodes of our own Terraform are tainted"
    assert job["metadata"]["namespace"] == "farms"
    assert job["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "shoal-storage"
    closed = named(chart, "NetworkPolicy", "shoal-training")["spec"]
    assert closed["podSelector"]["matchLabels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert closed["egress"] == []
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    passes(
        need("kubeconform"), "-strict", "-kubernetes-version", KUBERNETES, "-schema-location",
        f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", str(tmp_path / "job.yaml"),
    )  # fmt: skip


def test_without_trainings_nobody_may_ask_the_cluster_for_anything() -> None:
    chart = rendered("staging")
    assert not [d for d in chart if d["kind"] in {"Role", "RoleBinding"}]
    assert {pod.get("serviceAccountName") for _, pod in pods(chart)} == {"shoal", None}


def test_the_controller_is_refused_without_its_repository() -> None:
    values = str(CHART / "values-staging.yaml")
    done = run(
        need("helm"), "template", "shoal", str(CHART), "--kube-version", KUBERNETES, "--values", values,
        "--set", "rollouts.enabled=true",
    )  # fmt: skip
    assert done.returncode != 0
    assert "rollouts.repositoryClaim" in done.stderr
