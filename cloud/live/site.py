"""What is known of one site, and what new rows change in it: rows in, changes out.

Rows may come twice and out of order between tables; only what differs from what is known is a change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from cloud.alarms.schemas import Alarm
from cloud.devices.schemas import Device
from cloud.farms.schemas import Unit
from cloud.kit.repository import Row
from cloud.kit.schemas import ApiModel
from cloud.live.schemas import LiveChannel, LiveObservation, LiveReading
from cloud.telemetry.service import failed_tests
from contracts.quality import QualityFlag

HEARD_AGAIN = timedelta(seconds=10)
"""A box that reports all the time is news this often; its state is news at once."""


@dataclass(frozen=True)
class Change:
    """One entry of a delta.

    Attributes:
        section: list of the delta that it belongs to.
        site_id: where.
        unit_id: None when it concerns the site.
        body: the entry.
    """

    section: str
    site_id: int
    unit_id: int | None
    body: ApiModel


@dataclass
class SiteState:
    """How things stand at one site."""

    site_id: int
    slug: str
    units: dict[int, Unit] = field(default_factory=dict)
    channels: dict[int, LiveChannel] = field(default_factory=dict)
    observations: dict[int, LiveObservation] = field(default_factory=dict)
    alarms: dict[UUID, Alarm] = field(default_factory=dict)
    """Those that are open."""
    devices: dict[int, Device] = field(default_factory=dict)

    def describe(self, channels: Iterable[LiveChannel]) -> list[Change]:
        """Take over full descriptions; those that are new or say something else are changes."""
        changes = []
        for channel in channels:
            known = self.channels.get(channel.channel_id)
            if known is None or _description(known) != _description(channel):
                self.channels[channel.channel_id] = channel
                changes.append(self._change("channels", channel.unit_id, channel))
        return changes

    def measure(self, rows: Iterable[Row], now: datetime) -> tuple[list[Change], bool]:
        """Take over new values; returns the changes, and whether some channel has not been described yet."""
        changes, unknown = [], False
        for row in rows:
            known = self.channels.get(row["channel_id"])
            if known is None or known.unit_id != row["unit_id"]:
                unknown = True
                continue
            value = {"value": row["value"], "observed_at": row["observed_at"], "quality": QualityFlag(row["quality"])}
            if all(getattr(known, name) == new for name, new in value.items()):
                continue
            value["tests"] = failed_tests(row)
            age_s = max(0.0, round((now - row["observed_at"]).total_seconds(), 3))
            # Not validated again: the values come from columns with the same bounds.
            reading = LiveReading.model_construct(
                None, channel_id=known.channel_id, unit_id=known.unit_id, age_s=age_s, **value
            )
            self.channels[known.channel_id] = known.model_copy(update=value)
            changes.append(self._change("readings", known.unit_id, reading))
        return changes, unknown

    def see(self, observations: Iterable[LiveObservation]) -> list[Change]:
        """Take over the newest of the cameras."""
        changes = []
        for each in observations:
            if _seen(self.observations.get(each.unit_id)) != _seen(each):
                self.observations[each.unit_id] = each
                changes.append(self._change("observations", each.unit_id, each))
        return changes

    def alert(self, alarms: Iterable[Alarm]) -> list[Change]:
        """Take over alarms that changed; those that are off the list are told a last time."""
        changes = []
        for alarm in alarms:
            if alarm.active or not alarm.acknowledged:
                self.alarms[alarm.id] = alarm
            else:
                self.alarms.pop(alarm.id, None)
            changes.append(self._change("alarms", None if alarm.unit is None else alarm.unit.id, alarm))
        return changes

    def hear(self, devices: Iterable[Device]) -> list[Change]:
        """Take over boxes; being heard of again is news now and then, everything else at once."""
        changes = []
        for device in devices:
            known = self.devices.get(device.id)
            if known is not None and not _is_news(known, device):
                continue
            self.devices[device.id] = device
            changes.append(self._change("devices", None, device))
        return changes

    def _change(self, section: str, unit_id: int | None, body: ApiModel) -> Change:
        return Change(section, self.site_id, unit_id, body)


def aged(channel: LiveChannel, now: datetime) -> LiveChannel:
    """The same channel with its age now."""
    if channel.observed_at is None:
        return channel
    age_s = max(0.0, round((now - channel.observed_at).total_seconds(), 3))
    return channel.model_copy(update={"age_s": age_s, "stale": age_s > channel.stale_after_s})


def _description(channel: LiveChannel) -> tuple[object, ...]:
    return (
        channel.unit_id, channel.channel, channel.quantity, channel.label, channel.ucum, channel.decimals,
        channel.calibration, channel.derived, channel.stale_after_s, channel.limits,
    )  # fmt: skip


def _seen(each: LiveObservation | None) -> list[tuple[str, bool] | None]:
    """What makes two of them different: which observations, and whether their images are there."""
    both = (None, None) if each is None else (each.observation, each.evidence)
    return [None if one is None else (one.id, one.image_url is not None) for one in both]


def _is_news(known: Device, device: Device) -> bool:
    if (known.state, known.state_at, known.agent_version, known.name) != (
        device.state,
        device.state_at,
        device.agent_version,
        device.name,
    ):
        return True
    if device.last_seen_at is None or known.last_seen_at is None:
        return device.last_seen_at != known.last_seen_at
    return device.last_seen_at - known.last_seen_at >= HEARD_AGAIN
