"""A rollout as plain data for the database, and back. Moments are seconds since 1970 in UTC; never is null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from cloud.rollouts.plan import Artifact, Metric, Phase, Plan
from cloud.rollouts.rules import Finding
from cloud.rollouts.state import Deployment, Reports, Rollout, RolloutStatus, Step, WaveState
from contracts.deployments import DeploymentState


def of_rollout(rollout: Rollout, now: float) -> dict[str, Any]:
    """Everything but its devices, with the gates as they stand."""
    return {
        "wave": rollout.wave,
        "began_at": rollout.began_at,
        "release": rollout.release.model_dump(mode="json"),
        "previous": None if rollout.previous is None else rollout.previous.model_dump(mode="json"),
        "waves": [{key: value for key, value in asdict(wave).items() if key != "devices"} for wave in rollout.waves],
        "gates": [_finding(finding) for phase in Phase for finding in rollout.findings(phase, now)],
        "harm_h": round(rollout.harm_h, 3),
    }


def of_device(rollout: Rollout, device: str) -> dict[str, Any]:
    """One device with its newest numbers. When it was last heard is in its own row and not kept twice."""
    deployment = rollout.deployments[device]
    numbers = {
        f"{phase.value}.{metric.value}": list(known[deployment.stratum][device])
        for (phase, metric), known in rollout.reports.items()
        if device in known.get(deployment.stratum, {})
    }
    plain = {key: _plain(value) for key, value in asdict(deployment).items() if key not in {"device", "heard_at"}}
    return plain | {"numbers": numbers}


def restored(
    plan: Plan, status: RolloutStatus, state: Mapping[str, Any], devices: Mapping[str, Mapping[str, Any]]
) -> Rollout:
    """The rollout that was saved."""
    known = {field.name for field in fields(WaveState)}
    waves = [WaveState(**{key: value for key, value in wave.items() if key in known}) for wave in state["waves"]]
    deployments: dict[str, Deployment] = {}
    reports: Reports = {}
    for device, saved in sorted(devices.items()):
        deployment = _deployment(device, saved)
        deployments[device] = deployment
        waves[deployment.wave].devices.append(device)
        for name, (value, at) in saved["numbers"].items():
            phase, metric = name.split(".")
            by_stratum = reports.setdefault((Phase(phase), Metric(metric)), {})
            by_stratum.setdefault(deployment.stratum, {})[device] = (value, at)
    previous = state["previous"]
    return Rollout(
        plan,
        Artifact.model_validate(state["release"]),
        previous=None if previous is None else Artifact.model_validate(previous),
        deployments=deployments,
        waves=waves,
        began_at=state["began_at"],
        status=status,
        wave=state["wave"],
        reports=reports,
    )


def _deployment(device: str, saved: Mapping[str, Any]) -> Deployment:
    values = {key: value for key, value in saved.items() if key != "numbers"}
    values["progress_at"] = -math.inf if values["progress_at"] is None else values["progress_at"]
    values["stratum"] = tuple(values["stratum"])
    values["step"] = Step(values["step"])
    values["detail"] = None if values["detail"] is None else DeploymentState(values["detail"])
    return Deployment(device=device, **values)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "metric": finding.gate.metric.value,
        "phase": finding.gate.phase.value,
        "at_most": finding.gate.at_most,
        "at_least": finding.gate.at_least,
        "stratum": list(finding.stratum),
        "verdict": finding.verdict.value,
        "devices": finding.devices,
        "mean": finding.mean,
        "low": finding.low,
        "high": finding.high,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.value if isinstance(value, (Step, DeploymentState)) else value
