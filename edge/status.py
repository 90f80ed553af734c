"""What the agent shows of itself at one moment: the same facts for the local page, the metrics and the heartbeat."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from contracts.deployments import DeploymentState, ReportedModels
from contracts.devices import CameraHealth, ChannelInventory, Health, LimitInEffect
from contracts.quantities import QUANTITIES
from contracts.vision import ModelRef
from edge.cameras.capture import Counts
from edge.guard.actuators.controller import ActuatorView, SirenView
from edge.guard.actuators.proof import Verdict
from edge.guard.alarms import ActiveAlarm
from edge.inference.windows import LatestSight
from edge.outbox.publisher import PublisherStats
from edge.outbox.store import Depth
from edge.sensors.driver import DriverHealth
from edge.sensors.judge import ChannelTests
from edge.sensors.maintenance import Window
from edge.sensors.sampler import Latest, SamplerStats

_JUDGED = frozenset({Verdict.PROVEN, Verdict.NOT_RUNNING, Verdict.RUNS_THOUGH_OFF})


MOST_ZONES = 64
"""Thermal zones that a heartbeat tells."""


@dataclass(frozen=True)
class Snapshot:
    """The agent at ``at``. Ages are from the monotonic clock."""

    site: str
    device: str
    version: str
    boot: str
    at: datetime
    now_s: float
    uptime_s: float
    clock_trusted: bool
    connected: bool
    rss_bytes: int
    cpu_percent: float
    disk_free_bytes: int
    depth: Depth
    counters: dict[str, int]
    publisher: PublisherStats
    sampler: SamplerStats
    latest: dict[str, Latest]
    tests: dict[str, ChannelTests]
    maintenance: tuple[Window, ...]
    units: dict[str, str]
    """Units with their names for people."""
    inventory: dict[str, ChannelInventory]
    """Every channel of the box, by name."""
    limits: tuple[LimitInEffect, ...]
    """What the box watches, with the sources of the limits."""
    derived: frozenset[str]
    """Channels that the box computes from others; some have nothing to tell for a while."""
    drivers: tuple[DriverHealth, ...]
    cameras: tuple[CameraHealth, ...]
    frames: dict[str, Counts]
    stalls: dict[str, int]
    sights: dict[str, LatestSight]
    alarms: tuple[ActiveAlarm, ...]
    actuators: tuple[ActuatorView, ...]
    siren: SirenView | None
    model: ModelRef | None
    provider: str | None
    restarts: dict[str, int]
    temperatures: dict[str, float]
    """Degrees Celsius of the machine's thermal zones; empty where the kernel tells none."""
    board: dict[str, float]
    """Heat, load and power that jetson-stats tells, by the metric's name; empty where there is none."""
    throttling: dict[str, float]
    """The kernel's throttle alerts, 1 while active."""
    stages: dict[str, dict[str, float | None]]
    """How long things take, as ``Stages.document`` says it."""
    pictures: dict[str, float]
    """Measures of the kept pictures, by the metric's name; empty without cameras."""
    degraded: tuple[str, ...]
    certificate_expires_at: datetime | None = None
    """End of the certificate for the uplink."""
    config_sha256: str | None = None
    """Of the fleet's configuration that this agent was started with."""
    agent_sha256: str | None = None
    """Of the wheel that this agent was installed from by the fleet."""
    models: ReportedModels | None = None
    """Desired, running and verified models; None on a box without the section ``deployments``."""
    trial: ReportedModels | None = None
    """The same of a model that is tried in some units."""
    unit_models: dict[str, ModelRef] = field(default_factory=dict)
    """By unit, where a trial has the units looked at by another model."""
    agent: ReportedModels | None = None
    """The same of versions of the agent itself."""
    swaps: int = 0
    """Times that another model took over since the start."""
    models_bytes: int = 0
    """Bytes of models and their metadata that were fetched since the start."""
    uplink_trouble: str = ""
    """Why the uplink is not connected; empty while it is."""

    @property
    def oldest_age_s(self) -> float | None:
        """Age of the oldest message in the outbox."""
        if self.depth.oldest_at is None:
            return None
        return max(0.0, (self.at - self.depth.oldest_at).total_seconds())

    def channel_ages(self) -> dict[str, float]:
        """Seconds since the newest reading of every channel that was heard since the start."""
        return {name: round(max(0.0, self.now_s - latest.received_s), 3) for name, latest in self.latest.items()}

    def health(self) -> Health:
        """The heartbeat."""
        return Health(
            observed_at=self.at,
            uptime_s=round(self.uptime_s, 3),
            rss_bytes=self.rss_bytes,
            cpu_percent=self.cpu_percent,
            disk_free_bytes=self.disk_free_bytes,
            outbox_rows=self.depth.rows,
            outbox_bytes=self.depth.bytes,
            outbox_oldest_age_s=self.oldest_age_s,
            outbox_floor=self.depth.floor,
            channel_age_s=self.channel_ages(),
            cameras=self.cameras,
            model=self.model,
            unit_models=self.unit_models,
            provider=self.provider,
            config_sha256=self.config_sha256,
            agent_sha256=self.agent_sha256,
            certificate_expires_at=self.certificate_expires_at,
            temperatures_c=dict(list(self.temperatures.items())[:MOST_ZONES]),
            clock_trusted=self.clock_trusted,
            degraded=self.degraded,
        )

    def measures(self) -> dict[str, dict[str, float]]:
        """Values of the metrics declared in ``metrics.py``, by metric and label; a metric without a label has the key ''."""
        severities = Counter(alarm.severity.value for alarm in self.alarms)
        usage = {priority.name.lower(): usage for priority, usage in self.depth.usage.items()}
        one = {
            "messages_sent": self.publisher.sent,
            "messages_resent": self.publisher.resent,
            "readings_repeated": self.sampler.repeats,
            "readings_overflowed": self.sampler.overflowed,
            "up_seconds": self.uptime_s,
            "connected": self.connected,
            "resident_bytes": self.rss_bytes,
            "outbox_oldest_age_seconds": self.oldest_age_s or 0.0,
            "messages_in_flight": self.publisher.in_flight,
            "messages_unconfirmed": self.publisher.unconfirmed,
            "clock_trusted": self.clock_trusted,
            "degraded": len(self.degraded),
        }
        one |= self.pictures | self.board
        if self.models is not None:
            one |= {"model_swaps": self.swaps, "models_fetched_bytes": self.models_bytes}
            if self.models.repository_expires_at is not None:
                one["repository_seconds_left"] = (self.models.repository_expires_at - self.at).total_seconds()
        by_label: dict[str, dict[str, float]] = {
            "accepted": {k: v for k, v in self.counters.items() if not k.startswith(("dropped_", "thinned_"))},
            "dropped": {k.removeprefix("dropped_"): v for k, v in self.counters.items() if k.startswith("dropped_")},
            "thinned": {k.removeprefix("thinned_"): v for k, v in self.counters.items() if k.startswith("thinned_")},
            "readings_flagged": {name: float(count) for name, count in self.sampler.flagged.copy().items()},
            "frames_captured": {name: counts.captured for name, counts in self.frames.items()},
            "frames_processed": {name: counts.processed for name, counts in self.frames.items()},
            "frames_dropped": {name: counts.dropped for name, counts in self.frames.items()},
            "frames_dropped_because": {
                f"{name}/{reason.value}": count
                for name, counts in self.frames.items()
                for reason, count in counts.by_reason.items()
            },
            "throttling": self.throttling,
            "frames_waiting": {name: counts.waiting for name, counts in self.frames.items()},
            "camera_stalls": {name: float(count) for name, count in self.stalls.items()},
            "camera_reconnects": {camera.name: camera.reconnects for camera in self.cameras},
            "camera_fps": {camera.name: camera.fps for camera in self.cameras},
            "worker_restarts": {name: float(count) for name, count in self.restarts.items()},
            "outbox_rows": {name: u.rows for name, u in usage.items()},
            "outbox_bytes": {name: u.bytes for name, u in usage.items()},
            "channel_age_seconds": self.channel_ages(),
            "channel_value": {name: latest.reading.value for name, latest in self.latest.items()},
            "actuator_on": {a.name: float(a.on) for a in self.actuators},
            "actuator_proven": {a.name: float(a.proof is Verdict.PROVEN) for a in self.actuators if a.proof in _JUDGED},
            "actuator_reachable": {a.name: float(a.reachable) for a in self.actuators},
            "siren_sounding": {} if self.siren is None else {"": float(self.siren.sounding)},
            "temperature_celsius": self.temperatures,
            "alarms_active": {name: float(count) for name, count in severities.items()},
            "alarms_shelved": {"": float(sum(alarm.shelved is not None for alarm in self.alarms))},
            "deployment_state": self._deployment_states(),
        }
        return {**{name: {"": float(value)} for name, value in one.items()}, **by_label}

    def document(self) -> dict[str, Any]:
        """The status as JSON for the local page; a channel that was never heard has no value and no age."""
        ages = self.channel_ages()
        return {
            "site": self.site,
            "device": self.device,
            "version": self.version,
            "boot": self.boot,
            "at": self.at.isoformat(),
            "uptime_s": round(self.uptime_s, 1),
            "clock_trusted": self.clock_trusted,
            "connected": self.connected,
            "uplink_trouble": self.uplink_trouble,
            "degraded": list(self.degraded),
            "alarms": [
                {
                    "definition": alarm.definition,
                    "unit": alarm.unit,
                    "channel": alarm.channel,
                    "severity": alarm.severity.value,
                    "raised_at": alarm.raised_at.isoformat(),
                    "message": alarm.message,
                    "id": str(alarm.alarm_id),
                    "acknowledged": alarm.acknowledged,
                    "persisted": alarm.persisted,
                    "operable": alarm.operable,
                    "shelved": None
                    if alarm.shelved is None
                    else {
                        "until": alarm.shelved.until.isoformat(),
                        "reason": alarm.shelved.reason,
                        "by": alarm.shelved.by,
                    },
                }
                for alarm in self.alarms
            ],
            "actuators": [_actuator(view) for view in self.actuators],
            "siren": None if self.siren is None else asdict(self.siren),
            "maintenance": [window.model_dump(mode="json") for window in self.maintenance],
            "units": [{"slug": slug, "name": name} for slug, name in self.units.items()],
            "channels": [self._channel(name, ages) for name in self.inventory],
            "cameras": [self._camera(camera) for camera in self.cameras],
            "drivers": [
                {
                    "name": d.name,
                    "connected": d.connected,
                    "messages": d.messages,
                    "rejected": d.rejected,
                    "troubles": list(d.troubles),
                    "unmatched": [asdict(one) for one in d.unmatched],
                }
                for d in self.drivers
            ],
            "model": self.model.model_dump() if self.model is not None else None,
            "provider": self.provider,
            "unit_models": {unit: model.model_dump() for unit, model in self.unit_models.items()},
            "trial": self.trial.model_dump(mode="json") if self.trial is not None else None,
            "models": self.models.model_dump(mode="json") if self.models is not None else None,
            "agent": self.agent.model_dump(mode="json") if self.agent is not None else None,
            "stages": self.stages,
            "board": {**self.board, "throttling": [name for name, active in self.throttling.items() if active]},
            "outbox": {
                "rows": self.depth.rows,
                "bytes": self.depth.bytes,
                "oldest_age_s": self.oldest_age_s,
                "floor": self.depth.floor,
                "in_flight": self.publisher.in_flight,
                "unconfirmed": self.publisher.unconfirmed,
            },
            "counters": self.counters,
            "memory_bytes": self.rss_bytes,
        }

    def _deployment_states(self) -> dict[str, float]:
        deployment = self.models.deployment if self.models is not None else None
        if deployment is None:
            return {}
        return {state.value: float(state is deployment.state) for state in DeploymentState}

    def _channel(self, name: str, ages: dict[str, float]) -> dict[str, Any]:
        latest = self.latest.get(name)
        known = self.inventory.get(name)
        what = {
            "channel": name,
            "unit": known.unit if known is not None else None,
            "label": QUANTITIES[known.quantity].label if known is not None else name,
            "limits": [
                {
                    "severity": limit.severity.value,
                    "side": limit.side,
                    "value": limit.value,
                    "law": limit.law,
                    "source": limit.source,
                }
                for limit in self.limits
                if limit.channel == name
            ],
        }
        if latest is None:
            return {**what, "value": None, "age_s": None, "quality": None, "derived": name in self.derived}
        reading = latest.reading
        return {
            **what,
            "quantity": reading.quantity,
            "value": reading.value,
            "ucum": reading.ucum,
            "observed_at": reading.observed_at.isoformat(),
            "age_s": ages[name],
            "quality": reading.quality.name.lower(),
            "test": reading.test,
            "also": dict(reading.also or {}),
            "not_evaluated": list(self.tests[name].not_evaluated) if name in self.tests else [],
            "calibration": reading.calibration,
            "derived": reading.derived,
        }

    def _camera(self, camera: CameraHealth) -> dict[str, Any]:
        sight = self.sights.get(camera.name)
        seen = sight.observation if sight is not None else None
        return {
            **camera.model_dump(),
            "dropped": {reason.value: count for reason, count in self.frames[camera.name].by_reason.items()},
            "stalls": self.stalls[camera.name],
            "count_mean": seen.count_mean if seen is not None else None,
            "image_quality": seen.image_quality if seen is not None else None,
            "quality_test": seen.quality_test if seen is not None else None,
            "image_sha256": seen.image_sha256 if seen is not None else None,
            "observed_at": seen.observed_at.isoformat() if seen is not None else None,
            "observation_age_s": round(self.now_s - sight.at_s, 1) if sight is not None else None,
        }


def _actuator(view: ActuatorView) -> dict[str, Any]:
    wish = view.override
    return {
        "name": view.name,
        "title": view.title,
        "unit": view.unit,
        "kind": view.kind,
        "on": view.on,
        "cause": view.cause,
        "sentence": view.sentence,
        "reachable": view.reachable,
        "reported": view.reported,
        "trouble": view.trouble,
        "proof": view.proof.value,
        "amperes": view.amperes,
        "override": None
        if wish is None
        else {"on": wish.on, "until": wish.until.isoformat(), "reason": wish.reason, "by": wish.by},
    }
