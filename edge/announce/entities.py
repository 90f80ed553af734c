"""Channels and alarms as Home Assistant's discovery messages and states. Pure.

A value that is old or that failed its tests is not published: Home Assistant then shows it as unavailable when it expires,
because there it has nothing to show an age or a quality with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from contracts.devices import ChannelInventory
from contracts.quality import QualityFlag
from contracts.telemetry import Reading

EXPIRES_AFTER = 3
"""Publications that may be missed."""
_UNITS: dict[str, str | None] = {"Cel": "°C", "[pH]": None, "[NTU]": "NTU", "uS/cm": "µS/cm", "1": None}
_CLASSES = {
    "temperature": "temperature", "ph": "ph", "conductivity": "conductivity", "pressure": "atmospheric_pressure",
    "current": "current", "orp": "voltage",
}  # fmt: skip
_UNUSABLE = frozenset({QualityFlag.FAIL, QualityFlag.MISSING})

Message = tuple[str, str]
"""Topic and payload."""


class Names:
    """Topics of one box."""

    def __init__(self, prefix: str, site: str, device: str) -> None:
        self.prefix = prefix
        self.node = f"shoal_{site}_{device}".replace("-", "_")
        self.base = f"shoal/ha/{site}/{device}"
        self.availability = f"{self.base}/status"
        self.device = {"ids": [self.node], "name": f"Shoal {site} {device}", "mf": "Shoal"}

    def config(self, component: str, thing: str) -> str:
        """Discovery topic of an entity."""
        return f"{self.prefix}/{component}/{self.node}/{thing}/config"


def _thing(channel: str) -> str:
    return channel.replace(".", "_").replace("-", "_")


def discovery(names: Names, channels: Iterable[ChannelInventory], *, version: str, every_s: float) -> Iterator[Message]:
    """What announces every channel, and the alarms; to be retained."""
    shared = {
        "avty_t": names.availability,
        "dev": {**names.device, "sw": version},
        "exp_aft": round(EXPIRES_AFTER * every_s),
        "o": {"name": "Shoal", "sw": version},
    }
    for channel in channels:
        unit = _UNITS.get(channel.ucum, channel.ucum)
        config: dict[str, Any] = {
            **shared,
            "name": channel.name,
            "uniq_id": f"{names.node}_{_thing(channel.name)}",
            "stat_t": f"{names.base}/{channel.name}",
            "val_tpl": "{{ value_json.value }}",
            "json_attr_t": f"{names.base}/{channel.name}",
            "stat_cla": "measurement",
        }
        if unit is not None:
            config["unit_of_meas"] = unit
        if channel.quantity in _CLASSES:
            config["dev_cla"] = _CLASSES[channel.quantity]
        yield names.config("sensor", _thing(channel.name)), json.dumps(config)
    alarms = {
        **shared,
        "name": "Alarms",
        "uniq_id": f"{names.node}_alarms",
        "stat_t": f"{names.base}/alarms",
        "val_tpl": "{{ value_json.state }}",
        "json_attr_t": f"{names.base}/alarms",
        "dev_cla": "problem",
    }
    yield names.config("binary_sensor", "alarms"), json.dumps(alarms)


def states(
    names: Names, latest: Iterable[tuple[Reading, float]], alarms: Iterable[tuple[str, str]], *, oldest_s: float
) -> Iterator[Message]:
    """The present values, and the alarms.

    Args:
        names: topics of the box.
        latest: newest reading of each channel with its age in seconds.
        alarms: severity and message of each active alarm.
        oldest_s: values older than this are not shown as live.
    """
    for reading, age_s in latest:
        if age_s <= oldest_s and reading.quality not in _UNUSABLE:
            said = {
                "value": reading.value,
                "observed_at": reading.observed_at.isoformat(),
                "quality": reading.quality.name.lower(),
                "test": reading.test,
            }
            yield f"{names.base}/{reading.channel}", json.dumps(said)
    active = [f"{severity}: {message}" for severity, message in alarms]
    yield f"{names.base}/alarms", json.dumps({"state": "ON" if active else "OFF", "alarms": active[:20]})
