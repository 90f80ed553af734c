"""What happened to the fish of some units in a time: heads and kilograms in, out, dead and grown. Pure.

Books know a weight only when fish were weighed. A gain over a period is therefore told only where weighings stand near both of
its ends; otherwise growth of another time would be divided by the feed of this one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aquaculture.production import BiomassChange
from aquaculture.stock import Book, Move, StockEntry, Weighing, book

WEIGHED_WITHIN = timedelta(days=14)
"""How old a weight may be at either end of a period; salmon at sea grow about a tenth in that time."""
Ledger = tuple[Sequence[StockEntry], Sequence[Weighing]]
"""The entries and weighings of one batch."""


@dataclass(frozen=True)
class Growth:
    """Fish of one batch in one unit, weighed twice."""

    batch: str
    unit: str
    start: datetime
    start_g: float
    end: datetime
    end_g: float
    fish: int
    """Fish there at the end of the period: their weight in a mean."""


@dataclass(frozen=True)
class Account:
    """The account of a period."""

    opening: int
    closing: int
    came: int
    """Stocked, or moved in from elsewhere."""
    counts: Mapping[Move, int]
    """Fish of the period by kind of entry, within these units."""
    change: BiomassChange | None
    """None when a weight is missing; ``unknown`` says which."""
    lost_kg: float
    """Biomass of dead and escaped fish, as far as weights are known."""
    unknown: tuple[str, ...]
    growth: tuple[Growth, ...]

    @property
    def dead(self) -> int:
        """Fish found dead or moribund."""
        return self.counts.get(Move.MORTALITY, 0)

    @property
    def exposed(self) -> int:
        """Fish that could have died here: those that were there, and those that came."""
        return self.opening + self.came


@dataclass
class _Sums:
    came: int = 0
    counts: dict[Move, int] = field(default_factory=dict)
    masses: dict[str, float] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def add(self, name: str, count: int, weight_g: float | None, what: str) -> None:
        if weight_g is None:
            self.unknown.append(f"{what} has no weight")
        else:
            self.masses[name] = self.masses.get(name, 0.0) + count * weight_g / 1000


def account(ledgers: Mapping[str, Ledger], units: Collection[str], start: datetime, end: datetime) -> Account:
    """The account of these units, for the batches of these ledgers, on ``[start, end)``."""
    sums = _Sums()
    opening = closing = 0
    growth: list[Growth] = []
    for code, (entries, weighings) in sorted(ledgers.items()):
        before = _until(entries, weighings, start)
        after = _until(entries, weighings, end)
        weights = _weights(after, weighings, end)
        for state, moment, name in ((before, start, "opening_kg"), (after, end, "closing_kg")):
            for unit, held in state.holdings.items():
                if unit not in units or not held.count:
                    continue
                sums.add(name, held.count, held.mean_weight_g, f"{code} in {_short(unit)}")
                _check_age(sums, weights.get(unit, []), moment, f"{code} in {_short(unit)}")
        opening += sum(held.count for unit, held in before.holdings.items() if unit in units)
        closing += sum(held.count for unit, held in after.holdings.items() if unit in units)
        _add_lines(sums, after, units, start)
        growth += _growth(code, after, weights, units, start)
    change = None
    if not sums.unknown:
        masses = {"opening_kg": 0.0, "closing_kg": 0.0, **sums.masses}
        masses.pop("lost_kg", None)
        change = BiomassChange(**masses)
    lost_kg = sums.masses.get("lost_kg", 0.0)
    unknown = tuple(dict.fromkeys(sums.unknown))
    return Account(opening, closing, sums.came, sums.counts, change, lost_kg, unknown, tuple(growth))


def held_units(ledgers: Mapping[str, Ledger], start: datetime, end: datetime) -> set[str]:
    """Units that held fish of these batches at any moment of the period."""
    found: set[str] = set()
    for entries, weighings in ledgers.values():
        found |= {unit for unit, held in _until(entries, weighings, start).holdings.items() if held.count}
        for entry in entries:
            if start <= entry.at < end:
                found |= {unit for unit in (entry.unit, entry.to_unit) if unit}
    return found


def shared_units(ledgers: Mapping[str, Ledger], batch: str, start: datetime, end: datetime) -> set[str]:
    """Units that held this batch and another one in the period: what was fed there cannot be told apart."""
    others = {code: ledger for code, ledger in ledgers.items() if code != batch}
    own = {code: ledger for code, ledger in ledgers.items() if code == batch}
    return held_units(own, start, end) & held_units(others, start, end)


def _until(entries: Sequence[StockEntry], weighings: Sequence[Weighing], moment: datetime) -> Book:
    return book([each for each in entries if each.at < moment], [each for each in weighings if each.at < moment])


def _weights(after: Book, weighings: Sequence[Weighing], end: datetime) -> dict[str, list[tuple[datetime, float]]]:
    """When fish of each unit were weighed, oldest first; a stated weight of fish that came in is a weighing."""
    found: dict[str, list[tuple[datetime, float]]] = {}
    for weighing in weighings:
        if weighing.at < end:
            found.setdefault(weighing.unit, []).append((weighing.at, weighing.mean_weight_g))
    for line in after.lines:
        entry, stated_g = line.entry, line.entry.mean_weight_g
        if stated_g is not None and entry.move in {Move.STOCKING, Move.TRANSFER}:
            found.setdefault(entry.to_unit or entry.unit, []).append((entry.at, stated_g))
    return {unit: sorted(points) for unit, points in found.items()}


def _check_age(sums: _Sums, points: Sequence[tuple[datetime, float]], moment: datetime, what: str) -> None:
    known = [at for at, _ in points if at <= moment]
    if not known:
        return  # without any weight that is said already; moved fish keep the weight of where they came from
    if moment - known[-1] > WEIGHED_WITHIN:
        days = (moment - known[-1]).days
        sums.unknown.append(f"{what} was weighed {days} days before {moment.date().isoformat()}")


def _add_lines(sums: _Sums, after: Book, units: Collection[str], start: datetime) -> None:
    for line in after.lines:
        entry = line.entry
        if entry.at < start:
            continue
        inside, to_inside = entry.unit in units, entry.to_unit in units
        what = f"{entry.move.value} of {entry.count} fish at {entry.at.isoformat()}"
        if entry.move is Move.TRANSFER:
            if inside != to_inside:
                sums.came += entry.count if to_inside else 0
                sums.add("moved_in_kg" if to_inside else "moved_out_kg", entry.count, line.weight_g, what)
                sums.counts[entry.move] = sums.counts.get(entry.move, 0) + entry.count
            continue
        if not inside:
            continue
        sums.counts[entry.move] = sums.counts.get(entry.move, 0) + entry.count
        if entry.move is Move.STOCKING:
            sums.came += entry.count
        name = _MASS_OF[entry.move]
        if entry.move is Move.ADJUSTMENT:  # a count that was wrong is no growth
            name = "moved_in_kg" if entry.count > 0 else "moved_out_kg"
        sums.add(name, abs(entry.count), line.weight_g, what)


_MASS_OF = {
    Move.STOCKING: "moved_in_kg",
    Move.MORTALITY: "lost_kg",
    Move.ESCAPE: "lost_kg",
    Move.CULL: "culled_kg",
    Move.HARVEST: "harvested_kg",
    Move.ADJUSTMENT: "moved_in_kg",
}


def _growth(
    code: str,
    after: Book,
    weights: Mapping[str, Sequence[tuple[datetime, float]]],
    units: Collection[str],
    start: datetime,
) -> list[Growth]:
    found = []
    for unit in sorted(set(weights) & set(units)):
        points = weights[unit]
        first = max((point for point in points if point[0] <= start), default=points[0])
        last = points[-1]
        if last[0] - first[0] >= timedelta(days=1) and last[0] > start:
            fish = after.holdings[unit].count if unit in after.holdings else 0
            found.append(Growth(code, _short(unit), first[0], first[1], last[0], last[1], max(1, fish)))
    return found


def _short(unit: str) -> str:
    return unit.rpartition("/")[2]
