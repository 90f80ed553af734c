from __future__ import annotations

import importlib.util
import inspect
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

import bridge.metrics
import cloud.metrics
from edge.metrics import COUNTERS, GAUGES, STAGES
from tests.deploy.files import DEPLOY, ROOT, documents, passes
from tests.servers.process import free_port
from tests.shoal.running import open_folder, running_demo
from tests.tools.registry import need

OBSERVABILITY = DEPLOY / "observability"
RULES = sorted((OBSERVABILITY / "prometheus/rules").glob("*.yml"))
OF_OTHERS = {
    "up",
    "ALERTS",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "probe_ssl_earliest_cert_expiry",
}
EMPTY_WHEN_ALL_IS_WELL = (
    "shoal_bridge_dead_lettered_total", "shoal_ingest_dead_letters_total", "shoal_watch_alarms_total", "ALERTS",
    "shoal_notifications_total", "shoal_ingest_retries_total", "shoal_edge_readings_flagged_total", "shoal_logins_total",
    "shoal_evaluator_alarms_total", "shoal_edge_dropped_total", "shoal_edge_temperature_celsius",
    "shoal_ingest_lag_seconds", "shoal:ingest_fresh", "shoal_edge_frame", "actuation_latency", "rate6h", "rate3d",
    "shoal_store_bytes", "shoal_business_mortality", "shoal_business_stream_uptime",
)  # fmt: skip
"""Series that only something unusual makes, or that this machine or a box in one process does not have."""


def build() -> Any:
    """The program that writes the dashboards."""
    spec = importlib.util.spec_from_file_location("build", OBSERVABILITY / "grafana/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def declared() -> set[str]:
    """Every metric that some program of ours has, as Prometheus names it."""
    names: set[str] = set()
    for _, metric in inspect.getmembers(cloud.metrics, lambda value: isinstance(value, MetricWrapperBase)):
        names |= _series(metric._name, metric._type)
    source = inspect.getsource(bridge.metrics)
    names |= {f"shoal_bridge_{name}_total" for name in re.findall(r"_counter\(\s*\"(\w+)\"", source)}
    names |= {f"shoal_bridge_{name}" for name in re.findall(r"_gauge\(\s*\"(\w+)\"", source)}
    names |= {"shoal_bridge_dead_lettered_total"}
    names |= {f"shoal_edge_{name}_total" for name in COUNTERS} | {f"shoal_edge_{name}" for name in GAUGES}
    for histogram in [
        *(f"stage_{name}_seconds" for name in STAGES),
        "frame_latency_seconds",
        "actuation_latency_seconds",
    ]:
        names |= _series(f"shoal_edge_{histogram}", "histogram")
    return names


def _series(name: str, kind: str) -> set[str]:
    if kind == "histogram":
        return {f"{name}_{end}" for end in ("bucket", "count", "sum")}
    return {f"{name}_total"} if kind == "counter" else {name}


def rules() -> list[dict[str, Any]]:
    return [rule for path in RULES for group in documents(path)[0]["groups"] for rule in group["rules"]]


def queries() -> list[tuple[str, str]]:
    """Every query of every dashboard, with where it stands."""
    found = []
    for path in sorted((OBSERVABILITY / "grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            found += [(f"{path.stem}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    return found


def metrics_in(expression: str) -> set[str]:
    return set(
        re.findall(r"\b(shoal_[a-z0-9_]+|up|ALERTS|node_[a-z_]+|probe_[a-z_]+)\b", re.sub(r'"[^"]*"', "", expression))
    )


def test_promtool_accepts_the_rules_and_both_configurations() -> None:
    passes(need("promtool"), "check", "rules", *map(str, RULES))
    for name in ("prometheus.yml", "box.yml"):
        passes(need("promtool"), "check", "config", "--syntax-only", str(OBSERVABILITY / "prometheus" / name))


def test_the_rules_do_what_they_say() -> None:
    passes(need("promtool"), "test", "rules", str(OBSERVABILITY / "prometheus/tests/rules_test.yml"))


def test_rules_and_dashboards_use_only_metrics_that_exist() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = declared() | OF_OTHERS
    wanted = {(rule.get("alert", rule.get("record")), rule["expr"]) for rule in rules()} | set(queries())
    for where, expression in wanted:
        assert metrics_in(expression) - known == set(), where
        assert set(re.findall(r"\bshoal:[a-z0-9_:]+", expression)) <= recorded, where


def test_every_alert_has_a_severity_that_is_routed_and_a_runbook_that_exists() -> None:
    for rule in rules():
        if "alert" not in rule:
            continue
        assert rule["labels"]["severity"] in {"page", "ticket"}
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        text = (ROOT / file).read_text()
        headings = {
            re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        }
        assert not anchor or anchor in headings, f"{rule['alert']}: {file}#{anchor}"


def test_alertmanager_sends_pages_to_the_pager_and_the_rest_to_tickets() -> None:
    config = str(OBSERVABILITY / "alertmanager/alertmanager.yml")
    passes(need("amtool"), "check-config", config)
    route = ("config", "routes", "test", f"--config.file={config}", "--verify.receivers")
    passes(need("amtool"), *(*route, "pager"), "severity=page", "alertname=ShoalSiteDark")
    passes(need("amtool"), *(*route, "tickets"), "severity=ticket", "alertname=ShoalApiSlow")


def test_the_dashboards_are_what_their_program_writes() -> None:
    program = build()
    for name in program.DASHBOARDS:
        assert (OBSERVABILITY / f"grafana/dashboards/{name}.json").read_text() == program.text(name), "run build.py"


@pytest.mark.parametrize("name", ["collector", "logs"])
def test_a_collector_uses_only_parts_that_it_configures(name: str) -> None:
    config = yaml.safe_load((OBSERVABILITY / f"otel/{name}.yml").read_text())
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= config[kind].keys()
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"
    assert set(config["service"]["extensions"]) <= config["extensions"].keys()


def test_logs_are_kept_for_a_while_and_go_where_grafana_looks() -> None:
    loki = yaml.safe_load((OBSERVABILITY / "loki/loki.yml").read_text())
    assert loki["compactor"]["retention_enabled"], "or nothing is ever deleted, whatever the period says"
    assert loki["limits_config"]["retention_period"] == "336h"
    port = loki["server"]["http_listen_port"]
    logs = yaml.safe_load((OBSERVABILITY / "otel/logs.yml").read_text())
    source = yaml.safe_load((OBSERVABILITY / "grafana/provisioning/datasources/loki.yml").read_text())
    assert source["datasources"][0]["url"] == f"http://loki:{port}"
    assert logs["exporters"]["otlphttp/loki"]["endpoint"] == f"http://loki:{port}/otlp"


@contextmanager
def prometheus(folder: Path, targets: dict[str, int]) -> Iterator[httpx.Client]:
    """A real Prometheus with our rules, scraping these ports every second."""
    port = free_port()
    labels = {"shoal-edge": {"site": "farm-1", "device": "edge-1"}}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in RULES],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{target}"], "labels": labels.get(job, {})}]}
            for job, target in targets.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(
            [need("prometheus"), *arguments, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30) as client:
            yield client
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_query_of_every_dashboard_returns_data_from_a_running_farm(tmp_path: Path) -> None:
    with open_folder() as folder, running_demo(folder / "demo", "--speed", "120") as demo:
        demo.wait_until_running()
        ports = json.loads((folder / "demo/box.json").read_text())["ports"]
        targets = {"shoal-api": ports["http"], "shoal-bridge": ports["bridge"], "shoal-edge": ports["edge-farm-1"]}
        with prometheus(tmp_path, targets) as client:

            def empty() -> list[str]:
                httpx.get(f"http://127.0.0.1:{ports['http']}/api/v1/openapi.json")
                missing = []
                for where, expression in queries():
                    answer = client.get("query", params={"query": expression.replace("$site", ".*")}).json()
                    assert answer["status"] == "success", f"{where}: {answer}"
                    if not answer["data"]["result"] and not any(part in expression for part in EMPTY_WHEN_ALL_IS_WELL):
                        missing.append(f"{where}: {expression}")
                return missing

            def complete() -> bool:
                try:
                    return empty() == []
                except httpx.TransportError:  # it has just been started
                    return False

            deadline = time.monotonic() + 60
            while not complete() and time.monotonic() < deadline:
                time.sleep(1)
            assert empty() == []
            health = [rule for group in client.get("rules").json()["data"]["groups"] for rule in group["rules"]]
            assert [rule["name"] for rule in health if rule["health"] == "err"] == []
