"""What a finished run's folder tells: the candidate's bundle, its lineage, figures by slice and the gate's decision."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from cloud.training.steps import BUNDLE, CANDIDATE, FROZEN, GATE, PRODUCTION, RUN
from contracts.bundles import ModelManifest

MAX_SLICES = 500
"""Slices that are kept of an evaluation; the file itself stays in the folder."""
_LINEAGE = ("lineage.json",)
_OF_LABELS = ("organization", "name", "number", "sha256", "id")


class ReportError(Exception):
    """The folder does not hold what a run that has succeeded leaves."""


class _Figure(BaseModel):
    value: float | None
    low: float | None = None
    high: float | None = None


class _Slice(BaseModel):
    figures: dict[str, _Figure]


class _Dataset(BaseModel):
    name: str
    sha256: str


class _Evaluation(BaseModel):
    """Of ``shoal models evaluate --json`` the parts that are kept; the answers of every picture stay in the file."""

    dataset: _Dataset
    slices: dict[str, _Slice]


class _Reason(BaseModel):
    metric: str
    slice: str
    verdict: str
    text: str
    waived: bool = False


class _Gate(BaseModel):
    """Of ``shoal models gate --json``."""

    decision: str
    rules: str = ""
    reasons: list[_Reason] = Field(default_factory=list)


class Report(BaseModel):
    """For the run's row."""

    version: str
    sha256: str
    lineage: dict[str, Any]
    metrics: dict[str, Any]
    production_metrics: dict[str, Any]
    gate: dict[str, Any]

    @property
    def decision(self) -> str:
        """promote, refuse or inconclusive."""
        return str(self.gate["decision"])


def read_report(folder: Path, order: dict[str, Any]) -> Report:
    """Read what a run has made.

    Raises:
        ReportError: a file is missing, or is not what it should be; or the candidate is another model than was asked for.
    """
    try:
        manifest = ModelManifest.model_validate_json((folder / BUNDLE / "manifest.json").read_bytes())
        candidate = _Evaluation.model_validate_json((folder / CANDIDATE).read_bytes())
        gate = _Gate.model_validate_json((folder / GATE).read_bytes())
        production = None
        if (folder / PRODUCTION).is_file():
            production = _Evaluation.model_validate_json((folder / PRODUCTION).read_bytes())
        lineage = _lineage(folder, order, manifest, candidate)
    except OSError as error:
        raise ReportError(f"{Path(str(error.filename)).name} cannot be read: {error.strerror}") from error
    except (ValidationError, json.JSONDecodeError) as error:
        raise ReportError(f"The run left a file that cannot be understood: {str(error).splitlines()[0]}") from error
    if production is not None and production.dataset.sha256 != candidate.dataset.sha256:
        raise ReportError("Candidate and production were judged by different data sets")
    return Report(
        version=manifest.version,
        sha256=manifest.sha256,
        lineage=lineage,
        metrics=_figures(candidate),
        production_metrics={} if production is None else _figures(production),
        gate=gate.model_dump(mode="json"),
    )


def _lineage(folder: Path, order: dict[str, Any], manifest: ModelManifest, candidate: _Evaluation) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name in _LINEAGE:
        path = folder / RUN / name
        if path.is_file():
            told = json.loads(path.read_text())
    config = Path(order["config"])
    labels = order.get("labels")
    if labels:
        _refuse_other_labels(folder, labels)
    return {
        "labels": None if not labels else {name: labels[name] for name in _OF_LABELS},
        "dataset": candidate.dataset.name,
        "dataset_sha256": candidate.dataset.sha256,
        "config": str(config),
        "config_file_sha256": hashlib.sha256(config.read_bytes()).hexdigest() if config.is_file() else None,
        "git_sha": manifest.training.get("git_sha") or told.get("git_sha"),
        "seed": order["seed"],
        "production": order.get("production"),
        "bundle": {
            "name": manifest.name,
            "version": manifest.version,
            "sha256": manifest.sha256,
            "licence": manifest.licence,
        },
        "training": manifest.training,
        "run": told,
    }


def _refuse_other_labels(folder: Path, labels: dict[str, Any]) -> None:
    """The data set says itself which label set it is; the order only wished for one."""
    found = json.loads((folder / FROZEN).read_bytes()).get("origin", {}).get("sha256")
    if found != labels["sha256"]:
        raise ReportError(f"The run was to learn from the labels {labels['sha256']}, and has from {found}")


def _figures(evaluation: _Evaluation) -> dict[str, Any]:
    kept = sorted(evaluation.slices.items(), key=lambda item: item[0] != "all")[:MAX_SLICES]
    return {name: part.model_dump(mode="json")["figures"] for name, part in kept}
