"""Home Assistant discovery: templates, what is refused, what is listed for adoption, and nodes on a real broker."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.clock import SystemClock
from edge.sensors.driver import Delivery, DriverContext
from edge.sensors.drivers.home_assistant.discovery import DiscoveryError, entities_of
from edge.sensors.drivers.home_assistant.driver import HomeAssistantDriver
from edge.sensors.drivers.home_assistant.settings import EntityChannel, HomeAssistantSensor
from edge.sensors.drivers.home_assistant.state import MAX_ENTITIES, DiscoveryHost
from edge.sensors.drivers.home_assistant.template import (
    NotInMessageError,
    TemplateError,
    UndefinedError,
    compile_template,
    evaluate,
)
from edge.supervisor import Supervisor
from tests.edge.farm import eventually, publisher_client
from tests.servers.mosquitto import Mosquitto


@pytest.mark.parametrize(
    ("template", "payload", "value"),
    [
        ("{{ value }}", "8.1", "8.1"),
        ("{{ value | float | round(1) }}", "8.16", 8.2),
        ("{{value_json.temperature}}", '{"temperature": 12.5}', 12.5),
        ("{{ value_json['DS18B20'].Temperature }}", '{"DS18B20": {"Temperature": 11}}', 11),
        ('{{ value_json["ENERGY"]["Current"][1] | float }}', '{"ENERGY": {"Current": [1, "2.5"]}}', 2.5),
        ("{{ (value_json.a | float) * 2 + 1 }}", '{"a": "3"}', 7),
        ("{{ value_json.a / 10 | int }}", '{"a": 50}', 5),
        ("{{ -value_json.a }}", '{"a": 50}', -50),
        ("{{ value_json.a | default(4) }}", "{}", 4),
        ("{{ value_json.a | float(0) }}", '{"a": 2}', 2),
        ("{{ value | multiply(0.001) | round(3) }}", "8110", 8.11),
    ],
)
def test_templates_that_nodes_use(template: str, payload: str, value: object) -> None:
    assert evaluate(template, payload) == value


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("{% if value == 'x' %}1{% endif %}", "not one"),
        ("{{ value }} {{ value }}", "statements"),
        ("{{ states('sensor.x') }}", "'states'"),
        ("{{ value_json.a if value_json.b else 0 }}", "'if'"),
        ("{{ value | from_json }}", "'from_json'"),
        ("{{ value_json[value] }}", "'value'"),
        ("{{ (value }}", "missing"),
        ("{{ value | round( }}", "ends too early"),
        ("{{ " + "(" * 600, "not one"),
        ("", "not one"),
    ],
)
def test_other_templates_are_refused_by_name(template: str, named: str) -> None:
    with pytest.raises(TemplateError, match=named):
        compile_template(template)


def test_a_missing_number_is_no_zero_and_is_defined_is_no_fault() -> None:
    with pytest.raises(UndefinedError):
        evaluate("{{ value_json.do | float(0) }}", '{"do": "unavailable"}')
    with pytest.raises(NotInMessageError):
        evaluate("{{ value_json.do | is_defined }}", '{"ph": 7}')


@given(st.text(max_size=60), st.text(max_size=40))
def test_no_template_and_no_payload_breaks_the_host(template: str, payload: str) -> None:
    for text in (template, f"{{{{ {template} }}}}"):
        with contextlib.suppress(TemplateError, UndefinedError):
            evaluate(text, payload)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["stat_t", "dev", "ids", "avty", "t", "cmps", "~", "p", "val_tpl", "exp_aft", "name"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=15,
    )
)
def test_no_announcement_breaks_the_host(document: Any) -> None:
    for topic in ("ha/sensor/x/config", "ha/device/x/config"):
        with contextlib.suppress(DiscoveryError):
            entities_of(topic, json.dumps(document).encode(), "ha")


def test_a_channel_must_say_what_it_matches() -> None:
    with pytest.raises(ValidationError, match="at least one pattern"):
        EntityChannel(name="a.do", unit="a", quantity="do", match={})  # type: ignore[arg-type]


def channel(**match: str) -> EntityChannel:
    return EntityChannel.model_validate({"name": "tank-1.do", "unit": "tank-1", "quantity": "do", "match": match})


def sensor(thing: str, unit: str | None = "mg/L", **more: Any) -> tuple[str, bytes]:
    config = {
        "stat_t": f"node/{thing}",
        "name": thing,
        "uniq_id": thing,
        "dev": {"ids": "node", "name": "Node"},
        **more,
    }
    if unit is not None:
        config["unit_of_meas"] = unit
    return f"homeassistant/sensor/node/{thing}/config", json.dumps(config).encode()


def test_what_no_channel_takes_is_listed_for_adoption_with_its_likely_quantity() -> None:
    host = DiscoveryHost([channel(object="dissolved_oxygen")], "homeassistant")
    for announcement in (
        sensor("dissolved_oxygen"),
        sensor("inlet_oxygen", "%"),
        sensor("water_temp", "°F", dev_cla="temperature"),
        sensor("tank_ph", None),
        sensor("wifi_signal", "dBm", dev_cla="signal_strength"),
    ):
        host.announce(*announcement, 0.0)
    listed = {one.source: one.quantity for one in host.unmatched()}
    assert listed == {
        "sensor/node/inlet_oxygen": "do_sat",
        "sensor/node/tank_ph": "ph",
        "sensor/node/water_temp": "temperature",
        "sensor/node/wifi_signal": None,
    }
    assert host.unmatched()[0].label == "Node / inlet_oxygen"


def test_troubles_name_the_channel_and_what_to_do() -> None:
    host = DiscoveryHost([channel(device="node")], "homeassistant")
    assert host.troubles(0.0) == ["tank-1.do: no discovered entity fits yet"]
    host.announce(*sensor("a", None), 0.0)
    assert "names no unit: set assume_unit, e.g. 'mg/L'" in host.troubles(0.0)[0]
    host.announce(*sensor("b"), 0.0)
    assert host.troubles(0.0) == ["tank-1.do: several entities fit: sensor/node/a, sensor/node/b"]
    host.announce("homeassistant/sensor/node/a/config", b"", 0.0)
    assert host.troubles(0.0) == []
    host.announce(*sensor("b", exp_aft=30), 0.0)
    assert host.troubles(31.0) == ["tank-1.do: silent for 31 s, its node promised one value in 30 s"]
    host.announce(*sensor("c", val_tpl="{{ now() }}"), 0.0)
    assert "1 discovered entities cannot be used: its template cannot be used: 'now'" in host.troubles(0.0)[-1]


def test_a_broker_full_of_entities_is_bounded() -> None:
    host = DiscoveryHost([channel(object="dissolved_oxygen")], "homeassistant")
    for number in range(MAX_ENTITIES + 50):
        host.announce(*sensor(f"e{number}"), 0.0)
    assert sum(len(found) for found in host._announced.values()) == MAX_ENTITIES
    assert len(host.unmatched()) == 100


@pytest.mark.integration
def test_nodes_are_found_heard_and_found_again_after_the_broker_was_away(
    mosquitto_factory: Callable[..., Mosquitto],
) -> None:
    broker = mosquitto_factory()
    node = publisher_client(broker.port)
    topic, config = sensor("dissolved_oxygen", avty_t="node/status")
    node.publish(topic, config, qos=1, retain=True)
    node.publish("node/status", "online", qos=1, retain=True)
    node.publish("node/dissolved_oxygen", "9.9", qos=1, retain=True).wait_for_publish(5)

    deliveries: list[Delivery] = []
    settings = HomeAssistantSensor.model_validate(
        {
            "name": "nodes",
            "broker": {"port": broker.port, "reconnect_max_s": 0.3},
            "channels": [channel(object="dissolved_oxygen").model_dump(exclude_unset=True)],
        }
    )
    driver = HomeAssistantDriver(settings, DriverContext("farm.edge-1.nodes", SystemClock(), deliveries.append))
    supervisor = Supervisor()
    supervisor.start("nodes", driver.run)
    eventually(lambda: driver.health().rejected == 1)  # the retained value: it has no age
    assert driver.health().troubles == ()
    node.publish("node/dissolved_oxygen", "8.2", qos=1, retain=True).wait_for_publish(5)
    eventually(lambda: [d.readings[0].value for d in deliveries] == [8.2])
    deliveries[0].done()
    broker.kill()
    eventually(lambda: not driver.health().connected)
    broker.start()
    eventually(lambda: driver.health().connected and node.is_connected())

    def heard_again() -> bool:
        node.publish("node/dissolved_oxygen", "8.3", qos=1).wait_for_publish(5)
        return deliveries[-1].readings[0].value == 8.3

    eventually(heard_again)
    supervisor.stop_all(timeout_s=3)
    node.disconnect()
    node.loop_stop()
