"""Writes the dashboards beside this file: ``python deploy/observability/grafana/build.py``; a test compares the result.

A panel is a title, a unit and queries; where it stands follows from its place in the list. Grafana's own JSON is what Grafana
reads, but nobody can review it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "dashboards"
SITE = 'site=~"$site"'
WIDTH, HEIGHT = 8, 7
STAT_HEIGHT = 4

Panel = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""Kind (stat or timeseries), title, Grafana unit, and queries with their legends."""


def stat(title: str, query: str, unit: str = "short") -> Panel:
    """One number."""
    return "stat", title, unit, ((query, ""),)


def lines(title: str, *queries: tuple[str, str], unit: str = "short") -> Panel:
    """Values over time."""
    return "timeseries", title, unit, queries


DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "overview": (
        "Overview",
        (
            stat("Readings stored per second", "sum(rate(shoal_ingest_rows_total[5m]))", "ops"),
            stat("Behind", "max(shoal_ingest_lag_seconds)", "s"),
            stat("Dead letters in a day", "sum(increase(shoal_ingest_dead_letters_total[1d])) or vector(0)"),
            stat("API errors", "shoal:api_error_ratio:rate1h or vector(0)", "percentunit"),
            stat("API p95", "shoal:api_latency_seconds:p95", "s"),
            stat("Boxes that answer", 'sum(up{job="shoal-edge"})'),
            lines("Messages", ("sum(rate(shoal_bridge_received_total[5m]))", "received by bridges"), ("sum by (outcome) (rate(shoal_ingest_messages_total[5m]))", "{{outcome}}"), unit="ops"),
            lines("Alarms raised in an hour", ("sum by (definition) (increase(shoal_watch_alarms_total[1h]))", "watch {{definition}}"), ("sum by (definition) (increase(shoal_evaluator_alarms_total[1h]))", "limits {{definition}}")),
            lines("Alarms active on boxes", ("sum by (severity) (shoal_edge_alarms_active)", "{{severity}}")),
            lines("What fires", ('count by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}")),
        ),
    ),
    "api": (
        "API",
        (
            stat("Requests per second", "shoal:api_requests:rate5m", "reqps"),
            stat("Errors, 5 min", "shoal:api_error_ratio:rate5m or vector(0)", "percentunit"),
            stat("p95", "shoal:api_latency_seconds:p95", "s"),
            lines("Requests by route", ("sum by (route) (rate(shoal_http_request_duration_seconds_count[5m]))", "{{route}}"), unit="reqps"),
            lines("Answers by status", ("sum by (status) (rate(shoal_http_request_duration_seconds_count[5m]))", "{{status}}"), unit="reqps"),
            lines("p95 by route", ("histogram_quantile(0.95, sum by (le, route) (rate(shoal_http_request_duration_seconds_bucket[5m])))", "{{route}}"), unit="s"),
            lines("Error budget burn", ("shoal:api_error_ratio:rate1h / 0.001", "1 h"), ("shoal:api_error_ratio:rate6h / 0.001", "6 h"), ("shoal:api_error_ratio:rate3d / 0.001", "3 d"), unit="none"),
            lines("Logins", ("sum by (outcome) (increase(shoal_logins_total[1h]))", "{{outcome}}")),
            lines("Images sent", ("sum(rate(shoal_images_served_bytes_total[5m]))", "bytes"), unit="Bps"),
        ),
    ),
    "pipeline": (
        "Pipeline",
        (
            stat("Bridges connected", "sum(shoal_bridge_connected)"),
            stat("Oldest unacknowledged", "max(shoal_bridge_oldest_unacked_age_seconds)", "s"),
            stat("Paused", "max(shoal_bridge_dead_letter_pause) + (max(shoal_ingest_paused) or vector(0))"),
            lines("Bridge", ("sum(rate(shoal_bridge_received_total[5m]))", "received"), ("sum(rate(shoal_bridge_forwarded_total[5m]))", "forwarded"), ("sum(rate(shoal_bridge_acked_total[5m]))", "acknowledged"), unit="ops"),
            lines("In flight", ("sum(shoal_bridge_in_flight)", "not durable yet"), ("sum(shoal_bridge_waiting)", "not taken yet")),
            lines("Dead letters by reason", ("sum by (reason) (increase(shoal_bridge_dead_lettered_total[1h]))", "bridge {{reason}}"), ("sum by (reason) (increase(shoal_ingest_dead_letters_total[1h]))", "ingest {{reason}}")),
            lines("Lag by group", ("max by (group) (shoal_ingest_lag_seconds)", "{{group}}"), unit="s"),
            lines("Batch to commit, p95", ("histogram_quantile(0.95, sum by (le) (rate(shoal_ingest_batch_seconds_bucket[5m])))", "p95"), unit="s"),
            lines("Waits for the database", ("sum by (group) (increase(shoal_ingest_retries_total[10m]))", "{{group}}")),
            lines("Downlink", ("sum(rate(shoal_bridge_downlink_published_total[5m]))", "published"), ("sum(shoal_bridge_downlink_pending)", "pending")),
            lines("Limits judged in the cloud", ("sum by (outcome) (rate(shoal_evaluator_readings_total[5m]))", "{{outcome}}"), unit="ops"),
            lines("Size of the store", ("max by (table) (shoal_store_bytes)", "{{table}}"), unit="bytes"),
        ),
    ),
    "edge": (
        "Edge boxes",
        (
            stat("Boxes with an uplink", f"sum(shoal_edge_connected{{{SITE}}})"),
            stat("Oldest message kept", f"max(shoal_edge_outbox_oldest_age_seconds{{{SITE}}})", "s"),
            stat("Not working as configured", f"sum(shoal_edge_degraded{{{SITE}}})"),
            lines("Outbox", (f"sum by (site, device, class) (shoal_edge_outbox_rows{{{SITE}}})", "{{site}}/{{device}} {{class}}")),
            lines("Accepted", (f"sum by (site, device, kind) (rate(shoal_edge_accepted_total{{{SITE}}}[5m]))", "{{site}}/{{device}} {{kind}}"), unit="ops"),
            lines("Dropped by the quota", (f"sum by (site, device, kind) (increase(shoal_edge_dropped_total{{{SITE}}}[1h]))", "{{site}}/{{device}} {{kind}}")),
            lines("Age of the newest reading", (f"max by (site, device, channel) (shoal_edge_channel_age_seconds{{{SITE}}})", "{{channel}}"), unit="s"),
            lines("Suspect and failed readings", (f"sum by (site, device, test) (increase(shoal_edge_readings_flagged_total{{{SITE}}}[1h]))", "{{test}}")),
            lines("Frames", (f"sum by (camera) (rate(shoal_edge_frames_processed_total{{{SITE}}}[5m]))", "{{camera}} looked at"), (f"sum by (camera) (rate(shoal_edge_frames_dropped_total{{{SITE}}}[5m]))", "{{camera}} dropped"), unit="ops"),
            lines("Frame to result, p95", (f"histogram_quantile(0.95, sum by (le) (rate(shoal_edge_frame_latency_seconds_bucket{{{SITE}}}[5m])))", "p95"), unit="s"),
            lines("Actuators", (f"shoal_edge_actuator_on{{{SITE}}}", "{{actuator}} on"), (f"shoal_edge_actuator_proven{{{SITE}}}", "{{actuator}} proven")),
            lines("Reading to relay, p99", (f"histogram_quantile(0.99, sum by (le) (rate(shoal_edge_actuation_latency_seconds_bucket{{{SITE}}}[1h])))", "p99"), unit="s"),
            lines("Memory", (f"shoal_edge_resident_bytes{{{SITE}}}", "{{site}}/{{device}}"), unit="bytes"),
            lines("Temperature", (f"shoal_edge_temperature_celsius{{{SITE}}}", "{{device}} {{zone}}"), unit="celsius"),
        ),
    ),
    "farm": (
        "Farms",
        (
            stat("Fish", "sum(shoal_business_fish)"),
            stat("Feed in a day", "sum(shoal_business_feed_kg_24h)", "masskg"),
            stat("Found dead in 30 days", "sum(shoal_business_dead_fish_30d)"),
            lines("Fish by site", ("shoal_business_fish", "{{site}}")),
            lines("Mortality, 30 days (target below 5 %)", ("shoal_business_mortality_percent_30d", "{{site}}"), unit="percent"),
            lines("Feed in a day", ("shoal_business_feed_kg_24h", "{{site}}"), unit="masskg"),
            lines("Hours measured of the last 24", ("shoal_business_stream_uptime_percent_24h", "{{site}}"), unit="percent"),
            lines("People told", ("sum by (channel, outcome) (increase(shoal_notifications_total[1h]))", "{{channel}} {{outcome}}")),
            lines("Alarms that people took on", ("sum(increase(shoal_alarms_acknowledged_total[1h]))", "acknowledged")),
        ),
    ),
}  # fmt: skip


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard as Grafana reads it."""
    title, panels = DASHBOARDS[name]
    shown, x, y = [], 0, 0
    for number, (kind, heading, unit, queries) in enumerate(panels, start=1):
        height = STAT_HEIGHT if kind == "stat" else HEIGHT
        width = 4 if kind == "stat" else WIDTH
        if x + width > 24 or (shown and shown[-1]["type"] != kind):  # noqa: PLR2004  (Grafana's grid)
            x, y = 0, y + shown[-1]["gridPos"]["h"]
        shown.append(
            {
                "id": number,
                "type": kind,
                "title": heading,
                "datasource": {"type": "prometheus", "uid": "prometheus"},
                "gridPos": {"x": x, "y": y, "w": width, "h": height},
                "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
                "targets": [
                    {"refId": chr(65 + index), "expr": query, "legendFormat": legend}
                    for index, (query, legend) in enumerate(queries)
                ],
            }
        )
        x += width
    variables = [{"name": "site", "type": "query", "query": "label_values(shoal_edge_up_seconds, site)", "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "datasource": {"type": "prometheus", "uid": "prometheus"}, "refresh": 2}]  # fmt: skip
    return {
        "uid": f"shoal-{name}",
        "title": f"Shoal: {title}",
        "tags": ["shoal"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": variables if any(SITE in query for *_, queries in panels for query, _ in queries) else []
        },
        "panels": shown,
    }


def text(name: str) -> str:
    """The file's content."""
    return json.dumps(dashboard(name), indent=1) + "\n"


if __name__ == "__main__":
    for each in DASHBOARDS:
        (HERE / f"{each}.json").write_text(text(each))
