"""A number becomes a judged value: calibrated, tested by its channel and its peers, and marked where somebody works on it.

Owned by the sampler's thread. The memory of all tests is handed out as text every few minutes and taken up at the next start; a
memory that fell behind shows as a gap to the first reading, and the tests begin anew instead of pretending.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from aquaculture.quality import ChannelQuality, PeerQuality, QualityLimits, Verdict, verdict_of
from aquaculture.quality.verdict import Failed
from contracts.alarms import Severity
from contracts.devices import ChannelInventory
from contracts.quality import QUALITY_TESTS, QualityFlag
from edge.sensors.calibration import Calibrations, Change, ChangeKind, Record, record_id
from edge.sensors.maintenance import Maintenance
from edge.sensors.quality_settings import QualitySettings

_EXPIRED: tuple[Failed, ...] = (("calibration_expired", QualityFlag.SUSPECT),)
TOLD_EVERY_S = 3600.0
"""Shortest time between two events about the same test of the same channel."""


class Tell(Protocol):
    """Puts an event on record."""

    def __call__(
        self,
        name: str,
        message: str = "",
        *,
        severity: Severity | None = None,
        unit: str | None = None,
        **detail: str | float | bool | None,
    ) -> None:
        """Tell one event; returns at once."""
        ...


@dataclass(frozen=True)
class Judged:
    """A value with what is known about it."""

    value: float
    """Corrected by the calibration."""
    verdict: Verdict
    calibration: str | None = None
    """Identity of the record that was applied."""
    not_evaluated: tuple[str, ...] = ()
    """Tests that had too little history, at the beginning of a series."""


@dataclass(frozen=True)
class ChannelTests:
    """How far the tests of a channel have come, for the page."""

    not_evaluated: tuple[str, ...]
    """Tests without enough history yet."""


class Judge:
    """Judges the readings of every channel of a box.

    Args:
        channels: all channels, derived ones too.
        settings: thresholds of the site, and which probe hangs where.
        calibrations: records of the probes.
        maintenance: what is worked on.
        tell: puts events on record.
    """

    def __init__(
        self,
        channels: Iterable[ChannelInventory],
        settings: QualitySettings,
        *,
        calibrations: Calibrations,
        maintenance: Maintenance,
        tell: Tell,
    ) -> None:
        self.calibrations = calibrations
        self.maintenance = maintenance
        self._probe_of = {one.channel: one.probe for one in settings.channels if one.probe is not None}
        self._cited: dict[str, tuple[Record, str]] = {}
        """Record in force by probe, with its identity."""
        self._told_of_probe: dict[str, str] = {}
        """What has been told of each probe's calibration, so that a restart does not tell it again."""
        self._channels = {channel.name: channel for channel in channels}
        limits = {name: settings.limits_of(name, channel.quantity) for name, channel in self._channels.items()}
        self._quality = {name: ChannelQuality(found) for name, found in limits.items()}
        self._past = {name: ChannelQuality(found) for name, found in limits.items()}
        self._groups = _groups(self._channels, limits, {one.channel: one.place for one in settings.channels})
        self._group_of = {channel: key for key, group in self._groups.items() for channel in group.channels}
        self._tell = tell
        self._failing: dict[tuple[str, str], float] = {}
        """Slow tests that fail now, with the time of their event."""
        self._told_s: dict[tuple[str, str], float] = {}

    def look(self, now: datetime, *, now_s: float) -> None:
        """Take up what people have changed: calibrations and maintenance. Call about once a second."""
        for change in self.calibrations.look(now, now_s=now_s):
            self._tell_probe(change)
        begun, ended = self.maintenance.look()
        for window in begun:
            self._tell(
                "maintenance.started",
                f"{window.place}: {window.reason}",
                unit=window.unit or self._unit(window.channel),
                channel=window.channel,
                window=window.id,
                by=window.by,
                ends=window.ends.isoformat(),
            )
        for over in ended:
            self._tell(
                f"maintenance.{over.reason}",
                f"{over.window.place}: {over.window.reason}",
                unit=over.window.unit or self._unit(over.window.channel),
                channel=over.window.channel,
                window=over.window.id,
            )

    def judge(
        self,
        channel: str,
        raw: float,
        observed_at: datetime,
        known: Iterable[Failed] = (),
        *,
        time_known: bool = True,
    ) -> Judged:
        """Calibrate and judge a fresh reading, beside the tests ``known`` to fail (the device, the clock, inputs).

        What the device itself calls failed, and what is measured while somebody works on the probe, does not become history.
        """
        value, calibration, expired = self._calibrated(channel, raw, observed_at if time_known else None)
        known = (*known, *expired)
        if self.maintenance.covers(channel):
            in_span = self._quality[channel].span(value)
            return Judged(value, in_span.plus(*known, ("maintenance", QualityFlag.SUSPECT)), calibration)
        if any(flag >= QualityFlag.FAIL for _, flag in known):
            return Judged(value, verdict_of(known), calibration)
        quality = self._quality[channel]
        verdict = quality.judge(value, observed_at).plus(*known)
        group = self._group_of.get(channel)
        if group is not None and verdict.flag is not QualityFlag.FAIL:
            verdict = verdict.plus(*self._groups[group].judge(channel, value, observed_at))
        if verdict.failed or self._failing:
            self._tell_slow(channel, verdict, observed_at)
        return Judged(value, verdict, calibration, quality.beginning())

    def judge_past(self, channel: str, raw: float, observed_at: datetime, known: Iterable[Failed] = ()) -> Judged:
        """Judge a reading that its node kept while it could not send: by a memory of its own, and silently."""
        value, calibration, expired = self._calibrated(channel, raw, observed_at)
        return Judged(value, self._past[channel].judge(value, observed_at).plus(*known, *expired), calibration)

    def troubles(self) -> tuple[str, ...]:
        """What is wrong with the calibrations, for people."""
        return tuple(f"calibration: {message}" for message in self.calibrations.troubles.values())

    def _calibrated(
        self, channel: str, raw: float, at: datetime | None
    ) -> tuple[float, str | None, tuple[Failed, ...]]:
        """The corrected value, the identity of the record, and the failed test when that has expired.

        A box that does not know the time (``at`` is None) takes the newest record, and cannot tell whether it has expired.
        """
        serial = self._probe_of.get(channel)
        if serial is None:
            return raw, None, ()
        record = self.calibrations.newest(serial) if at is None else self.calibrations.at(serial, at)
        if record is None:
            return raw, None, ()
        kept = self._cited.get(serial)
        if kept is None or kept[0] is not record:
            kept = self._cited[serial] = (record, record_id(serial, record))
        is_old = at is not None and record.expires is not None and at >= record.expires
        return record.applied(raw), kept[1], _EXPIRED if is_old else ()

    def _unit(self, channel: str | None) -> str | None:
        found = self._channels.get(channel) if channel is not None else None
        return found.unit if found is not None else None

    def _tell_probe(self, change: Change) -> None:
        """A calibration that began, expired or is refused; once each, also over a restart. A new one forgets the past."""
        key = f"{change.kind.value}/{change.serial}"
        if self._told_of_probe.get(key) == change.message:
            return
        self._told_of_probe[key] = change.message
        channels = [channel for channel, serial in self._probe_of.items() if serial == change.serial]
        for channel in channels:
            if change.kind is ChangeKind.APPLIED:
                self.restart(channel)
            self._tell(
                f"calibration.{change.kind.value}",
                change.message,
                severity=None if change.kind is ChangeKind.APPLIED else Severity.MINOR,
                unit=self._unit(channel),
                channel=channel,
                probe=change.serial,
            )

    def restart(self, channel: str) -> None:
        """Forget a channel's past, because its probe was calibrated or exchanged."""
        self._quality[channel].restart()
        group = self._group_of.get(channel)
        if group is not None:
            self._groups[group].restart(channel)

    def tests(self) -> dict[str, ChannelTests]:
        """How far the tests of every channel have come. Safe from any thread."""
        found = {}
        for name, quality in self._quality.items():
            waiting = quality.not_evaluated()
            group = self._group_of.get(name)
            if group is not None:
                waiting += self._groups[group].not_evaluated(name)
            found[name] = ChannelTests(waiting)
        return found

    def remember(self) -> dict[str, str]:
        """The memory of all tests as text by key, of fixed size."""
        memory = {f"channel/{name}": json.dumps(quality.remember()) for name, quality in self._quality.items()}
        memory |= {f"peers/{key}": json.dumps(group.remember()) for key, group in self._groups.items()}
        failing = [[channel, test, begun_s] for (channel, test), begun_s in self._failing.items()]
        return memory | {"probes": json.dumps(self._told_of_probe), "failing": json.dumps(failing)}

    def recall(self, memory: Mapping[str, str]) -> None:
        """Take up the memory of an earlier run; what cannot be read is left out."""
        recalls: dict[str, Callable[[Any], bool]] = {
            f"channel/{name}": quality.recall for name, quality in self._quality.items()
        }
        recalls |= {f"peers/{key}": group.recall for key, group in self._groups.items()}
        recalls |= {"probes": self._recall_probes, "failing": self._recall_failing}
        for key, recall in recalls.items():
            if key in memory:
                try:
                    kept = json.loads(memory[key])
                except ValueError:
                    continue
                recall(kept)

    def _recall_probes(self, kept: Any) -> bool:
        if not isinstance(kept, dict):
            return False
        self._told_of_probe = {str(key): str(text) for key, text in kept.items()}
        return True

    def _recall_failing(self, kept: Any) -> bool:
        """What was failing and told before, so that a restart neither tells it again nor forgets to tell its end."""
        try:
            found = {(str(channel), str(test)): float(begun_s) for channel, test, begun_s in kept}
        except (TypeError, ValueError):
            return False
        self._failing = {key: begun_s for key, begun_s in found.items() if key[0] in self._channels}
        self._told_s = dict(self._failing)
        return True

    def _tell_slow(self, channel: str, verdict: Verdict, observed_at: datetime) -> None:
        """Begin and end of the tests that judge the probe, as events; a test that flickers is told once an hour."""
        now_s = observed_at.timestamp()
        failing = {test for test, _ in verdict.failed if test in QUALITY_TESTS and QUALITY_TESTS[test].slow}
        for test in failing:
            key = (channel, test)
            if key not in self._failing:
                self._failing[key] = now_s
                if abs(now_s - self._told_s.get(key, -TOLD_EVERY_S)) >= TOLD_EVERY_S:
                    self._told_s[key] = now_s
                    about = QUALITY_TESTS[test]
                    self._tell(
                        "sensor.suspect",
                        f"{channel}: {about.meaning}. {about.remedy}",
                        severity=Severity.MAJOR if verdict.flag is QualityFlag.FAIL else Severity.MINOR,
                        unit=self._channels[channel].unit,
                        channel=channel,
                        test=test,
                    )
        for key in [key for key in self._failing if key[0] == channel and key[1] not in failing]:
            begun_s = self._failing.pop(key)
            if self._told_s.get(key) == begun_s:
                self._tell("sensor.recovered", unit=self._channels[channel].unit, channel=channel, test=key[1])


def _groups(
    channels: Mapping[str, ChannelInventory], limits: Mapping[str, QualityLimits], places: Mapping[str, str]
) -> dict[str, PeerQuality]:
    """Probes of one quantity at one place of one unit, where there are at least two."""
    members: dict[str, dict[str, QualityLimits]] = defaultdict(dict)
    for name, channel in channels.items():
        members[f"{channel.unit}/{channel.quantity}/{places.get(name, '')}"][name] = limits[name]
    return {key: PeerQuality(group) for key, group in members.items() if len(group) > 1}
