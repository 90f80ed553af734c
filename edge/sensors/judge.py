"""A number becomes a judged value: the tests of its channel, of its peers, and what the people and the device say.

Owned by the sampler's thread. The memory of all tests is handed out as text once a minute and taken up at the next start; a
memory that fell behind shows as a gap to the first reading, and the tests begin anew instead of pretending.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aquaculture.quality import ChannelQuality, PeerQuality, QualityLimits, Verdict, verdict_of
from aquaculture.quality.verdict import Failed
from contracts.alarms import Severity
from contracts.devices import ChannelInventory
from contracts.quality import QUALITY_TESTS, QualityFlag
from edge.sensors.quality_settings import QualitySettings

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
class ChannelTests:
    """How far the tests of a channel have come, for the page."""

    not_evaluated: tuple[str, ...]
    """Tests without enough history yet."""


class Judge:
    """Judges the readings of every channel of a box.

    Args:
        channels: all channels, derived ones too.
        settings: thresholds of the site.
        tell: puts events on record.
    """

    def __init__(self, channels: Iterable[ChannelInventory], settings: QualitySettings, *, tell: Tell) -> None:
        self._channels = {channel.name: channel for channel in channels}
        limits = {name: settings.limits_of(name, channel.quantity) for name, channel in self._channels.items()}
        self._quality = {name: ChannelQuality(found) for name, found in limits.items()}
        self._past = {name: ChannelQuality(found) for name, found in limits.items()}
        self._groups = _groups(self._channels, limits)
        self._group_of = {channel: key for key, group in self._groups.items() for channel in group.channels}
        self._tell = tell
        self._failing: dict[tuple[str, str], float] = {}
        """Slow tests that fail now, with the time of their event."""
        self._told_s: dict[tuple[str, str], float] = {}

    def judge(self, channel: str, value: float, observed_at: datetime, known: Iterable[Failed] = ()) -> Verdict:
        """Judge a fresh reading, beside the tests ``known`` to fail (the device, the clock, a derived value's inputs).

        What the device itself calls failed does not become history.
        """
        known = tuple(known)
        if any(flag >= QualityFlag.FAIL for _, flag in known):
            return verdict_of(known)
        verdict = self._quality[channel].judge(value, observed_at).plus(*known)
        group = self._group_of.get(channel)
        if group is not None and verdict.flag is not QualityFlag.FAIL:
            verdict = verdict.plus(*self._groups[group].judge(channel, value, observed_at))
        if verdict.failed or self._failing:
            self._tell_slow(channel, verdict, observed_at)
        return verdict

    def judge_past(self, channel: str, value: float, observed_at: datetime, known: Iterable[Failed] = ()) -> Verdict:
        """Judge a reading that its node kept while it could not send: by a memory of its own, and silently."""
        return self._past[channel].judge(value, observed_at).plus(*known)

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
        return memory | {f"peers/{key}": json.dumps(group.remember()) for key, group in self._groups.items()}

    def recall(self, memory: Mapping[str, str]) -> None:
        """Take up the memory of an earlier run; what cannot be read is left out."""
        recalls = {f"channel/{name}": quality.recall for name, quality in self._quality.items()}
        recalls |= {f"peers/{key}": group.recall for key, group in self._groups.items()}
        for key, recall in recalls.items():
            if key in memory:
                try:
                    kept = json.loads(memory[key])
                except ValueError:
                    continue
                recall(kept)

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


def _groups(channels: Mapping[str, ChannelInventory], limits: Mapping[str, QualityLimits]) -> dict[str, PeerQuality]:
    """Probes of one quantity in one unit, where there are at least two."""
    members: dict[str, dict[str, QualityLimits]] = defaultdict(dict)
    for name, channel in channels.items():
        members[f"{channel.unit}/{channel.quantity}"][name] = limits[name]
    return {key: PeerQuality(group) for key, group in members.items() if len(group) > 1}
