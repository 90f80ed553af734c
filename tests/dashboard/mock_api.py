"""A farm in memory behind the real HTTP paths, so that the dashboard can be developed and tested without a database.

Requests come in as the browser sends them; answers have the shapes of ``cloud/dashboard/openapi.json``. Water follows
slow sines, the camera shows drawn fish whose boxes are exact, and a test can stop or change the farm while it runs.
It stores nothing and is never shipped.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import math
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

import cv2
import numpy as np
import uvicorn
from fastapi import Body, FastAPI, Form, Header, HTTPException, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from starlette.middleware.gzip import GZipMiddleware

from cloud.kit.pages import SinglePageApp
from cloud.rollouts.plan import Plan
from cloud.unit_trials.schemas import UnitTrialSummary
from contracts.quality import QUALITY_TESTS
from tests.dashboard import mock_fleet
from tests.dashboard.mock_live import MockLive

Json = dict[str, Any]
LiveStream = Callable[[WebSocket], Awaitable[None]]

PASSWORD = "seawater-at-7-degrees"
NAMESPACE = UUID("8f3c1b8e-6f43-4f0e-9d0c-3b1f5b0b7a11")
DIST = Path(__file__).resolve().parents[2] / "cloud" / "dashboard" / "dist"
MODEL = {"name": "fish-detector", "version": "1.0.0", "sha256": hashlib.sha256(b"fish-detector 1.0.0").hexdigest()}
QUANTITIES: dict[str, tuple[str, str, int]] = {
    "do": ("Dissolved oxygen", "mg/L", 2),
    "do_sat": ("Oxygen saturation", "%", 0),
    "temperature": ("Water temperature", "Cel", 1),
    "ph": ("pH", "[pH]", 2),
    "salinity": ("Salinity", "g/kg", 1),
}
LIMITS = {
    "do": [
        {
            "definition": "do.low.critical",
            "severity": "critical",
            "side": "low",
            "value": 5.0,
            "source": "Fivelstad 1999 [V]; outlet",
        },
        {
            "definition": "do.low.warning",
            "severity": "warning",
            "side": "low",
            "value": 6.0,
            "source": "Fivelstad 1999 [V]; outlet",
        },
    ],
    "temperature": [
        {
            "definition": "temperature.high.warning",
            "severity": "warning",
            "side": "high",
            "value": 14.0,
            "source": "Handbook [S/K]; confirm with a fish-health person",
        },
        {"definition": "temperature.high.critical", "severity": "critical", "side": "high", "value": 18.0},
    ],
}
"""What the box tells of the limits that it watches."""
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    # The hash is that of an empty style element: Emotion fills it through CSSOM, which needs no 'unsafe-inline'.
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
)


@dataclass
class Unit:
    """One tank: the centre of each quantity's sine, and what is wrong with it."""

    id: int
    slug: str
    name: str
    kind: str
    species: str
    stage: str
    water: dict[str, float]
    fish: int
    volume_m3: float = 120.0
    quality: dict[str, int] = field(default_factory=dict)
    silent_s: dict[str, float] = field(default_factory=dict)
    """Seconds since a quantity was last heard."""
    camera: bool = True


def demo_units() -> list[Unit]:
    """Return three tanks and a pen: one short of oxygen, one with a silent probe, one with a dirty probe, one well."""
    salmon = {"do": 9.4, "do_sat": 94.0, "temperature": 11.8, "ph": 7.34, "salinity": 31.2}
    return [
        Unit(1, "tank-1", "Tank 1", "tank", "salmo_salar", "smolt", dict(salmon), 9),
        Unit(
            2, "tank-2", "Tank 2", "tank", "salmo_salar", "smolt", salmon | {"do": 9.1, "ph": 7.9}, 7, quality={"ph": 3}
        ),
        Unit(
            3,
            "tank-3",
            "Tank 3",
            "tank",
            "salmo_salar",
            "smolt",
            salmon | {"do": 4.6, "do_sat": 48.0},
            12,
            quality={"salinity": 2},
        ),
        Unit(
            4,
            "pen-north",
            "North pen",
            "net_pen",
            "salmo_salar",
            "grower",
            salmon | {"do": 8.2, "do_sat": 83.0},
            5,
            volume_m3=24_000,
            silent_s={"salinity": 1_380.0, "ph": 142.0},
        ),
    ]


def failed_tests(flag: int) -> list[Json]:
    """Return why a value has its flag, as the API tells it."""
    if flag in (1, 2):
        return []
    spike = QUALITY_TESTS["spike"]
    return [{"test": spike.name, "quality": flag, "meaning": spike.meaning, "remedy": spike.remedy}]


class MockFarm:
    """The state behind the API; ``now`` is the server's clock."""

    def __init__(self, *, sites: int = 2) -> None:
        """Start with ``sites`` farms, of which the first has units and alarms."""
        self.page_delay_s = 0.0
        """Before a page, as a slow line has it where the browser's own slowness does not reach: in a service worker."""
        self.started = time.time()
        self.units = demo_units()
        self.sites = [
            {
                "id": 1,
                "slug": "nordfjord",
                "name": "Nordfjord",
                "timezone": "Europe/Oslo",
                "latitude": 61.9,
                "longitude": 5.9,
            },
            {
                "id": 2,
                "slug": "thessaly",
                "name": "Thessaly",
                "timezone": "Europe/Athens",
                "latitude": 39.3,
                "longitude": 23.1,
            },
        ][:sites]
        self.users = {
            f"{role}@nordfjord.example": {
                "id": number,
                "email": f"{role}@nordfjord.example",
                "name": name,
                "role": role,
                "organization": "nordfjord",
            }
            for number, (role, name) in enumerate(
                (("viewer", "Vigdis Viewer"), ("operator", "Olav Operator"), ("fleet_admin", "Frida Fleet")), start=1
            )
        }
        self.tokens: dict[str, Json] = {}
        self.frames: dict[int, tuple[bytes, list[Json]]] = {}
        self.images: dict[str, bytes] = {}
        self.alarms = self._alarms()
        self.rollouts = self._rollouts()
        self.trials = {str(one.id): one for one in mock_fleet.trials(self.now())}
        self.decisions: list[Json] = [self._decision("early: begun"), self._decision("canary: passed")]
        self.accepted_by: str | None = None
        """Who took the drift of tank 2 for the new normal."""
        self.tasks = self._tasks()
        self.lock = threading.Lock()

    def now(self) -> datetime:
        """Return the server's clock."""
        return datetime.now(timezone.utc)

    def value(self, unit: Unit, quantity: str, at: float) -> float:
        """Return the value of one quantity at a Unix time: day wave, slow wave, ripple."""
        centre = unit.water[quantity]
        day = math.sin(at / 86_400 * 2 * math.pi + unit.id)
        slow = math.sin(at / 2_900 + unit.id * 2)
        ripple = math.sin(at / 7.0 + unit.id) * 0.5 + math.sin(at / 2.3) * 0.3
        return centre * (1 + 0.03 * day + 0.012 * slow + 0.003 * ripple)

    def site(self, slug: str) -> Json:
        """Return one site with its counts, or raise 404."""
        for site in self.sites:
            if site["slug"] == slug:
                mine = slug == self.sites[0]["slug"]
                return {
                    **site,
                    "units": len(self.units) if mine else 0,
                    "devices": 1 if mine else 0,
                    "devices_online": 1 if mine else 0,
                    "open_alarms": len(self.open_alarms()) if mine else 0,
                }
        raise HTTPException(404, "No such site")

    def unit(self, unit_id: int) -> Unit:
        """Return one unit, or raise 404."""
        for unit in self.units:
            if unit.id == unit_id:
                return unit
        raise HTTPException(404, "No such unit")

    def unit_out(self, unit: Unit) -> Json:
        """Return the API's view of a unit."""
        return {
            "id": unit.id,
            "slug": unit.slug,
            "name": unit.name,
            "kind": unit.kind,
            "volume_m3": unit.volume_m3,
            "species": unit.species,
            "stage": unit.stage,
            "site": self.sites[0]["slug"],
        }

    def open_alarms(self) -> list[Json]:
        """Return alarms that are active, or that nobody has acknowledged."""
        return [alarm for alarm in self.alarms.values() if alarm["active"] or not alarm["acknowledged"]]

    def latest(self, slug: str) -> Json:
        """Return the newest value of everything on one farm."""
        now = self.now()
        mine = slug == self.sites[0]["slug"]
        device = {
            "id": 1,
            "slug": "edge-1",
            "name": "edge-1",
            "site": slug,
            "state": "online",
            "agent_version": "0.1.0",
            "state_at": (now - timedelta(hours=7)).isoformat(),
            "last_seen_at": now.isoformat(),
        }
        return {
            "site": self.site(slug),
            "server_time": now.isoformat(),
            "devices": [device] if mine else [],
            "units": [self._unit_latest(unit, now) for unit in self.units] if mine else [],
        }

    def _unit_latest(self, unit: Unit, now: datetime) -> Json:
        counts = dict.fromkeys(("critical", "major", "minor", "warning"), 0)
        for alarm in self.open_alarms():
            if alarm["active"] and alarm["unit"]["id"] == unit.id:
                counts[alarm["severity"]] += 1
        observation = self.observation(unit, now.timestamp() // 10 * 10) if unit.camera else None
        return {
            "unit": self.unit_out(unit),
            "readings": [self._reading(unit, quantity, now) for quantity in unit.water],
            "observation": observation,
            "evidence": observation,
            "alarms": counts,
            "worst_severity": next((severity for severity, count in counts.items() if count), None),
        }

    def _reading(self, unit: Unit, quantity: str, now: datetime) -> Json:
        label, ucum, decimals = QUANTITIES[quantity]
        silent = unit.silent_s.get(quantity)
        age = now.timestamp() % 1 if silent is None else silent + now.timestamp() - self.started
        observed = now.timestamp() - age
        return {
            "channel_id": unit.id * 10 + list(QUANTITIES).index(quantity),
            "channel": f"{unit.slug}.{quantity}",
            "quantity": quantity,
            "label": label,
            "ucum": ucum,
            "decimals": decimals,
            "value": self.value(unit, quantity, observed),
            "observed_at": datetime.fromtimestamp(observed, timezone.utc).isoformat(),
            "age_s": age,
            "quality": unit.quality.get(quantity, 1),
            "tests": failed_tests(unit.quality.get(quantity, 1)),
            "calibration": "SN-1#2026-11-01" if quantity == "do" else None,
            "stale": age > 60,
            "stale_after_s": 60.0,
            "derived": quantity == "do_sat",
            "limits": LIMITS.get(quantity, []),
        }

    def observation(self, unit: Unit, at: float) -> Json:
        """Return the camera summary that ended at ``at``, with its image kept for serving."""
        image, boxes = draw_fish(unit.fish, seed=unit.id * 1_000 + int(at / 30) % 1_000)
        sha256 = hashlib.sha256(image).hexdigest()
        self.images[sha256] = image
        observed = datetime.fromtimestamp(at, timezone.utc)
        return {
            "id": f"{unit.id}-{int(at * 1e6)}",
            "camera": f"{unit.slug}-cam",
            "unit_id": unit.id,
            "observed_at": observed.isoformat(),
            "started_at": (observed - timedelta(seconds=10)).isoformat(),
            "frames": 50,
            "frames_dropped": 2 if unit.id == 1 else 0,
            "count_mean": len(boxes) - 0.6,
            "count_min": max(0, len(boxes) - 3),
            "count_max": len(boxes) + 1,
            "confidence_mean": 0.74,
            "latency_ms": 38.0,
            "detections": boxes,
            "image_url": f"/api/v1/images/{sha256}?expires=1&signature=mock",
            "image_sha256": sha256,
            "image_observed_at": (observed - timedelta(seconds=3)).isoformat(),
            "image_quality": 0.82,
            "image_parts": {"light": 0.97, "glare": 0.99, "live": 1.0, "clarity": 0.82, "clean": 0.9},
            "model": MODEL,
            "quality": 1,
            "quality_test": None,
            "count_interval": {"low": len(boxes) - 1.4, "high": len(boxes) + 0.2},
            "tracks": len(boxes) + 2,
            "lines": [],
            "activity_bl_s": 0.8,
            "classes": {"fish": len(boxes) - 0.6},
            "health": {},
            "embedding_distance": None,
        }

    def series(self, channel_id: int, start: datetime, end: datetime, max_points: int) -> Json:
        """Return one channel in equal buckets, with an hour-long hole in every long range."""
        unit = self.unit(channel_id // 10)
        quantity = list(QUANTITIES)[channel_id % 10]
        span = (end - start).total_seconds()
        bucket = max(1, math.ceil(span / max_points))
        silent = unit.silent_s.get(quantity, 0.0)
        points = []
        at = start.timestamp()
        while at < end.timestamp():
            hole = 0.62 < (at - start.timestamp()) / span < 0.68 and unit.id == 1
            if not hole and at < end.timestamp() - silent:
                mean = self.value(unit, quantity, at)
                spread = abs(mean) * 0.006
                points.append(
                    {
                        "t": datetime.fromtimestamp(at, timezone.utc).isoformat(),
                        "n": int(bucket),
                        "min": mean - spread,
                        "max": mean + spread,
                        "mean": mean,
                        "last": mean,
                        "good": int(bucket) if int(at) % 97 else 0,
                    }
                )
            at += bucket
        return {
            "channel_id": channel_id,
            "quantity": quantity,
            "ucum": QUANTITIES[quantity][1],
            "bucket_s": int(bucket),
            "points": points,
        }

    def _alarms(self) -> dict[str, Json]:
        now = self.now()

        def alarm(unit: Unit, definition: str, severity: str, minutes: float, **more: Any) -> Json:
            number = uuid5(NAMESPACE, f"{unit.slug}/{definition}")
            return {
                "id": str(number),
                "site": self.sites[0]["slug"],
                "unit": {"id": unit.id, "slug": unit.slug, "name": unit.name},
                "subject": None,
                "definition": definition,
                "severity": severity,
                "active": True,
                "acknowledged": False,
                "raised_at": (now - timedelta(minutes=minutes)).isoformat(),
                "cleared_at": None,
                "acknowledged_at": None,
                "acknowledged_by": None,
                "value": None,
                "limit": None,
                "ucum": None,
                "quantity": None,
                "message": "",
                "action": None,
                "source": None,
                "origin": "edge",
                "suppressed_by": None,
                "shelved_until": None,
                "shelved_by": None,
                "shelved_because": None,
                "assignee": None,
                "assigned_at": None,
                "assigned_by": None,
            } | more

        one, _, three, pen = self.units
        listed = [
            alarm(
                three,
                "do.low.critical",
                "critical",
                4.2,
                value=4.61,
                limit=6.0,
                ucum="mg/L",
                quantity="do",
                message="Dissolved oxygen 4.61 mg/L is below 6.0 mg/L",
                action="Start emergency oxygen now; stop feeding; check aerator, pump and probe",
                source="Fivelstad 1999 [V]; smolt, outlet",
            ),
            alarm(
                three,
                "do_sat.low.warning",
                "major",
                11,
                value=52.0,
                limit=70.0,
                ucum="%",
                quantity="do_sat",
                message="Oxygen saturation 52 % is below 70 %",
                action="Increase aeration; stop feeding until it recovers",
                source="Remen 2016; Laksvel 2022 [V/D]",
            ),
            alarm(
                pen,
                "salinity.silent",
                "minor",
                21,
                quantity="salinity",
                message="No salinity reading for 23 minutes",
                action="Check the probe's power and cable",
                source="Silence rule, 3x the channel's period",
            ),
            alarm(
                one,
                "temperature.high.warning",
                "warning",
                95,
                value=14.2,
                limit=14.0,
                ucum="Cel",
                quantity="temperature",
                message="Water temperature was 14.2 °C, above 14.0 °C",
                active=False,
                cleared_at=(now - timedelta(minutes=42)).isoformat(),
                source="Okamura [S]; smolt, fresh",
            ),
        ]
        return {item["id"]: item for item in listed}

    def _decision(self, words: str) -> Json:
        return {"at": self.now().isoformat(), "words": words}

    def _rollouts(self) -> dict[str, Json]:
        """One under way: the canary has passed, the next wave is in shadow and one of its boxes has failed."""
        plan = Plan()
        now = self.now()
        stages = (
            (26, 25, 13, {"done": 2}),
            (13, None, None, {"done": 1, "shadow": 5, "waiting": 2, "failed": 1}),
            (None, None, None, {"waiting": 31}),
            (None, None, None, {"waiting": 40}),
        )

        def ago(hours: float | None) -> str | None:
            return None if hours is None else (now - timedelta(hours=hours)).isoformat()

        number = str(uuid5(NAMESPACE, "rollout"))
        values = ((0.06, "passed"), (0.97, "passed"), (None, "inconclusive"), (1.72, "failed"))
        rollout = {
            "id": number,
            "name": "Detector for dull water",
            "kind": "model",
            "model": "fish-detector",
            "version": "1.1.0",
            "back_to": "1.0.0",
            "status": "running",
            "reason": "early: 5 of 9 devices in shadow",
            "created_at": ago(27),
            "created_by": "fleet_admin@nordfjord.example",
            "began_at": ago(26),
            "ended_at": None,
            "plan": plan.model_dump(mode="json"),
            "approved_at": None,
            "approved_by": None,
            "sites": None,
            "groups": None,
            "tags": None,
            "wave": 1,
            "waves": [
                {
                    "name": wave.name,
                    "share": wave.share,
                    "began_at": ago(began),
                    "released_at": ago(released),
                    "passed_at": ago(passed),
                    "devices": sum(steps.values()),
                    "steps": steps,
                }
                for wave, (began, released, passed, steps) in zip(plan.waves, stages, strict=True)
            ],
            "gates": [
                {
                    "metric": gate.metric.value,
                    "phase": gate.phase.value,
                    "at_most": gate.at_most,
                    "at_least": gate.at_least,
                    "stratum": ["aarch64", "tank", "salmo_salar"],
                    "verdict": verdict,
                    "devices": 0 if mean is None else 5,
                    "mean": mean,
                    "low": None if mean is None else mean * 0.9,
                    "high": None if mean is None else mean * 1.1,
                }
                for gate, (mean, verdict) in zip(plan.gates, values, strict=True)
            ],
            "harm_h": 0.6,
        }
        author = "second_admin@nordfjord.example"
        night = {"id": str(uuid5(NAMESPACE, "night")), "name": "Detector for the night", "version": "1.2.0"}
        waits = {"status": "proposed", "reason": "asked for", "created_by": author, **self._not_begun(rollout)}
        return {number: rollout, night["id"]: rollout | night | waits}

    def _not_begun(self, standing: Json) -> Json:
        """What a rollout is before its first wave, made of one that is under way."""
        waves = [
            each | {"began_at": None, "released_at": None, "passed_at": None, "devices": 0, "steps": {}}
            for each in standing["waves"]
        ]
        return {
            "created_at": self.now().isoformat(),
            "began_at": None,
            "wave": None,
            "waves": waves,
            "gates": [],
            "harm_h": 0.0,
        }

    def model_changes(self) -> list[Json]:
        """Return one change of every unit's model, half an hour ago."""
        change = {"at": (self.now() - timedelta(minutes=30)).isoformat(), "device": "edge-1", "change": "activated"}
        model = {"sha256": MODEL["sha256"], "model": MODEL["name"], "version": MODEL["version"]}
        return [change | model | {"rollout_id": None, "reason": ""}]

    def counts(self, unit: Unit, start: datetime, end: datetime, resolution: str) -> Json:
        """Return what the camera counted; the change of models of half an hour ago made it a quarter more."""
        width = timedelta(seconds={"five_minutes": 300, "hour": 3_600, "day": 86_400}[resolution])
        changes = [
            each | {"count_ratio": 1.25} for each in self.model_changes() if datetime.fromisoformat(each["at"]) >= start
        ]
        items, at = [], start
        while at < min(end, self.now()):
            before = bool(changes) and at < datetime.fromisoformat(changes[0]["at"])
            mean = unit.fish * (1 + 0.06 * math.sin(at.timestamp() / 3_000)) * (0.8 if before else 1.0)
            cast = mean * (1.25 if before else 1.0)
            items.append({"at": at.isoformat(), "observations": 30, "mean": mean, "cast_back": cast})
            at += width
        return {"unit_id": unit.id, "resolution": resolution, "items": items, "changes": changes, "derived": True}

    def model_health(self) -> list[Json]:
        """Return how the server found each camera's model: the second unit's box is too slow."""
        now = self.now().isoformat()
        found = []
        for unit in (unit for unit in self.units if unit.camera):
            slow = unit.id == 2
            reason = "62 % of the frames are not looked at: the box is too slow" if slow else "It produces and keeps up"
            found.append(
                {
                    "unit_id": unit.id,
                    "unit": unit.slug,
                    "unit_name": unit.name,
                    "status": "degraded" if slow else "ok",
                    "reason": reason,
                    "since": now,
                    "looked_at": now,
                    "newest_at": now,
                    "model": MODEL,
                    "latency_ms": 84.0,
                    "confidence": 0.71,
                    "drift": [],
                }
            )
        return found

    def ask_rollout(self, new: Json, user: Json) -> Json:
        """Take a rollout that was asked for; nothing begins it."""
        number = str(uuid5(NAMESPACE, new["name"]))
        standing = next(iter(self._rollouts().values()))
        given = {key: new[key] for key in ("name", "kind", "model", "version", "back_to", "sites")}
        status = "proposed" if new.get("second_person") else "asked"
        fresh = {"id": number, "status": status, "reason": "asked for", "created_by": user["email"]}
        self.rollouts[number] = standing | given | fresh | self._not_begun(standing)
        return self.rollouts[number]

    def approve_rollout(self, rollout_id: str, approval: Json, user: Json) -> Json:
        """Take a second person's word, and nobody's own."""
        rollout = self.rollout(rollout_id)
        if rollout["status"] != "proposed" or rollout["created_by"] == user["email"]:
            raise HTTPException(409, "Whoever proposed a rollout cannot approve it; ask another fleet admin")
        agreed = {"status": "asked", "approved_by": user["email"], "approved_at": self.now().isoformat()}
        rollout |= agreed | {"reason": f"approved by {user['email']}: {approval['reason']}"}
        return rollout

    def order_rollout(self, rollout_id: str, order: Json, user: Json) -> Json:
        """Do what was ordered at once, where the real controller takes seconds."""
        status = {"pause": "paused", "resume": "running", "cancel": "canceled", "roll_back": "rolling_back"}
        rollout = self.rollout(rollout_id)
        rollout["status"] = status[order["kind"]]
        done = {"pause": "paused", "resume": "resumed", "cancel": "canceled", "roll_back": "rolled back"}[order["kind"]]
        rollout["reason"] = f"{done}: {order['reason']} (ordered by {user['email']})"
        self.decisions.insert(0, self._decision(rollout["reason"]))
        return rollout

    def rollout(self, rollout_id: str) -> Json:
        """Return one rollout, or raise 404."""
        if rollout_id not in self.rollouts:
            raise HTTPException(404, "There is no such rollout")
        return self.rollouts[rollout_id]

    def trial(self, trial_id: str) -> UnitTrialSummary:
        """Return one trial, or raise 404."""
        if trial_id not in self.trials:
            raise HTTPException(404, "There is no such trial")
        return self.trials[trial_id]

    def change_trial(self, trial_id: str, **values: object) -> Json:
        """Keep what was decided of a trial at once, where the real controller takes seconds."""
        self.trials[trial_id] = self.trial(trial_id).model_copy(update=values)
        return self.trials[trial_id].model_dump(mode="json")

    def rollout_devices(self) -> list[Json]:
        """Return the devices of every rollout."""
        return [
            {
                "site": "nordfjord",
                "device": f"edge-{number}",
                "wave": 0 if number < 3 else 1,
                "step": "done" if number < 3 else "shadow",
                "reason": "",
                "active_at": None,
                "ended_at": None,
                "numbers": {"shadow.disagreement": 0.05 + number / 100},
            }
            for number in range(1, 6)
        ]

    def drift_alert(self) -> Json:
        """Return the one piece of advice of this farm, accepted or not."""
        unit, now = self.units[1], self.now()
        pictures = [self.observation(unit, now.timestamp() // 60 * 60 - 3_600 * n)["image_url"] for n in range(4)]
        return {
            "id": str(uuid5(NAMESPACE, "drift")),
            "site": self.sites[0]["slug"],
            "unit_id": unit.id,
            "unit": unit.slug,
            "unit_name": unit.name,
            "model": MODEL,
            "signal": "clarity",
            "family": "input",
            "started_at": (now - timedelta(days=6)).isoformat(),
            "told_at": (now - timedelta(days=2)).isoformat(),
            "ended_at": now.isoformat() if self.accepted_by else None,
            "ended_because": "accepted" if self.accepted_by else None,
            "accepted_by": self.accepted_by,
            "psi": 0.61,
            "p": 0.00004,
            "shift": -1.8,
            "text": "The picture's clarity of fish-detector 1.0.0 at Tank 2 fell by 1.8 times its usual spread over 7 days"
            " (PSI 0.61, p 4e-05). Turbid water, or a lens that should be cleaned.",
            "evidence": pictures[:2],
            "before": pictures[2:],
        }

    def drift_series(self) -> list[Json]:
        """Return a version at each unit: one drifts, one learns, the others are as they were."""
        now, found = self.now(), []
        for unit, status in zip(self.units, ("stable", "drift", "learning", "stable"), strict=False):
            names = () if status == "learning" else ("clarity", "confidence", "count")
            signals = [
                {
                    "signal": name,
                    "family": "input" if name == "clarity" else "prediction",
                    "verdict": "drift" if status == "drift" and name == "clarity" else "stable",
                    "psi": 0.61 if status == "drift" and name == "clarity" else 0.04,
                    "ks": 0.2,
                    "p": 0.00004 if status == "drift" and name == "clarity" else 0.4,
                    "shift": -1.8 if status == "drift" and name == "clarity" else 0.1,
                    "days": 7,
                    "changed_at": None,
                    "drift_days": 2 if status == "drift" and name == "clarity" else 0,
                }
                for name in names
            ]
            found.append(
                {
                    "site": self.sites[0]["slug"],
                    "unit_id": unit.id,
                    "unit": unit.slug,
                    "unit_name": unit.name,
                    "model": MODEL,
                    "status": status,
                    "reference_from": (now - timedelta(days=60)).isoformat(),
                    "newest_hour": now.isoformat(),
                    "judged_until": now.isoformat(),
                    "signals": signals,
                }
            )
        return found

    def drift_hours(self) -> Json:
        """Return two weeks of a version whose picture grows dull, with a silent day."""
        now = self.now()
        hours = [
            {
                "hour": (now - timedelta(hours=336 - n)).isoformat(),
                "observations": 360,
                "signals": {
                    "clarity": 0.8 - max(0, n - 190) * 0.002 + 0.03 * math.sin(n / 4),
                    "confidence": 0.74 + 0.02 * math.sin(n / 9),
                },
                "mix": {"fish": 8.0},
            }
            for n in range(336)
            if not 100 < n < 124
        ]
        return {"start": hours[0]["hour"], "end": now.isoformat(), "items": hours}

    def sample_pairs(self, version: str) -> list[Json]:
        """Return frames on which the candidate misses fish that the active model finds, and finds one of its own."""
        unit, found = self.units[0], []
        for number in range(4):
            seen = self.observation(unit, self.now().timestamp() // 60 * 60 - 600 * number)
            boxes = seen["detections"]
            own = boxes[0] | {"box": boxes[0]["box"] | {"x": 0.02, "y": 0.05}, "confidence": 0.44}
            found.append(
                {
                    "id": str(uuid5(NAMESPACE, f"pair {number}")),
                    "site": self.sites[0]["slug"],
                    "unit": unit.slug,
                    "unit_name": unit.name,
                    "device": "edge-1",
                    "camera": seen["camera"],
                    "captured_at": seen["observed_at"],
                    "score": 0.9 - number / 10,
                    "image_url": seen["image_url"],
                    "active": {"model": MODEL, "detections": boxes},
                    "candidate": {"model": MODEL | {"version": version}, "detections": [*boxes[:3], own]},
                }
            )
        return found

    def _tasks(self) -> dict[str, Json]:
        """One of each state."""
        now, found = self.now(), {}
        told = (("export", "running", 0.42), ("report", "succeeded", 1.0), ("training", "failed", 0.3))
        for number, (kind, state, progress) in enumerate(told):
            key = str(uuid5(NAMESPACE, f"task {number}"))
            found[key] = {
                "id": key,
                "kind": kind,
                "queue": "data",
                "params": {"site": "nordfjord", "format": "csv"},
                "state": state,
                "progress": progress,
                "message": "Tank 2, 3 of 7 days" if state == "running" else "",
                "result": {"file": "report.csv", "bytes": 2048} if state == "succeeded" else None,
                "error": "The data set has no label of the class wrasse" if state == "failed" else None,
                "attempts": 1 + (state == "failed"),
                "created_at": (now - timedelta(minutes=5 + number)).isoformat(),
                "created_by": "operator@nordfjord.example",
                "started_at": (now - timedelta(minutes=5)).isoformat(),
                "finished_at": None if state == "running" else now.isoformat(),
                "cancel_requested": False,
            }
        return found

    def acknowledge(self, alarm_id: str, user: Json) -> Json:
        """Mark an alarm as seen by a person; once is enough."""
        with self.lock:
            alarm = self.alarms.get(alarm_id)
            if alarm is None:
                raise HTTPException(404, "No such alarm")
            if not alarm["acknowledged"]:
                alarm |= {
                    "acknowledged": True,
                    "acknowledged_at": self.now().isoformat(),
                    "acknowledged_by": user["email"],
                }
                self.alarms[alarm_id] = alarm
            return alarm


def draw_fish(count: int, *, seed: int, width: int = 640, height: int = 360) -> tuple[bytes, list[Json]]:
    """Return a JPEG of dim water with ``count`` fish, and their boxes as fractions of the image."""
    rng = np.random.default_rng(seed)
    depth = np.linspace(1.0, 0.35, height)[:, None, None]
    frame = (
        (np.array([112, 92, 34])[None, None, :] * depth + rng.normal(0, 4, (height, width, 1)))
        .clip(0, 255)
        .astype(np.uint8)
    )
    boxes: list[Json] = []
    for _ in range(count):
        length = int(rng.uniform(46, 110))
        tall = int(length * 0.3)
        x = int(rng.uniform(length * 0.7, width - length * 0.7))
        y = int(rng.uniform(tall, height - tall))
        facing = 1 if rng.random() < 0.7 else -1
        shade = int(rng.uniform(120, 190))
        colour = (shade, shade, int(shade * 0.92))
        tail = x - facing * length // 2
        cv2.ellipse(frame, (x, y), (length // 2, tall // 2), 0, 0, 360, colour, -1, cv2.LINE_AA)
        points = np.array(
            [[tail + facing * 8, y], [tail - facing * 16, y - tall // 2], [tail - facing * 16, y + tall // 2]]
        )
        cv2.fillPoly(frame, [points], colour, cv2.LINE_AA)
        cv2.circle(frame, (x + facing * length // 3, y - 2), 2, (20, 20, 20), -1, cv2.LINE_AA)
        left, right = sorted((tail - facing * 16, x + facing * length // 2))
        box = {
            "x": max(0, left) / width,
            "y": (y - tall / 2) / height,
            "w": (right - max(0, left)) / width,
            "h": tall / height,
        }
        boxes.append(
            {"label": "fish", "confidence": round(float(rng.uniform(0.41, 0.97)), 3), "box": box, "track": None}
        )
    _, encoded = cv2.imencode(".jpg", cv2.GaussianBlur(frame, (3, 3), 0), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return encoded.tobytes(), boxes


def problem(status: int, title: str, request: Request) -> JSONResponse:
    """Return an RFC 9457 answer as the real API does."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": title,
        "code": title,
        "request_id": "mock",
    }
    return JSONResponse(
        body, status_code=status, media_type="application/problem+json", headers={"X-Path": request.url.path}
    )


def create_app(farm: MockFarm, *, dist: Path = DIST, live: LiveStream | None = None) -> FastAPI:
    """Return the application: API under /api/v1, the built dashboard elsewhere; without ``live`` a page has to poll."""
    app = FastAPI()
    if live is not None:
        app.add_api_websocket_route("/api/v1/live", live)

    def user_of(authorization: str | None) -> Json:
        user = farm.tokens.get((authorization or "").removeprefix("Bearer "))
        if user is None:
            raise HTTPException(401, "Sign in first")
        return user

    @app.exception_handler(HTTPException)
    async def on_error(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), request)

    @app.middleware("http")
    async def harden(request: Request, call_next: Any) -> Response:
        if not request.url.path.startswith(("/api/", "/assets/")):
            await asyncio.sleep(farm.page_delay_s)
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    @app.post("/api/v1/auth/login")
    def login(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> Json:
        user = farm.users.get(username)
        if user is None or password != PASSWORD:
            raise HTTPException(401, "Email or password is wrong")
        token = hashlib.sha256(f"{username}{len(farm.tokens)}".encode()).hexdigest()
        farm.tokens[token] = user
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": 28_800,
            "refresh_token": token,
            "refresh_expires_in": 28_800,
            "user": user,
        }

    @app.get("/api/v1/auth/me")
    def me(authorization: Annotated[str | None, Header()] = None) -> Json:
        return user_of(authorization)

    @app.get("/api/v1/sites")
    def sites(authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        return {"items": [farm.site(str(site["slug"])) for site in farm.sites], "next_cursor": None}

    @app.get("/api/v1/sites/{slug}/latest")
    def latest(slug: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        return farm.latest(slug)

    @app.get("/api/v1/units/{unit_id}")
    def unit(unit_id: int, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        return farm.unit_out(farm.unit(unit_id))

    @app.get("/api/v1/units/{unit_id}/observations")
    def observations(unit_id: int, limit: int = 20, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        newest = farm.now().timestamp() // 10 * 10
        return {
            "items": [farm.observation(farm.unit(unit_id), newest - 10 * index) for index in range(limit)],
            "next_cursor": None,
        }

    @app.get("/api/v1/units/{unit_id}/model-changes")
    def model_changes(unit_id: int, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        farm.unit(unit_id)
        return {"items": farm.model_changes(), "cut": False}

    @app.get("/api/v1/units/{unit_id}/counts")
    def counts(
        unit_id: int,
        start: datetime,
        end: datetime,
        resolution: str,
        authorization: Annotated[str | None, Header()] = None,
    ) -> Json:
        user_of(authorization)
        return farm.counts(farm.unit(unit_id), start, end, resolution)

    @app.get("/api/v1/sites/{slug}/model-health")
    def model_health(slug: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        farm.site(slug)
        return {"items": farm.model_health() if slug == farm.sites[0]["slug"] else []}

    @app.get("/api/v1/channels/{channel_id}/series")
    def series(
        channel_id: int,
        start: datetime,
        end: datetime,
        max_points: int = 500,
        authorization: Annotated[str | None, Header()] = None,
    ) -> Json:
        user_of(authorization)
        return farm.series(channel_id, start, end, max_points)

    @app.get("/api/v1/images/{sha256}")
    def image(sha256: str) -> Response:
        if sha256 not in farm.images:
            raise HTTPException(404, "No such image")
        return Response(farm.images[sha256], media_type="image/jpeg")

    @app.get("/api/v1/alarms")
    def alarms(site: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        return {"items": farm.open_alarms() if site == farm.sites[0]["slug"] else [], "next_cursor": None}

    @app.post("/api/v1/alarms/{alarm_id}/acknowledge")
    def acknowledge(alarm_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        user = user_of(authorization)
        if user["role"] == "viewer":
            raise HTTPException(403, "Viewers cannot acknowledge alarms")
        return farm.acknowledge(alarm_id, user)

    def admin_of(authorization: str | None) -> Json:
        user = user_of(authorization)
        if user["role"] != "fleet_admin":
            raise HTTPException(403, "Rollouts are for fleet admins")
        return user

    @app.get("/api/v1/rollouts")
    def rollouts(authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return {"items": list(farm.rollouts.values()), "next_cursor": None}

    @app.post("/api/v1/rollouts", status_code=201)
    def ask_rollout(new: Annotated[Json, Body()], authorization: Annotated[str | None, Header()] = None) -> Json:
        return farm.ask_rollout(new, admin_of(authorization))

    @app.get("/api/v1/rollouts/{rollout_id}")
    def rollout(rollout_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return farm.rollout(rollout_id)

    @app.get("/api/v1/rollouts/{rollout_id}/devices")
    def rollout_devices(rollout_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return {"items": farm.rollout_devices() if farm.rollout(rollout_id)["began_at"] else [], "next_cursor": None}

    @app.get("/api/v1/rollouts/{rollout_id}/decisions")
    def rollout_decisions(rollout_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return {"items": farm.decisions if farm.rollout(rollout_id)["began_at"] else [], "next_cursor": None}

    @app.post("/api/v1/rollouts/{rollout_id}/orders", status_code=202)
    def order_rollout(
        rollout_id: str, order: Annotated[Json, Body()], authorization: Annotated[str | None, Header()] = None
    ) -> Json:
        return farm.order_rollout(rollout_id, order, admin_of(authorization))

    @app.post("/api/v1/rollouts/{rollout_id}/approval")
    def approve_rollout(
        rollout_id: str, approval: Annotated[Json, Body()], authorization: Annotated[str | None, Header()] = None
    ) -> Json:
        return farm.approve_rollout(rollout_id, approval, admin_of(authorization))

    @app.get("/api/v1/unit-trials")
    def trials(authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return {"items": [one.model_dump(mode="json") for one in farm.trials.values()], "next_cursor": None}

    @app.get("/api/v1/unit-trials/{trial_id}")
    def trial(trial_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return mock_fleet.trial_view(farm.trial(trial_id)).model_dump(mode="json")

    @app.get("/api/v1/unit-trials/{trial_id}/boxes")
    def trial_boxes(trial_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        farm.trial(trial_id)
        items = [one.model_dump(mode="json") for one in mock_fleet.trial_boxes(farm.now())]
        return {"items": items, "next_cursor": None}

    @app.get("/api/v1/unit-trials/{trial_id}/comparison")
    def trial_comparison(trial_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return mock_fleet.trial_comparison(farm.trial(trial_id)).model_dump(mode="json")

    @app.post("/api/v1/unit-trials/{trial_id}/approval")
    def approve_trial(
        trial_id: str, approval: Annotated[Json, Body()], authorization: Annotated[str | None, Header()] = None
    ) -> Json:
        user, wanted = admin_of(authorization), farm.trial(trial_id)
        if wanted.status != "proposed" or wanted.created_by == user["email"]:
            raise HTTPException(409, "Whoever proposed a trial cannot approve it; ask another fleet admin")
        agreed = {"status": "asked", "approved_by": user["email"], "approved_at": farm.now()}
        return farm.change_trial(trial_id, **agreed, reason=approval["reason"])

    @app.get("/api/v1/releases")
    def releases(authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return mock_fleet.releases(farm.now()).model_dump(mode="json")

    @app.get("/api/v1/releases/{model}/{version}")
    def release(model: str, version: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        found = mock_fleet.release(farm.now(), model, version)
        if found is None:
            raise HTTPException(404, "No such release")
        return found.model_dump(mode="json")

    @app.get("/api/v1/devices")
    def devices(authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        return {"items": [one.model_dump(mode="json") for one in mock_fleet.devices(farm.now())], "next_cursor": None}

    @app.get("/api/v1/device-health")
    def device_health(authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        return {"items": [one.model_dump(mode="json") for one in mock_fleet.health(farm.now())], "next_cursor": None}

    @app.get("/api/v1/device-deployments")
    def device_deployments(authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        items = [one.model_dump(mode="json") for one in mock_fleet.standings(farm.now())]
        return {"items": items, "next_cursor": None}

    @app.get("/api/v1/device-groups")
    def device_groups(authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        return {"items": [one.model_dump(mode="json") for one in mock_fleet.groups(farm.now())], "next_cursor": None}

    @app.get("/api/v1/drift/alerts")
    def drift_alerts(*, open: bool, authorization: Annotated[str | None, Header()] = None) -> Json:  # noqa: A002
        user_of(authorization)
        alert = farm.drift_alert()
        return {"items": [alert] if open == (alert["ended_at"] is None) else [], "next_cursor": None}

    @app.post("/api/v1/drift/alerts/{alert_id}/accept")
    def accept_drift(alert_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        farm.accepted_by = admin_of(authorization)["email"]
        return farm.drift_alert() | {"id": alert_id}

    @app.get("/api/v1/drift/series")
    def drift_series(authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        return {"items": farm.drift_series(), "next_cursor": None}

    @app.get("/api/v1/drift/series/{unit_id}/{sha256}")
    def drift_hours(unit_id: int, sha256: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        del unit_id, sha256
        return farm.drift_hours()

    @app.get("/api/v1/samples/pairs")
    def sample_pairs(version: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        admin_of(authorization)
        return {"items": farm.sample_pairs(version)}

    @app.get("/api/v1/tasks")
    def tasks(state: str | None = None, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        items = [task for task in farm.tasks.values() if state in (None, task["state"])]
        return {"items": items, "next_cursor": None}

    @app.delete("/api/v1/tasks/{task_id}")
    def cancel_task(task_id: str, authorization: Annotated[str | None, Header()] = None) -> Json:
        user_of(authorization)
        farm.tasks[task_id] |= {"state": "cancelled", "cancel_requested": True, "finished_at": farm.now().isoformat()}
        return farm.tasks[task_id]

    # As the product sends its pages: compressed, and kept by the browser as it says.
    app.router.default = SinglePageApp(dist, reserved=frozenset({"api"}))
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=4)
    return app


class MockServer:
    """A mock farm on a free local port, in a thread; can be stopped and started again on the same port."""

    def __init__(
        self, farm: MockFarm | None = None, *, port: int = 0, dist: Path = DIST, live: LiveStream | None = None
    ) -> None:
        """Keep the farm; nothing listens before ``start``."""
        self.farm = farm or MockFarm()
        self._dist = dist
        self._live = live
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, and return when requests are answered."""
        config = uvicorn.Config(
            create_app(self.farm, dist=self._dist, live=self._live),
            host="127.0.0.1",
            port=self.port,
            log_level="warning",
            lifespan="off",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.02)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close every connection; safe twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(timeout=10)
        self._server = self._thread = None


def main() -> None:
    """Serve a mock farm for development: ``python -m tests.dashboard.mock_api --port 8000``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--sites", type=int, default=2)
    arguments = parser.parse_args()
    farm = MockFarm(sites=arguments.sites)
    uvicorn.run(create_app(farm, live=MockLive(farm).serve), host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
