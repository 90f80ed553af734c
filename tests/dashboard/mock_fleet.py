"""Boxes and releases of the mock farm, made of the API's own shapes: what takes people, boxes and weeks on a real one."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from cloud.devices.schemas import CameraNow, Device, DeviceGroup, DeviceHealth
from cloud.registry.schemas import (
    KeyView,
    NameView,
    ReleaseDetail,
    ReleaseRegistry,
    ReleaseView,
    RoleView,
    SignaturesView,
    StagedView,
)
from cloud.rollouts.schemas import DesiredView, DeviceStanding, ReportedView, RunningView, StandingView
from cloud.unit_trials.plan import TrialPlan
from cloud.unit_trials.schemas import (
    TrialBox,
    TrialComparison,
    TrialDifference,
    TrialUnit,
    UnitTrialSummary,
    UnitTrialView,
)
from contracts.bundles import ModelManifest
from contracts.deployments import ArtifactKind, Requirements

BUNDLE = Path(__file__).resolve().parents[2] / "models" / "bundles" / "fish-detector"
SITE = "nordfjord"
BOXES = 12
"""Of the mock's fleet."""
AWAY = 7
"""The box whose link broke two hours ago; all that it said of itself is older."""
LINK_BROKE = timedelta(hours=2, minutes=10)


def sha256(name: str) -> str:
    """A hash that a name always has."""
    return hashlib.sha256(name.encode()).hexdigest()


def signatures(threshold: int, **signed: bool) -> SignaturesView:
    """Who has signed, by name."""
    keys = [KeyView(keyid=sha256(name), name=name, signed=has) for name, has in signed.items()]
    count = sum(signed.values())
    return SignaturesView(threshold=threshold, signed=count, missing=max(0, threshold - count), keys=keys)


def _release(now: datetime, model: str, number: int, by: SignaturesView, **also: Any) -> ReleaseView:
    given: dict[str, Any] = {"kind": ArtifactKind.MODEL, "version": f"1.{number - 1}.0", "state": "published"} | also
    return ReleaseView(
        model=model,
        release=number,
        sha256=sha256(f"{model} {given['version']}"),
        created_at=now - timedelta(days=30 * (5 - number)),
        signatures=by,
        **({"bytes": 12_400_000, "runnable": True} | given),
    )


def releases(now: datetime) -> ReleaseRegistry:
    """One detector waits for a signature; the root ends in three weeks."""
    both, waits = signatures(2, ada=True, bo=True, cy=False), signatures(2, ada=False, bo=False, cy=True)
    config = {"kind": ArtifactKind.CONFIG, "bytes": 2_100}
    agent = {"kind": ArtifactKind.AGENT, "bytes": 127_000_000, "version": "0.2.0"}
    detectors = [
        _release(now, "fish-detector", 4, waits, state="proposed"),
        _release(now, "fish-detector", 3, both),
        _release(now, "fish-detector", 2, signatures(2, ada=True, bo=False, cy=True)),
        _release(now, "fish-detector", 1, both, runnable=False),
    ]
    roles = (
        ("root", 2, 21.0, False, both),
        ("targets", 5, 210.0, False, both),
        ("model-agent", 1, 300.0, False, both),
        ("model-fish-detector", 3, 300.0, False, both),
        ("snapshot", 9, 71.0, True, signatures(1, online=True)),
        ("timestamp (offline)", 140, 59.4, True, signatures(1, online=True)),
        ("timestamp (online)", 140, 0.4, True, signatures(1, online=True)),
        ("timestamp (site)", 140, 13.4, True, signatures(1, online=True)),
    )
    return ReleaseRegistry(
        served=True,
        publisher=True,
        names=[
            NameView(
                name="agent",
                kind=ArtifactKind.AGENT,
                floor=1,
                releases=[_release(now, "agent", 1, both, **agent)],
                older=0,
            ),
            NameView(
                name="farm-settings",
                kind=ArtifactKind.CONFIG,
                floor=1,
                releases=[_release(now, "farm-settings", 1, both, **config)],
                older=0,
            ),
            NameView(name="fish-detector", kind=ArtifactKind.MODEL, floor=2, releases=detectors, older=0),
        ],
        roles=[
            RoleView(
                role=role, version=version, expires_at=now + timedelta(days=days), online=online, signatures=signed
            )
            for role, version, days, online, signed in roles
        ],
        assigners=["assigner"],
        staged=[
            StagedView(
                role="model-fish-detector",
                version=4,
                expires_at=now + timedelta(days=364),
                missing=1,
                needs=[waits],
                changes=[
                    f"targets version 4, counts until {now + timedelta(days=364):%Y-%m-%d}",
                    f"new: models/fish-detector/1.3.0.json, release 4, sha256 {sha256('fish-detector 1.3.0')}",
                    "devices may run release 2 and later",
                ],
            )
        ],
    )


def release(now: datetime, model: str, version: str) -> ReleaseDetail | None:
    """One of them; detectors have the card and the figures of the shipped one."""
    names = releases(now).names
    found = next((one for name in names for one in name.releases if (one.model, one.version) == (model, version)), None)
    if found is None:
        return None
    manifest = ModelManifest.model_validate_json((BUNDLE / "manifest.json").read_bytes())
    is_model = found.kind is ArtifactKind.MODEL
    slices: dict[str, dict[str, float]] = {}
    for name, value in manifest.metrics.items():
        of, dot, figure = name.partition(".")
        if dot:
            slices.setdefault(of, {})[figure] = value
    return ReleaseDetail(
        **found.model_dump(),
        requires=Requirements(agent="0.1.0", memory_mb=2000),
        files=9,
        card=(BUNDLE / "README.md").read_text() if is_model else None,
        task="detection" if is_model else None,
        labels=list(manifest.labels) if is_model else [],
        threshold=manifest.threshold if is_model else None,
        licence=manifest.licence if is_model else None,
        data=list(manifest.data) if is_model else [],
        slices=slices if is_model else {},
        figures={"latency_cpu_ms": 14.6} if is_model else {},
        settings="outbox:\n  max_bytes: 2000000000\n" if found.kind is ArtifactKind.CONFIG else None,
        packages={"shoal": "0.2.0", "numpy": "2.2.6"} if found.kind is ArtifactKind.AGENT else {},
    )


def devices(now: datetime) -> list[Device]:
    """Boxes of the first farm."""
    return [
        Device(
            id=number,
            slug=f"edge-{number}",
            name=f"edge-{number}",
            site=SITE,
            state="offline" if number == AWAY else "online",
            state_at=now - (LINK_BROKE if number == AWAY else timedelta(hours=7)),
            last_seen_at=now - (LINK_BROKE if number == AWAY else timedelta(0)),
            agent_version="0.1.0",
            tags=["turbid"] if number % 3 == 0 else [],
            groups=["pilot"] if number < 3 else [],
        )
        for number in range(1, BOXES + 1)
    ]


def groups(now: datetime) -> list[DeviceGroup]:
    """The first two boxes."""
    members = [f"{SITE}/edge-1", f"{SITE}/edge-2"]
    by = "fleet_admin@nordfjord.example"
    return [DeviceGroup(name="pilot", note="new cameras", devices=members, created_at=now, created_by=by)]


def health(now: datetime) -> list[DeviceHealth]:
    """Most are well; one is offline, one hot with a full disk and a dark camera, one has never told of itself."""
    found = []
    for device in devices(now):
        number = device.id
        bad, new = number == 4, number == 12
        told = now - (LINK_BROKE if number == AWAY else timedelta(seconds=12))
        cameras = [
            CameraNow(
                name=f"cam-{side}", state="running", fps=0.0 if bad and side == "b" else 5.0, last_frame_age_s=0.3
            )
            for side in ("a", "b")
        ]
        found.append(
            DeviceHealth(
                site=device.site,
                device=device.slug,
                state=device.state,
                observed_at=None if new else told,
                degraded=["the outbox has thinned readings"] if bad else [],
                certificate_expires_at=None if new else now + timedelta(days=9 if number == 2 else 200),
                uptime_s=None if new else 86_400.0 * number,
                outbox_rows=None if new else 3,
                outbox_bytes=None if new else 900,
                outbox_oldest_age_s=None if new else 2.0,
                disk_free_bytes=None if new else 400_000_000 if bad else 41_000_000_000,
                rss_bytes=None if new else 310_000_000,
                cpu_percent=None if new else 34.0,
                model=None if new else "fish-detector 1.1.0",
                provider=None if new else "TensorrtExecutionProvider",
                last_seen_at=device.last_seen_at,
                agent_version=device.agent_version,
                clock_trusted=None if new else number != 9,
                temperatures_c={} if new else {"CPU-therm": 88.5 if bad else 51.5, "GPU-therm": 49.0},
                cameras=[] if new else cameras,
                channel_age_s={}
                if new
                else {
                    "tank-1.do": 1.2,
                    "tank-1.temperature": 1.2,
                    "tank-2.ph": 1_900.0 if number == 5 else 1.4,
                },
            )
        )
    return found


def standings(now: datetime) -> list[DeviceStanding]:
    """Most run what was wanted; one went back, one waits for the fish, one has no settings from the fleet."""
    found = []
    for device in devices(now):
        number = device.id
        version, state, reason, waiting = "1.2.0", "committed", "", ""
        runs = "1.2.0"
        if number == 3:
            state, reason, runs = "rolled_back", "3 errors in a row on probation", "1.1.0"
        told = LINK_BROKE if number == AWAY else timedelta(seconds=12)
        said_at = now - told - timedelta(minutes=number)
        if number == 8:
            state, waiting, runs = "activating", "feeding at tank-2", "1.1.0"
        wanted = DesiredView(
            deployment=f"d-{number}",
            name="fish-detector",
            version=version,
            sha256=sha256(f"fish-detector {version}"),
            activate=True,
            changed_at=now - timedelta(hours=5),
            sent=number != 11,
        )
        said = ReportedView(
            at=said_at,
            stored_at=said_at,
            deployment=f"d-{number}",
            state=state,
            sha256=wanted.sha256,
            reason=reason,
            waiting_for=waiting,
            cause=None,
        )
        model = StandingView(
            kind=ArtifactKind.MODEL,
            desired=wanted,
            reported=said,
            running=RunningView(sha256=sha256(f"fish-detector {runs}"), name=f"fish-detector {runs}", at=now - told),
            verified_sha256=wanted.sha256,
            committed_sha256=sha256(f"fish-detector {runs}"),
            agrees=runs == version,
        )
        agent = StandingView(
            kind=ArtifactKind.AGENT,
            desired=None,
            reported=None,
            running=RunningView(sha256=sha256("agent 0.1.0"), name="agent 0.1.0", at=now - timedelta(hours=7)),
            verified_sha256=None,
            committed_sha256=None,
            agrees=None,
        )
        found.append(
            DeviceStanding(
                site=device.site,
                device=device.slug,
                last_seen_at=device.last_seen_at,
                items=[agent] if number == 12 else [model, agent],
            )
        )
    return found


RUNNING = "More fish in the dark"


def _trial_id(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)


TRIAL = _trial_id(RUNNING)
"""The trial that has begun and not ended."""


def trials(now: datetime) -> list[UnitTrialSummary]:
    """One waits for a second person, one has run for nine days, one went back in two boxes."""
    admin, other = "fleet_admin@nordfjord.example", "second_admin@nordfjord.example"

    def trial(name: str, age_d: float, **also: Any) -> UnitTrialSummary:
        given: dict[str, Any] = {
            "version": "1.2.0",
            "status": "running",
            "reason": "",
            "created_by": admin,
            "approved_by": other,
            "ended_at": None,
        } | also
        began = None if given["status"] == "proposed" else now - timedelta(days=age_d)
        return UnitTrialSummary(
            id=_trial_id(name),
            name=name,
            model="fish-detector",
            sha256=None if began is None else sha256(f"fish-detector {given['version']}"),
            share=0.5,
            units=None,
            days=14,
            created_at=now - timedelta(days=age_d, hours=1),
            approved_at=began,
            began_at=began,
            ends_at=None if began is None else began + timedelta(days=14),
            ended_by=None,
            **given,
        )

    return [
        trial("Eyes for the spring", 0.1, status="proposed", created_by=other, approved_by=None),
        trial(RUNNING, 9, reason="it runs in 8 of 8 boxes"),
        trial(
            "Finer input",
            40,
            version="1.1.0",
            status="ended",
            reason="2 of 8 boxes went back by themselves",
            ended_at=now - timedelta(days=38),
        ),
    ]


def trial_boxes(now: datetime) -> list[TrialBox]:
    """Eight boxes of two tanks: one is away since two hours, one went back by itself and has not said so of its tank."""
    new, own = "fish-detector 1.2.0", "fish-detector 1.0.0"
    found = []
    for number in range(1, 9):
        back = number == 3
        runs = {"tank-1": own, "tank-2": own if back else new}
        found.append(
            TrialBox(
                site=SITE,
                device=f"edge-{number}",
                state="committed",
                reason="",
                active_at=now - timedelta(days=9),
                ended_at=None,
                heard_at=now - (LINK_BROKE if number == AWAY else timedelta(seconds=20)),
                units=[
                    TrialUnit(
                        unit=unit,
                        in_trial=unit == "tank-2",
                        running_sha256=sha256(model),
                        running=model,
                    )
                    for unit, model in runs.items()
                ],
                agrees=not back,
            )
        )
    return found


def trial_view(trial: UnitTrialSummary) -> UnitTrialView:
    """One trial, with the careful plan."""
    return UnitTrialView(**trial.model_dump(), plan=TrialPlan())


def trial_comparison(trial: UnitTrialSummary) -> TrialComparison:
    """It counts more and is less sure; few of its pictures are labelled."""
    ran = trial.status == "running"
    numbers: tuple[tuple[str, int, float, tuple[float, float] | None, float | None, str], ...] = (
        ("count", 8, 1.12, (1.08, 1.17), 0.008, "higher"),
        ("confidence", 8, -0.01, (-0.03, 0.01), 0.4, "not_told"),
        ("count_error", 2, -0.06, None, None, "not_told"),
    )
    return TrialComparison(
        trial_id=trial.id,
        version=trial.version,
        boxes=8 if ran else 0,
        hours=1_612 if ran else 0,
        labelled=14 if ran else 0,
        differences=[
            TrialDifference.model_validate(
                {
                    "measure": measure,
                    "boxes": boxes,
                    "mean": mean,
                    "low": None if ends is None else ends[0],
                    "high": None if ends is None else ends[1],
                    "p": p,
                    "verdict": verdict,
                }
            )
            for measure, boxes, mean, ends, p, verdict in numbers
        ],
    )
