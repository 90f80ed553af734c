"""Which predictions are unusual, and whether a whole run can be believed. Pure.

Flags say that a person should look; nothing is left out because of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Row = dict[str, Any]

LOW_CONFIDENCE = 0.5
COUNT_SCORES = 5.0
"""Robust standard deviations from the unit's median from which a count is unusual."""
LEAST_FOR_COUNTS = 8
"""Pictures of a unit below which there is no usual count."""
_TO_SIGMA = 1.4826  # of a normal distribution, from its median absolute deviation
_FEWEST_FISH = 2.0  # a tank with a steady count has no spread; one fish more is not unusual

FLAGS = {
    "error": "no prediction: the picture is missing, broken or not the one that was meant",
    "unknown": "the classifier is not sure of any of its classes",
    "low_confidence": f"confidence below {LOW_CONFIDENCE}",
    "repeated": "the same picture twice in one unit: a frozen camera, or a manifest with doubles",
    "unusual_count": f"count more than {COUNT_SCORES:g} robust standard deviations from the unit's median",
    "nothing_seen": "no fish where the unit's pictures usually show some",
}


def flag_unit(rows: Sequence[Row]) -> list[Row]:
    """The rows of one unit with their ``flags``, in the order of time."""
    ordered = sorted(rows, key=lambda row: (str(row["observed_at"] or ""), row["image"]))
    counts = [row["count"] for row in ordered if row["count"] is not None]
    usual = median(counts) if len(counts) >= LEAST_FOR_COUNTS else None
    spread = (
        0.0 if usual is None else max(_FEWEST_FISH / COUNT_SCORES, _TO_SIGMA * median(abs(c - usual) for c in counts))
    )
    seen: set[str] = set()
    flagged = []
    for row in ordered:
        flags = _own_flags(row)
        if row["sha256"] and row["sha256"] in seen:
            flags.append("repeated")
        seen.add(row["sha256"] or "")
        if usual is not None and row["count"] is not None:
            if abs(row["count"] - usual) > COUNT_SCORES * spread:
                flags.append("unusual_count")
            if row["count"] == 0 and usual >= 1:
                flags.append("nothing_seen")
        flagged.append({**row, "flags": flags})
    return flagged


def _own_flags(row: Row) -> list[str]:
    if row["error"]:
        return ["error"]
    if row["label"] == "unknown":
        return ["unknown"]
    low = row["confidence"] is not None and row["confidence"] < LOW_CONFIDENCE
    return ["low_confidence"] if low else []


@dataclass(frozen=True)
class Limits:
    """What a run may look like and still be believed; shares of all pictures."""

    errors: float = 0.02
    unknown: float = 0.3
    low_confidence: float = 0.5
    repeated: float = 0.05


@dataclass(frozen=True)
class Check:
    """One question to the whole run."""

    name: str
    passed: bool
    detail: str


class Summary:
    """What a report tells of the rows; they are added one by one, so that a large run fits."""

    def __init__(self) -> None:
        self.rows = 0
        self.flags: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.confidences = [0] * 10
        self.units: dict[str, Counter[str]] = {}
        self.examples: list[Row] = []
        self.models: set[str] = set()

    def add(self, row: Row) -> None:
        """Count one row."""
        self.rows += 1
        self.flags.update(row["flags"])
        unit = self.units.setdefault(row["unit"] or "-", Counter())
        unit["pictures"] += 1
        unit["flagged"] += bool(row["flags"])
        unit["fish"] += row["count"] or 0
        self.models.add(row["model_sha256"])
        if row["error"]:
            self.errors[str(row["error"])[:120]] += 1
        elif row["label"]:
            self.labels[row["label"]] += 1
        if row["confidence"] is not None:
            self.confidences[min(9, int(row["confidence"] * 10))] += 1
        if row["flags"] and len(self.examples) < 100:  # noqa: PLR2004 - a page that people read
            self.examples.append(row)

    def share(self, flag: str) -> float:
        """Part of all rows that carry a flag."""
        return self.flags[flag] / self.rows if self.rows else 0.0


def validate(summary: Summary, *, entries: int, model_sha256: str, limits: Limits | None = None) -> list[Check]:
    """Whether the run can be believed.

    Args:
        summary: of the rows that were written, as read back.
        entries: pictures in the manifest.
        model_sha256: of the bundle that was meant.
        limits: on shares; None for the usual ones.
    """
    limits = limits or Limits()
    checks = [
        Check("every picture has a row", summary.rows == entries, f"{summary.rows} rows for {entries} pictures"),
        Check("there are pictures", entries > 0, f"{entries} pictures"),
        Check(
            "one model made them",
            summary.models <= {model_sha256},
            f"sha256 {', '.join(sorted(model[:12] for model in summary.models)) or 'none'}",
        ),
    ]
    shares: Mapping[str, float] = {
        "error": limits.errors,
        "unknown": limits.unknown,
        "low_confidence": limits.low_confidence,
        "repeated": limits.repeated,
    }
    checks += [
        Check(
            f"few {flag.replace('_', ' ')}",
            summary.share(flag) <= most,
            f"{summary.share(flag):.1%}, {most:.0%} allowed",
        )
        for flag, most in shares.items()
    ]
    return checks
