from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.settings import BridgeSettings
from cloud.settings import load_ingest_settings, load_rollout_settings, load_settings
from contracts.errors import ConfigurationError
from contracts.topics import KafkaTopic
from tests.deploy.files import DEPLOY, is_known, passes
from tests.tools.registry import need

COMPOSE = DEPLOY / "compose"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What make-secrets.sh makes, in a folder of the test's own."""
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    passes("sh", str(COMPOSE / "make-secrets.sh"), str(folder))
    return folder


def loaded(file: str) -> dict[str, Any]:
    """The file as Docker Compose itself reads it: compose-go is its loader."""
    done = subprocess.run(
        [need("compose-go"), "-format", "json", str(COMPOSE / file)],
        check=False,
        capture_output=True,
        text=True,
        cwd=COMPOSE,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    return model


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    return loaded("cluster.yaml")


def test_compose_reads_the_box() -> None:
    box = loaded("box.yaml")["services"]["box"]
    assert box["network_mode"] == "host"
    assert box["read_only"]


def test_the_cluster_has_two_of_what_must_not_be_missed(cluster: dict[str, Any]) -> None:
    services = cluster["services"]
    assert {"bridge-1", "bridge-2", "ingest", "api", "watch", "predict", "worker"} <= services.keys()
    assert services["ingest"]["deploy"]["replicas"] == 2
    names = {services[name]["environment"]["SHOAL_BRIDGE_CLIENT_ID"] for name in ("bridge-1", "bridge-2")}
    assert len(names) == 2, "two sessions at the broker need two names"


def test_what_not_everybody_needs_waits_for_its_profile(cluster: dict[str, Any]) -> None:
    profiles: dict[str, set[str]] = {}
    for name, service in cluster["services"].items():
        for profile in service.get("profiles") or ["always"]:
            profiles.setdefault(profile, set()).add(name)
    assert profiles["fleet"] == {"rollouts", "minio", "buckets"}
    assert profiles["logs"] == {"loki", "log-collector"}
    assert {"api", "ingest", "watch"} <= profiles["always"]


def test_the_controller_reads_the_repository_that_the_api_serves_and_changes_nothing_in_it(
    cluster: dict[str, Any],
) -> None:
    mounts = {
        name: {volume["target"]: volume for volume in cluster["services"][name]["volumes"]}
        for name in ("rollouts", "api")
    }
    ours, apis = (mounts[name]["/var/lib/shoal/repository"] for name in ("rollouts", "api"))
    assert ours["source"] == apis["source"]
    assert ours["read_only"]
    assert apis["read_only"]


def test_every_variable_is_a_setting_of_a_program(cluster: dict[str, Any]) -> None:
    used = {name for service in cluster["services"].values() for name in service.get("environment") or {}}
    ours = {name for name in used if name.startswith("SHOAL_")}
    assert len(ours) > 10
    assert [name for name in sorted(ours) if not is_known(name)] == []


def test_no_password_stands_in_the_file_or_the_environment(cluster: dict[str, Any]) -> None:
    for name, service in cluster["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if "PASSWORD" in variable or "SECRET" in variable:
                assert str(value).startswith("/run/secrets"), f"{name}: {variable}"


def test_programs_of_ours_run_read_only_and_without_capabilities(cluster: dict[str, Any]) -> None:
    ours = {name: s for name, s in cluster["services"].items() if s["image"].startswith("shoal/")}
    assert len(ours) == 9
    for name, service in ours.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name


def test_every_topic_is_made(cluster: dict[str, Any]) -> None:
    script = " ".join(cluster["services"]["topics"]["command"])
    assert [topic.value for topic in KafkaTopic if f" {topic.value}" not in script] == []


def test_the_programs_accept_what_compose_gives_them(
    cluster: dict[str, Any], secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def environment_of(name: str) -> None:
        for variable in [name for name in os.environ if name.startswith("SHOAL_")]:
            monkeypatch.delenv(variable)
        for variable, value in cluster["services"][name]["environment"].items():
            local = str(value).replace("/run/secrets/broker_ca", str(secrets / "ca.pem"))
            local = local.replace("/run/secrets/bridge_certificate", str(secrets / "bridge.pem"))
            local = local.replace("/run/secrets/bridge_key", str(secrets / "bridge.key"))
            monkeypatch.setenv(variable, local.replace("/run/secrets", str(secrets)))

    environment_of("api")
    api = load_settings()
    assert api.database_url.get_secret_value().startswith("postgresql://shoal:")
    assert api.secret_key is not None
    environment_of("ingest")
    assert load_ingest_settings().kafka_bootstrap == "kafka:9092"
    environment_of("rollouts")
    assert load_rollout_settings().assigner_passphrase is not None
    environment_of("bridge-1")
    assert BridgeSettings().shared_group == "bridge"


def test_a_missing_folder_of_secrets_stops_before_anything_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_SECRETS_DIR", "/nowhere")
    with pytest.raises(ConfigurationError, match="SHOAL_SECRETS_DIR"):
        load_settings()


def test_secrets_are_made_once(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir() if path.is_file()}
    passes("sh", str(COMPOSE / "make-secrets.sh"), str(secrets))
    assert {path.name: path.read_bytes() for path in secrets.iterdir() if path.is_file()} == before
    needed = yaml.safe_load((COMPOSE / "cluster.yaml").read_text())["secrets"]
    assert [s["file"] for s in needed.values() if not (secrets / Path(s["file"]).name).exists()] == []
    passes(
        "openssl",
        "verify",
        "-CAfile",
        str(secrets / "ca.pem"),
        str(secrets / "broker.pem"),
        str(secrets / "bridge.pem"),
    )


def test_shellcheck_finds_nothing_in_our_scripts() -> None:
    scripts = [*DEPLOY.rglob("*.sh"), DEPLOY.parent / "tests/servers/system-packages.sh", DEPLOY.parent / ".ci/run"]
    passes(need("shellcheck"), *map(str, scripts))
    assert shutil.which("sh")
