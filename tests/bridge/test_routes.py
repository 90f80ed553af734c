"""Routes as data: checked at start, applied to every message, changed without losing what the session holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.routes import Route, matches, overlap
from bridge.settings import BridgeSettings, load_settings
from bridge.steps.route import Destination, Router
from bridge.subscriptions import SUBSCRIPTIONS_FILE
from bridge.uplink import Uplink
from contracts.dead_letters import DeadLetter
from contracts.envelope import Envelope
from contracts.errors import ConfigurationError, InvalidMessageError
from contracts.topics import parse_uplink
from tests.bridge.farm import READINGS_TOPIC, Farm, always, envelope, eventually, payload
from tests.bridge.memory_sink import MemorySink

SettingsFor = Callable[..., BridgeSettings]
READINGS = "shoal/1/+/+/readings"


def routed(**fields: object) -> Destination:
    route = Route.model_validate({"filter": READINGS, "kafka_topic": "sensor-data", **fields})
    return Router([route]).route(parse_uplink(READINGS_TOPIC), envelope(7))


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{site}/{device}", b"north/edge-1"),
        ("{body.readings.0.unit}", b"tank-1"),
        ("{kind}:{seq}:{stream}", b"readings:7:stream-0001"),
        ("all", b"all"),
        ("{topic}", READINGS_TOPIC.encode()),
    ],
)
def test_a_template_makes_the_key_and_the_headers(template: str, value: bytes) -> None:
    assert routed(key=template).key == value
    assert routed(headers={"x": template}).headers == (("x", value),)


def test_a_message_without_the_field_of_its_key_is_refused_by_name() -> None:
    for template in ("{body.readings.3.unit}", "{body.readings.0.test}", "{body.readings}", "{body.observed_at}"):
        with pytest.raises(InvalidMessageError) as caught:
            routed(key=template)
        assert caught.value.reason == "no_key"


def test_a_topic_that_no_route_takes_is_refused_by_name() -> None:
    router = Router([Route(filter="shoal/1/south/+/readings", kafka_topic="sensor-data")])
    with pytest.raises(InvalidMessageError, match="no_route"):
        router.route(parse_uplink(READINGS_TOPIC), envelope(1))


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("a/+/c", "a/b/+", True),
        ("a/+/c", "a/b/d", False),
        ("a/#", "a", True),
        ("a/#", "b/c", False),
        ("#", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/+/#", "a/b", True),
    ],
)
def test_overlapping_filters_are_found(first: str, second: str, both: bool) -> None:
    assert overlap(first, second) is overlap(second, first) is both


def test_a_leading_wildcard_does_not_match_the_brokers_own_topics() -> None:
    assert not matches("#", "$SYS/broker/uptime")


@pytest.mark.parametrize(
    ("routes", "field", "told"),
    [
        ([{"filter": "shoal/1/+/readings", "kafka_topic": "sensor-data"}], "routes.0.filter", "five levels"),
        ([{"filter": "shoal/1/+/+/+", "kafka_topic": "sensor-data"}], "routes.0.filter", "names its kind"),
        ([{"filter": "shoal/1/+/+/gossip", "kafka_topic": "sensor-data"}], "routes.0.filter", "none of readings"),
        ([{"filter": "shoal/1/North/+/readings", "kafka_topic": "sensor-data"}], "routes.0.filter", "must match"),
        ([{"filter": READINGS, "kafka_topic": "sensor-dta"}], "routes.0.kafka_topic", "none of camera-events"),
        ([{"filter": READINGS, "kafka_topic": "sensor-data", "key": "{farm}"}], "routes.0.key", "{farm} is unknown"),
        ([{"filter": READINGS, "kafka_topic": "sensor-data", "key": "{body.x}"}], "routes.0.key", "body.<field>"),
        ([{"filter": READINGS, "kafka_topic": "sensor-data", "key": "{site"}], "routes.0.key", "expected '}'"),
        ([{"filter": READINGS, "kafka_topic": "sensor-data", "key": "{site!r}"}], "routes.0.key", "nothing else"),
        ([{"filter": READINGS, "kafka_topic": "sensor-data", "key": ""}], "routes.0.key", "order"),
        ([{"filter": READINGS, "kafka_topic": "sensor-data", "headers": {"a b": "c"}}], "routes.0.headers", "'a b'"),
        ([{"filter": READINGS, "kafka_topic": "sensor-data", "kye": "c"}], "routes.0.kye", "did you mean key"),
        (
            [
                {"filter": READINGS, "kafka_topic": "sensor-data"},
                {"filter": "shoal/1/north/+/readings", "kafka_topic": "sensor-data"},
            ],
            "routes.1.filter",
            "overlaps shoal/1/+/+/readings",
        ),
        ([], "routes", "at least 1 item"),
    ],
)
def test_a_bad_route_stops_the_start_with_its_place_and_remedy(
    routes: list[dict[str, object]], field: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(json.dumps({"routes": routes}))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    assert caught.value.field == field
    assert told in str(caught.value)


def test_a_topic_of_ones_own_is_named_first(tmp_path: Path) -> None:
    routes = [{"filter": READINGS, "kafka_topic": "tank.readings"}]
    assert load_settings(None, routes=routes, kafka_topics=["tank.readings"]).routes[0].kafka_topic == "tank.readings"


@pytest.mark.integration
def test_a_removed_route_is_unsubscribed_and_the_kept_ones_lose_nothing(
    settings_for: SettingsFor, sink: MemorySink, farm: Farm, tmp_path: Path
) -> None:
    old = {"filter": "shoal/1/south/+/readings", "kafka_topic": "sensor-data"}
    kept = {"filter": "shoal/1/north/+/readings", "kafka_topic": "sensor-data", "headers": {"site": "{site}"}}
    south = "shoal/1/south/edge-9/readings"
    _run_once(settings_for(routes=[old, kept], state_dir=tmp_path), sink)

    # While nobody is there, both filters fill the session.
    farm.send_readings([1, 2])
    farm.send(south, [payload(1, site="south", device="edge-9")])
    second = Uplink(settings_for(routes=[kept], state_dir=tmp_path), sink)
    second.start()
    try:
        eventually(lambda: [m for m in _sequences(sink) if m[0] == "north"] == [("north", 1), ("north", 2)], "the kept")
        eventually(lambda: _filters(tmp_path) == {"shoal/1/north/+/readings"}, "the old filter is forgotten")
        delivered = second.state().tally.delivered
        farm.send(south, [payload(n, site="south", device="edge-9") for n in (2, 3)])
        always(lambda: second.state().tally.delivered == delivered, "the old filter brings nothing any more")
        farm.send_readings([3])
        eventually(lambda: ("north", 3) in _sequences(sink), "the kept one goes on")
    finally:
        second.stop()
    letters = [each.message for each in sink.stored if isinstance(each.message, DeadLetter)]
    assert [letter.reason for letter in letters] == ["no_route"], "what the old filter had queued is not dropped"
    assert second.state().source.sessions_lost == 0
    assert {each.headers for each in sink.stored if each.topic == "sensor-data"} == {(("site", b"north"),)}


@pytest.mark.integration
def test_without_a_memory_default_filters_and_named_ones_are_still_unsubscribed(
    settings_for: SettingsFor, sink: MemorySink, farm: Farm
) -> None:
    south = {"filter": "shoal/1/south/+/health", "kafka_topic": "system-events"}
    readings = {"filter": "shoal/1/north/+/readings", "kafka_topic": "sensor-data"}
    _run_once(settings_for(), sink)
    _run_once(settings_for(routes=[south]), sink)
    uplink = Uplink(settings_for(routes=[readings], unsubscribe=["shoal/1/south/+/health"]), sink)
    uplink.start()
    try:
        eventually(lambda: uplink.state().source.subscribed, "subscribed")
        farm.send("shoal/1/south/edge-1/health", [b"{}"])
        farm.send("shoal/1/south/edge-1/readings", [b"{}"])
        always(lambda: uplink.state().tally.delivered == 0, "neither arrives")
        farm.send_readings([1])
        eventually(lambda: uplink.state().tally.acked == 1, "the route works")
    finally:
        uplink.stop()


def test_a_spoilt_memory_is_no_reason_to_stop(tmp_path: Path, settings_for: SettingsFor, sink: MemorySink) -> None:
    (tmp_path / SUBSCRIPTIONS_FILE).write_text("{half")
    Uplink(settings_for(state_dir=tmp_path), sink)
    assert _filters(tmp_path) == {route.filter for route in settings_for().routes}


def _run_once(settings: BridgeSettings, sink: MemorySink) -> None:
    uplink = Uplink(settings, sink)
    uplink.start()
    eventually(lambda: uplink.state().source.subscribed, "the uplink subscribes")
    uplink.stop()


def _sequences(sink: MemorySink) -> list[tuple[str, int]]:
    return [(each.message.site, each.message.seq) for each in sink.stored if isinstance(each.message, Envelope)]


def _filters(folder: Path) -> set[str]:
    return set(json.loads((folder / SUBSCRIPTIONS_FILE).read_text())["filters"])
