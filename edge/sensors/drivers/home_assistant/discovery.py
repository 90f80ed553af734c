"""Discovery messages to entities: abbreviations, the ``~`` of topics, one entity per message or a whole device. Pure.

Source: Home Assistant, MQTT integration, "MQTT discovery" (single component and device discovery, 2024.11 and later).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edge.sensors.drivers.home_assistant.template import TemplateError, compile_template

COMPONENTS = frozenset({"sensor", "binary_sensor"})
"""Components that measure; lights and switches are somebody else's."""
MAX_PAYLOAD_BYTES = 100_000
_SHORT = {
    "avty": "availability", "avty_mode": "availability_mode", "avty_t": "availability_topic",
    "avty_tpl": "availability_template", "cmps": "components", "dev": "device", "dev_cla": "device_class",
    "exp_aft": "expire_after", "obj_id": "object_id", "p": "platform", "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available", "pl_off": "payload_off", "pl_on": "payload_on", "stat_cla": "state_class",
    "stat_t": "state_topic", "t": "topic", "uniq_id": "unique_id", "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}  # fmt: skip
_SHORT_DEVICE = {
    "cns": "connections",
    "ids": "identifiers",
    "mdl": "model",
    "mf": "manufacturer",
    "sa": "suggested_area",
}


class DiscoveryError(ValueError):
    """The discovery message cannot be used; the message tells why."""


@dataclass(frozen=True)
class Availability:
    """One topic that says whether an entity can be believed."""

    topic: str
    available: str = "online"
    not_available: str = "offline"
    template: str | None = None


@dataclass(frozen=True)
class Entity:
    """One thing that a node measures."""

    key: str
    """``component/node/object`` of its discovery topic, with the component's own key for device discovery."""
    component: str
    node: str
    object: str
    state_topic: str
    name: str = ""
    unique_id: str = ""
    device: tuple[str, ...] = ()
    """Name and identifiers of the device."""
    area: str = ""
    unit: str | None = None
    device_class: str | None = None
    template: str | None = None
    expire_after_s: float | None = None
    availability: tuple[Availability, ...] = ()
    availability_mode: str = "latest"
    payload_on: str = "ON"
    payload_off: str = "OFF"


def discovery_filters(prefix: str) -> list[str]:
    """Topics on which nodes announce themselves, with and without a node part."""
    return [f"{prefix}/+/+/config", f"{prefix}/+/+/+/config"]


def source_of(topic: str, prefix: str) -> tuple[str, str, str] | None:
    """Component, node and object of a discovery topic; None for any other topic."""
    if not topic.startswith(prefix + "/") or not topic.endswith("/config"):
        return None
    parts = topic[len(prefix) + 1 : -len("/config")].split("/")
    if len(parts) == 2:  # noqa: PLR2004  (component and object)
        return parts[0], "", parts[1]
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None  # noqa: PLR2004


def entities_of(topic: str, payload: bytes, prefix: str) -> list[Entity]:
    """Entities that a discovery message announces; an empty payload announces none, which removes them.

    Raises:
        DiscoveryError: it cannot be used.
    """
    source = source_of(topic, prefix)
    if source is None or not payload or (source[0] not in COMPONENTS and source[0] != "device"):
        return []
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise DiscoveryError(f"{len(payload)} bytes are too many")
    try:
        document = json.loads(payload)
    except ValueError:
        raise DiscoveryError("the payload is not JSON") from None
    if not isinstance(document, dict):
        raise DiscoveryError("the payload is not an object")
    config = _with_base(_long(document))
    component, node, thing = source
    if component != "device":
        return [_entity(config, component, node, thing)]
    shared = {k: v for k, v in config.items() if k != "components"}
    found: list[Entity] = []
    for key, part in _dict(config.get("components")).items():
        own = _long(_dict(part))
        if own.get("platform") in COMPONENTS and len(own) > 1:  # with its platform alone a component is removed
            merged = _with_base({**shared, **own, "~": own.get("~", shared.get("~"))})
            found.append(_entity(merged, str(own["platform"]), node, thing, part=str(key)))
    return found


def _entity(config: dict[str, Any], component: str, node: str, thing: str, *, part: str = "") -> Entity:
    template = _text(config.get("value_template"))
    device = _dict(config.get("device"))
    identifiers = device.get("identifiers", [])
    ids = identifiers if isinstance(identifiers, list) else [identifiers]
    availability = _availability(config)
    try:
        for one in (template, *(a.template for a in availability)):
            if one:
                compile_template(one)
    except TemplateError as error:
        raise DiscoveryError(f"its template cannot be used: {error}") from None
    topic = _text(config.get("state_topic"))
    if not topic:
        raise DiscoveryError("it has no state_topic")
    expire = config.get("expire_after")
    return Entity(
        key="/".join(filter(None, (component, node, thing, part))),
        component=component,
        node=node,
        object=part or thing,
        state_topic=topic,
        name=_text(config.get("name")) or "",
        unique_id=_text(config.get("unique_id")) or "",
        device=tuple(str(one) for one in (device.get("name"), *ids) if one),
        area=_text(device.get("suggested_area")) or "",
        unit=_text(config.get("unit_of_measurement")),
        device_class=_text(config.get("device_class")),
        template=template,
        expire_after_s=float(expire) if isinstance(expire, (int, float)) and expire > 0 else None,
        availability=availability,
        availability_mode=_text(config.get("availability_mode")) or "latest",
        payload_on=_payload(config.get("payload_on", "ON")),
        payload_off=_payload(config.get("payload_off", "OFF")),
    )


def _availability(config: dict[str, Any]) -> tuple[Availability, ...]:
    listed = config.get("availability")
    entries = [_long(_dict(entry)) for entry in listed] if isinstance(listed, list) else []
    if isinstance(listed, dict):
        entries = [_long(listed)]
    if topic := config.get("availability_topic"):
        entries.append({**config, "topic": topic, "value_template": config.get("availability_template")})
    return tuple(
        Availability(
            str(entry["topic"]),
            _payload(entry.get("payload_available", "online")),
            _payload(entry.get("payload_not_available", "offline")),
            _text(entry.get("value_template")),
        )
        for entry in entries
        if entry.get("topic")
    )


def _long(config: dict[str, Any]) -> dict[str, Any]:
    """Abbreviated names written out; what is not needed here stays as it came."""
    found = {_SHORT.get(key, key): value for key, value in config.items()}
    if isinstance(found.get("device"), dict):
        found["device"] = {_SHORT_DEVICE.get(key, key): value for key, value in found["device"].items()}
    return found


def _with_base(config: dict[str, Any]) -> dict[str, Any]:
    """``~`` at the start or end of a topic stands for the base topic."""
    base = config.get("~")
    if not isinstance(base, str):
        return config

    def whole(topic: Any) -> Any:
        if not isinstance(topic, str):
            return topic
        if topic.startswith("~"):
            return base + topic[1:]
        return topic[:-1] + base if topic.endswith("~") else topic

    found = {key: whole(value) if key.endswith("topic") else value for key, value in config.items()}
    listed = config.get("availability")
    if isinstance(listed, list):
        entries = [_long(_dict(entry)) for entry in listed]
        found["availability"] = [{**entry, "topic": whole(entry.get("topic"))} for entry in entries]
    return found


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _payload(value: Any) -> str:
    """A payload as it is compared: JSON's true is 'True' for Home Assistant's templates, as it is for ours."""
    return str(value)
