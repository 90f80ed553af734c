"""Rows of the diary as books, holdings and records. No SQL; the books themselves are ``aquaculture.stock``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aquaculture.stock import Book, Move, book
from cloud.husbandry.records import RECORDS
from cloud.husbandry.rules import Entry, stock_entries
from cloud.husbandry.schemas import Batch, Holding, Recorded
from cloud.kit.repository import Row


def books_of(rows: Sequence[Row]) -> dict[str, Book]:
    """The book of every batch in these records; units are named ``site/unit``, because slugs repeat between sites."""
    by_batch: dict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        by_batch[row["batch"]].append(entry_of(row, whole_names=True))
    return {code: book(*stock_entries(entries)) for code, entries in by_batch.items()}


def entry_of(row: Row, *, whole_names: bool = False) -> Entry:
    """A row as an entry, with units by slug, or by ``site/unit`` where batches of several sites meet."""
    unit, to_unit = row["unit"], row["to_unit"]
    if whole_names:
        unit = f"{row['site']}/{unit}"
        to_unit = None if to_unit is None else f"{row['site']}/{to_unit}"
    return Entry(row["id"], row["kind"], row["occurred_at"], unit, to_unit, row["batch"], row["body"])


def shown_batch(row: Row, state: Book) -> Batch:
    """A batch with what its book says."""
    return Batch(
        id=row["id"],
        code=row["code"],
        species=row["species"],
        origin=row["origin"],
        stocked=state.counts.get(Move.STOCKING, 0),
        dead=state.counts.get(Move.MORTALITY, 0),
        harvested=state.counts.get(Move.HARVEST, 0),
        present=state.present,
        holdings=holdings_of(row["code"], state),
    )


def holdings_of(code: str, state: Book) -> list[Holding]:
    """What the units hold of a batch now; empty ones are left out."""
    found = []
    for name, held in sorted(state.holdings.items()):
        if held.count:
            site, _, unit = name.partition("/")
            found.append(
                Holding(
                    site=site,
                    unit=unit,
                    batch=code,
                    count=held.count,
                    mean_weight_g=held.mean_weight_g,
                    biomass_kg=held.biomass_kg,
                    density_kg_m3=None,
                )
            )
    return found


def with_density(holding: Holding, volume_m3: float | None) -> Holding:
    """The holding with its density, where weight and volume are known."""
    if holding.biomass_kg is None or not volume_m3:
        return holding
    return holding.model_copy(update={"density_kg_m3": holding.biomass_kg / volume_m3})


def content_of(row: Row) -> dict[str, Any]:
    """A stored record in the form in which it came."""
    names = {name: row[name] for name in ("unit", "to_unit", "batch") if row[name] is not None}
    moment = row["occurred_at"].isoformat()
    return {"id": str(row["id"]), "kind": row["kind"], "occurred_at": moment, **names, **row["body"]}


def recorded_of(row: Row) -> Recorded:
    """A row as it stands in the diary."""
    return Recorded(
        site=row["site"],
        record=RECORDS.validate_python(content_of(row)),
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
        struck_at=row["struck_at"],
        struck_by=row["struck_by"],
        struck_because=row["struck_because"],
    )
