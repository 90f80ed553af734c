"""From names on the wire to ids in the database, with what is new registered on the way.

Ids are cached for the life of the process. What was registered in a transaction that may still roll back is marked,
and forgotten again when it does. Devices are registered before a batch, everything below them within it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog
from psycopg import Connection

from cloud.devices.messages import DeviceRef
from cloud.farms.writer import DEFAULT_ORGANIZATION, ensure_organization, ensure_site, ensure_unit, find_site, title_of
from contracts.errors import InvalidMessageError

log = structlog.get_logger()

ChannelKey: TypeAlias = tuple[str, str, str, str, bool]
"""Name, unit, quantity, UCUM unit, derived: everything about a channel that a reading repeats."""

_ENSURE_DEVICE = """
INSERT INTO device (site_id, slug, name) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_ENSURE_CHANNEL = """
INSERT INTO channel (device_id, name, unit_id, quantity, ucum, derived) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (device_id, name) DO UPDATE SET unit_id = excluded.unit_id, derived = excluded.derived
    WHERE channel.quantity = excluded.quantity AND channel.ucum = excluded.ucum
RETURNING id
"""
_ENSURE_CAMERA = """
INSERT INTO camera (device_id, name, unit_id) VALUES (%s, %s, %s)
ON CONFLICT (device_id, name) DO UPDATE SET unit_id = excluded.unit_id
RETURNING id
"""


@dataclass
class _Known:
    """Names of one device."""

    channels: dict[ChannelKey, int] = field(default_factory=dict)
    by_name: dict[str, int] = field(default_factory=dict)
    cameras: dict[tuple[str, str], int] = field(default_factory=dict)


class Directory:
    """The cache and its rules.

    Args:
        auto_register: False refuses messages of sites and devices that nobody provisioned. Units, channels and
            cameras are always taken over from what a known device reports.
    """

    def __init__(self, *, auto_register: bool = True) -> None:
        self._auto_register = auto_register
        self._devices: dict[tuple[str, str], DeviceRef] = {}
        self._units: dict[tuple[int, str], int] = {}
        self._known: dict[int, _Known] = {}
        self.calibrations: dict[int, tuple[int, str | None]] = {}
        """Since when (microseconds since 1970) each channel rests on which calibration; ``cloud.telemetry.calibrations`` fills it."""
        self.tentative_calibrations: set[int] = set()
        """Channels whose entry may still roll back."""
        self._tentative_units: set[tuple[int, str]] = set()
        self._tentative_devices: set[int] = set()

    def learn(self, database: Connection[Any], names: Iterable[tuple[str, str]]) -> None:
        """Find or register these (site, device) pairs in a transaction of their own; unknown ones stay unknown."""
        missing = sorted({name for name in names if name not in self._devices})
        if not missing:
            return
        with database.transaction():
            found = {name: self._find_device(database, *name) for name in missing}
        self._devices.update({name: ref for name, ref in found.items() if ref is not None})

    def device(self, site: str, device: str) -> DeviceRef:
        """The device.

        Raises:
            InvalidMessageError: ``unknown_device``, when ``learn`` did not find it.
        """
        try:
            return self._devices[site, device]
        except KeyError:
            raise InvalidMessageError("unknown_device", f"{site}/{device} is not registered here") from None

    def known_channel(self, site: str, device: str, key: ChannelKey) -> int | None:
        """Id of a channel if it is known; changes nothing, so that any thread may ask."""
        ref = self._devices.get((site, device))
        known = None if ref is None else self._known.get(ref.id)
        return None if known is None else known.channels.get(key)

    def channels_of(self, device: DeviceRef) -> dict[ChannelKey, int]:
        """Known channels of the device, for looking up many; do not change it."""
        return self._of(device).channels

    def unit(self, database: Connection[Any], device: DeviceRef, slug: str) -> int:
        """Id of a unit of the device's site."""
        key = (device.site_id, slug)
        if key not in self._units:
            self._units[key] = ensure_unit(database, device.site_id, slug)
            self._tentative_units.add(key)
        return self._units[key]

    def channel(self, database: Connection[Any], device: DeviceRef, key: ChannelKey) -> int:
        """Id of a channel; it may have moved to another unit since.

        Raises:
            InvalidMessageError: ``channel_redefined``, when it was registered with another quantity or unit of
                measure: mixing them in one series would make it worthless.
        """
        known = self._of(device)
        if key in known.channels:
            return known.channels[key]
        name, unit, quantity, ucum, derived = key
        unit_id = self.unit(database, device, unit)
        row = database.execute(_ENSURE_CHANNEL, (device.id, name, unit_id, quantity, ucum, derived)).fetchone()
        if row is None:
            raise InvalidMessageError(
                "channel_redefined",
                f"{name} was registered with another quantity or unit than {quantity} in {ucum}; name a new channel",
            )
        # The device now means this definition; an older one must not move the channel back unnoticed.
        for old in [old for old in known.channels if old[0] == name]:
            del known.channels[old]
        known.channels[key] = known.by_name[name] = row[0]
        self._tentative_devices.add(device.id)
        return int(row[0])

    def channel_named(self, database: Connection[Any], device: DeviceRef, name: str) -> int | None:
        """Id of a channel that may not have sent a reading yet."""
        known = self._of(device)
        if name not in known.by_name:
            row = database.execute(
                "SELECT id FROM channel WHERE device_id = %s AND name = %s", (device.id, name)
            ).fetchone()
            if row is None:
                return None
            known.by_name[name] = row[0]
            self._tentative_devices.add(device.id)
        return known.by_name[name]

    def camera(self, database: Connection[Any], device: DeviceRef, name: str, unit: str) -> int:
        """Id of a camera; it may have moved to another unit since."""
        known = self._of(device)
        if (name, unit) not in known.cameras:
            unit_id = self.unit(database, device, unit)
            row = database.execute(_ENSURE_CAMERA, (device.id, name, unit_id)).fetchone()
            assert row is not None  # noqa: S101  (the upsert always returns its row)
            for old in [old for old in known.cameras if old[0] == name]:
                del known.cameras[old]
            known.cameras[name, unit] = row[0]
            self._tentative_devices.add(device.id)
        return known.cameras[name, unit]

    def committed(self) -> None:
        """Everything registered so far is durable."""
        self._tentative_units.clear()
        self._tentative_devices.clear()
        self.tentative_calibrations.clear()

    def rolled_back(self) -> None:
        """Forget what was registered since the last commit (and a little more, which is only looked up again)."""
        for unit in self._tentative_units:
            self._units.pop(unit, None)
        for device_id in self._tentative_devices:
            self._known.pop(device_id, None)
        for channel_id in self.tentative_calibrations:
            self.calibrations.pop(channel_id, None)
        self.committed()

    def _of(self, device: DeviceRef) -> _Known:
        return self._known.setdefault(device.id, _Known())

    def _find_device(self, database: Connection[Any], site: str, device: str) -> DeviceRef | None:
        site_id = find_site(database, site)
        if site_id is None:
            if not self._auto_register:
                return None
            site_id = ensure_site(database, ensure_organization(database, DEFAULT_ORGANIZATION), site)
            log.info("site.registered", site=site)
        find = "SELECT id FROM device WHERE site_id = %s AND slug = %s"
        row = database.execute(find, (site_id, device)).fetchone()
        if row is None and self._auto_register:
            database.execute(_ENSURE_DEVICE, (site_id, device, title_of(device)))
            row = database.execute(find, (site_id, device)).fetchone()
            log.info("device.registered", site=site, device=device)
        return None if row is None else DeviceRef(row[0], site_id, site, device)
