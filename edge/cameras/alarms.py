"""A camera whose picture cannot be trusted raises an alarm: fouled, frozen or dark, with delay and hysteresis.

Pure: medians of a window in, alarm changes and what must be remembered out; the caller persists both in one transaction,
so a kill neither raises twice nor forgets to clear. The life of an alarm is ``aquaculture.alarms``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from aquaculture.alarms import AlarmRule, AlarmState, Transition, step
from aquaculture.limits import Side
from contracts.alarms import AlarmChange, AlarmEvent, Severity
from contracts.base import WireModel
from contracts.vision import ImageParts
from edge.cameras.settings import CameraSettings

STATE_PREFIX = "camera-alarm:"
"""Outbox state under which an active alarm is remembered: ``<camera>/<definition>``."""
MEMORY_PREFIX = "view:"
"""Outbox state under which the baseline of a camera's picture is remembered."""


class _Kept(WireModel):
    """An active alarm as it is remembered over a restart."""

    id: UUID
    raised_at: datetime
    occurrence: int
    unit: str
    message: str


@dataclass(frozen=True)
class ViewAlarm:
    """An active alarm of a camera's picture, for the page."""

    alarm_id: UUID
    unit: str
    severity: Severity
    raised_at: datetime
    message: str


@dataclass(frozen=True)
class _Watch:
    """One alarm on one part of the image quality."""

    rule: AlarmRule
    limit: float
    what: str
    action: str

    def value(self, parts: ImageParts) -> float:
        """The number that is judged."""
        if self.rule.definition == "camera.fouled":
            return min(parts.clarity, parts.clean)
        return parts.live if self.rule.definition == "camera.frozen" else parts.light


def watches(camera: CameraSettings) -> tuple[_Watch, ...]:
    """The alarms of a camera; limits are shares, 1 is a good picture."""

    def rule(name: str, severity: Severity, hysteresis: float, on_s: float, off_s: float) -> AlarmRule:
        return AlarmRule(
            f"camera.{name}", severity, Side.LOW, hysteresis=hysteresis, on_delay_s=on_s, off_delay_s=off_s
        )

    return (
        _Watch(
            rule("fouled", Severity.WARNING, 0.15, camera.fouled_after_s, 120.0),
            0.5,
            "has lost the contrast that it used to have",
            "Clean the lens or its window; if it is clean, the water is turbid: counts are too low until it clears",
        ),
        _Watch(
            rule("frozen", Severity.MINOR, 0.3, 0.0, 20.0),
            0.5,
            "shows the same picture again and again",
            "Restart the camera or its recorder; what it shows is not the present",
        ),
        _Watch(
            rule("dark", Severity.WARNING, 0.2, camera.dark_after_s, 60.0),
            0.2,
            "sees nothing: the picture is black",
            "Check the light of the unit and the camera's exposure",
        ),
    )


class ViewAlarms:
    """The alarms of one camera's picture.

    Args:
        memory: what was remembered of this camera, by definition.
        new_id: makes the identity of an occurrence.
    """

    def __init__(
        self,
        camera: CameraSettings,
        *,
        memory: Mapping[str, str] | None = None,
        new_id: Callable[[], UUID] = uuid.uuid4,
    ) -> None:
        self._camera = camera
        self._new_id = new_id
        self._watches = watches(camera)
        self._states: dict[str, AlarmState] = {}
        self._kept: dict[str, _Kept] = {}
        for definition, text in (memory or {}).items():
            kept = _Kept.model_validate_json(text)
            self._kept[definition] = kept
            self._states[definition] = AlarmState(active=True, acknowledged=False, occurrence=kept.occurrence)

    def judge(
        self, parts: ImageParts, *, now_s: float, at: datetime
    ) -> tuple[tuple[AlarmEvent, ...], dict[str, str | None]]:
        """Take one window into account; returns the changes and the state to be remembered with them."""
        events: list[AlarmEvent] = []
        remember: dict[str, str | None] = {}
        for watch in self._watches:
            definition, value = watch.rule.definition, watch.value(parts)
            before = self._states.get(definition, AlarmState())
            state, transition = step(watch.rule, before, value=value, limit=watch.limit, now_s=now_s)
            self._states[definition] = state
            if transition is None:
                continue
            key = f"{STATE_PREFIX}{self._camera.name}/{definition}"
            if transition is Transition.RAISED:
                since = at - timedelta(seconds=now_s - (state.violated_since_s or now_s))
                kept = _Kept(
                    id=self._new_id(),
                    raised_at=at,
                    occurrence=state.occurrence,
                    unit=self._camera.unit,
                    message=f"Camera {self._camera.name} {watch.what}",
                )
                self._kept[definition] = kept
                remember[key] = kept.model_dump_json()
                events.append(self._event(watch, kept, AlarmChange.RAISED, value, at, since))
            elif definition in self._kept:
                remember[key] = None
                events.append(self._event(watch, self._kept.pop(definition), AlarmChange.CLEARED, value, at, None))
        return tuple(events), remember

    def active(self) -> dict[str, ViewAlarm]:
        """The alarms that are active now, by definition; may be asked from any thread."""
        severities = {watch.rule.definition: watch.rule.severity for watch in self._watches}
        return {
            name: ViewAlarm(one.id, self._camera.unit, severities[name], one.raised_at, one.message)
            for name, one in dict(self._kept).items()
            if name in severities
        }

    def _event(
        self, watch: _Watch, kept: _Kept, change: AlarmChange, value: float, at: datetime, since: datetime | None
    ) -> AlarmEvent:
        raised = change is AlarmChange.RAISED
        return AlarmEvent(
            alarm_id=kept.id,
            definition=watch.rule.definition,
            change=change,
            severity=watch.rule.severity,
            unit=self._camera.unit,
            channel=f"camera.{self._camera.name}",
            value=value,
            limit=watch.limit,
            occurred_at=at,
            condition_since=since,
            message=kept.message if raised else f"Camera {self._camera.name} gives a usable picture again",
            action=watch.action if raised else None,
            source="image quality of the box",
        )


def orphan_clears(state: Mapping[str, str], cameras: set[str], now: datetime) -> dict[str, AlarmEvent]:
    """Events that clear alarms of cameras that are no longer configured, by the key to forget."""
    clears: dict[str, AlarmEvent] = {}
    for key, text in state.items():
        camera, _, definition = key.removeprefix(STATE_PREFIX).partition("/")
        if camera not in cameras:
            kept = _Kept.model_validate_json(text)
            clears[key] = AlarmEvent(
                alarm_id=kept.id,
                definition=definition,
                change=AlarmChange.CLEARED,
                severity=Severity.WARNING,
                unit=kept.unit,
                channel=f"camera.{camera}",
                occurred_at=now,
                message=f"Camera {camera} is no longer watched by this box",
            )
    return clears
