"""Limits for fish as data: sourced, dated and scoped by species, stage, water and system (``limits.csv``), and by site.

A limit is either a number or a law of temperature. Evidence tags: V read at the source, D derived from V, S weak or
secondary source, K recalled literature; a row that rests on K or S alone must be confirmed by a fish-health person. A site
replaces single limits by its own, each with a reason and a name.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from importlib import resources
from typing import Literal

from aquaculture.ranges import require
from contracts.alarms import Severity
from contracts.quantities import QUANTITIES


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


def full_appetite_saturation_percent(temperature_c: float) -> float:
    """Oxygen saturation in percent below which Atlantic salmon eat less than they would (DOmaxFI).

    Source: Remen et al. 2016: 42 % at 7 Cel rising to 76 % at 19 Cel; linear between the two published points, held
    constant outside 4 to 20 Cel.
    """
    clamped = min(max(temperature_c, 4.0), 20.0)
    return 42 + 34 * (clamped - 7) / 12


class OxygenZone(str, Enum):
    """How Atlantic salmon fare at an oxygen saturation (Laksvel 2022; margins above LOS read as percentage points)."""

    RED = "red"
    """Below LOS: they cannot hold out."""
    ORANGE = "orange"
    """Less than 10 points above it."""
    YELLOW = "yellow"
    """Less than 20 points above it."""
    APPETITE = "appetite"
    """Enough to be well, not to eat all they would."""
    GREEN = "green"


def salmon_oxygen_zone(saturation_percent: float, temperature_c: float) -> OxygenZone:
    """The zone of Atlantic salmon at this saturation in percent and temperature in Cel.

    Source: Laksvel 2022 for the colours, Remen et al. 2016 for the limit and the appetite. Valid 0 to 400 %, -2 to 30 Cel
    (the laws are held constant outside 4 to 20).

    Raises:
        OutOfRangeError: an argument is outside its range.
    """
    require("saturation_percent", saturation_percent, 0, 400, "%")
    require("temperature_c", temperature_c, -2, 30, "Cel")
    above = saturation_percent - limiting_saturation_percent(temperature_c)
    for least, zone in ((0, OxygenZone.RED), (10, OxygenZone.ORANGE), (20, OxygenZone.YELLOW)):
        if above < least:
            return zone
    return (
        OxygenZone.APPETITE
        if saturation_percent < full_appetite_saturation_percent(temperature_c)
        else OxygenZone.GREEN
    )


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
        """True when no part of the evidence was read at its source (tags: module docstring)."""
        return not {"V", "D", SITE_EVIDENCE} & set(self.evidence.split("/"))

    @property
    def cited(self) -> str:
        """Source with its evidence tag, as people see it; recalled literature asks to be confirmed (module docstring)."""
        confirm = "; confirm with a fish-health person" if self.to_confirm else ""
        return f"{self.source} [{self.evidence}]{confirm}"


SITE_EVIDENCE = "site"


@dataclass(frozen=True)
class SiteLimit:
    """What a site sets instead of the limit of the table, or beside it.

    Attributes:
        value: the bound in the quantity's own unit; None takes the limit away.
        reason, by: why, and who says so; shown wherever the limit is.
        valid_from: from this day on; of two for the same limit the later holds.
        action: what to do; None keeps that of the table.

    Raises:
        ValueError: no reason or no name, an unknown quantity, or a value that its sensor cannot report.
    """

    quantity: str
    side: Side
    severity: Severity
    value: float | None
    reason: str
    by: str
    valid_from: date
    action: str | None = None

    def __post_init__(self) -> None:
        for name in ("reason", "by"):
            if not getattr(self, name).strip():
                message = f"{name}: say it; a limit without a {name} cannot be judged later"
                raise ValueError(message)
        quantity = QUANTITIES.get(self.quantity)
        if quantity is None:
            message = f"quantity = {self.quantity!r} is unknown; use one of {', '.join(QUANTITIES)}"
            raise ValueError(message)
        if self.value is not None:
            require("value", self.value, quantity.low, quantity.high, quantity.ucum, remedy="check the unit")

    @property
    def definition(self) -> str:
        """Name of the alarm definition that it changes."""
        return f"{self.quantity}.{self.side.value}.{self.severity.value}"


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
    system: str
    valid_from: date
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
    valid_from = date.fromisoformat(line["valid_from"])
    return _Row(line["species"], line["stage"], line["water"], line["system"], valid_from, limits, line["quantity"])


def _bound(cell: str) -> Bound:
    if cell.startswith("LOS(T)"):
        return Bound(float(cell.removeprefix("LOS(T)") or 0), "los")
    return Bound(float(cell))


def known_species() -> tuple[str, ...]:
    """Species codes that have rows of their own, sorted (source: ``limits.csv``)."""
    return tuple(sorted({row.species for row in _table()} - {"*"}))


def limits_for(
    species: str,
    stage: str,
    *,
    fresh: bool,
    system: str = "any",
    on: date | None = None,
    site: Sequence[SiteLimit] = (),
) -> tuple[Limit, ...]:
    """Limits of one unit, at most one row per quantity: the most specific row wins, then the newest; the site has the last word.

    Source: ``limits.csv``, each row its own; of the site's limits, who set them.

    Args:
        species: code as in ``known_species`` (``salmo_salar``); an unknown species gets the rows for any fish.
        stage: ``fry``, ``growout``, ``larvae``...
        fresh: True for fresh water, False for sea water.
        system: ``ras``, ``pond``, ``net_pen``...; "any" takes the rows that hold everywhere.
        on: the day that the limits shall hold on; None takes the newest of every row.
        site: limits of the site for this unit.
    """
    water = "fresh" if fresh else "sea"
    best: dict[str, tuple[int, date, _Row]] = {}
    for row in _table():
        if row.species not in {species, "*"} or row.stage not in {stage, "any"} or row.water not in {water, "any"}:
            continue
        if row.system not in {system, "any"} or (on is not None and row.valid_from > on):
            continue
        rank = 8 * (row.species == species) + 4 * (row.stage == stage) + 2 * (row.system == system != "any")
        rank += row.water == water
        if row.quantity not in best or (rank, row.valid_from) > best[row.quantity][:2]:
            best[row.quantity] = (rank, row.valid_from, row)
    limits = {limit.definition: limit for _, _, row in best.values() for limit in row.limits}
    for own in sorted(site, key=lambda limit: limit.valid_from):
        if on is None or own.valid_from <= on:
            _apply(own, limits, species, stage)
    return tuple(limits.values())


def _apply(own: SiteLimit, limits: dict[str, Limit], species: str, stage: str) -> None:
    if own.value is None:
        limits.pop(own.definition, None)
        return
    replaced = limits.get(own.definition)
    limits[own.definition] = Limit(
        species=species,
        stage=stage,
        quantity=own.quantity,
        ucum=QUANTITIES[own.quantity].ucum,
        side=own.side,
        severity=own.severity,
        bound=Bound(own.value),
        evidence=SITE_EVIDENCE,
        source=f"{own.by}: {own.reason}",
        valid_from=own.valid_from,
        action=own.action or (replaced.action if replaced is not None else "Follow the site's own instruction"),
    )
