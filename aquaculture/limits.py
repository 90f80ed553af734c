"""Limits for fish as data: sourced, dated and scoped by species, stage and water (``limits.csv``).

A limit is either a number or a law of temperature. Evidence tags: V read at the source, D derived from V, S weak or
secondary source, K recalled literature; a row that rests on K or S alone must be confirmed by a fish-health person.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from importlib import resources
from typing import Literal

from contracts.alarms import Severity


class Side(str, Enum):
    """On which side of the limit the trouble is."""

    LOW = "low"
    HIGH = "high"


def limiting_saturation_percent(temperature_c: float) -> float:
    """Limiting oxygen saturation (LOS) of Atlantic salmon in percent: below it they cannot stay alive at rest.

    Source: Remen et al. 2016: 24 % at 7 Cel rising to 40 % at 19 Cel; linear between the two published points, held
    constant outside 4 to 20 Cel.
    """
    clamped = min(max(temperature_c, 4.0), 20.0)
    return 24 + 16 * (clamped - 7) / 12


@dataclass(frozen=True)
class Bound:
    """A number, or LOS(T) plus an offset in percentage points."""

    value: float
    law: Literal["constant", "los"] = "constant"

    def at(self, temperature_c: float | None) -> float | None:
        """The bound at this temperature; ``None`` when it needs a temperature and there is none."""
        if self.law == "constant":
            return self.value
        return None if temperature_c is None else limiting_saturation_percent(temperature_c) + self.value


@dataclass(frozen=True)
class Limit:
    """One bound of one quantity for one species and stage.

    ``definition`` is the stable name of the alarm that it makes, e.g. ``do.low.critical``.
    """

    species: str
    stage: str
    quantity: str
    ucum: str
    side: Side
    severity: Severity
    bound: Bound
    evidence: str
    source: str
    valid_from: date
    action: str

    @property
    def definition(self) -> str:
        """Name of the alarm definition."""
        return f"{self.quantity}.{self.side.value}.{self.severity.value}"

    @property
    def to_confirm(self) -> bool:
        """True when no part of the evidence was read at its source."""
        return not {"V", "D"} & set(self.evidence.split("/"))


_COLUMNS = (
    ("crit_lo", Side.LOW, Severity.CRITICAL, "action_critical_low"),
    ("warn_lo", Side.LOW, Severity.WARNING, "action_warning_low"),
    ("warn_hi", Side.HIGH, Severity.WARNING, "action_warning_high"),
    ("crit_hi", Side.HIGH, Severity.CRITICAL, "action_critical_high"),
)


@dataclass(frozen=True)
class _Row:
    species: str
    stage: str
    water: str
    limits: tuple[Limit, ...]
    quantity: str


@lru_cache(maxsize=1)
def _table() -> tuple[_Row, ...]:
    text = resources.files("aquaculture").joinpath("limits.csv").read_text(encoding="utf-8")
    return tuple(_row(line) for line in csv.DictReader(text.splitlines()))


def _row(line: dict[str, str]) -> _Row:
    limits = tuple(
        Limit(
            species=line["species"],
            stage=line["stage"],
            quantity=line["quantity"],
            ucum=line["ucum"],
            side=side,
            severity=severity,
            bound=_bound(line[column]),
            evidence=line["evidence"],
            source=line["source"],
            valid_from=date.fromisoformat(line["valid_from"]),
            action=line[action],
        )
        for column, side, severity, action in _COLUMNS
        if line[column]
    )
    return _Row(line["species"], line["stage"], line["water"], limits, line["quantity"])


def _bound(cell: str) -> Bound:
    if cell.startswith("LOS(T)"):
        return Bound(float(cell.removeprefix("LOS(T)") or 0), "los")
    return Bound(float(cell))


def known_species() -> tuple[str, ...]:
    """Species codes that have rows of their own, sorted."""
    return tuple(sorted({row.species for row in _table()} - {"*"}))


def limits_for(species: str, stage: str, *, fresh: bool) -> tuple[Limit, ...]:
    """Limits of one unit, at most one row per quantity: the most specific row wins.

    Args:
        species: code as in ``known_species`` (``salmo_salar``); an unknown species gets the rows for any fish.
        stage: ``fry``, ``growout``, ``larvae``...
        fresh: True for fresh water, False for sea water.
    """
    water = "fresh" if fresh else "sea"
    best: dict[str, tuple[int, _Row]] = {}
    for row in _table():
        if row.species not in {species, "*"} or row.stage not in {stage, "any"} or row.water not in {water, "any"}:
            continue
        rank = 4 * (row.species == species) + 2 * (row.stage == stage) + (row.water == water)
        if row.quantity not in best or rank > best[row.quantity][0]:
            best[row.quantity] = (rank, row)
    return tuple(limit for _, row in best.values() for limit in row.limits)
