"""What records mean together: the book of a batch, which treatments bind which fish, a file as records. Pure."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from aquaculture.stock import Move, StockEntry, Weighing
from cloud.husbandry.records import RECORDS

MOVES = frozenset(move.value for move in Move)
MAX_ROWS = 10_000
"""Rows of one import; a year of a large farm."""
MAX_FAULTS = 100
_IMPORTED = uuid.UUID("6f0f9c1e-2f0f-5f1d-9a9f-5b0f7d3b7c11")
"""Namespace of identities that an import gives to rows without one: the same row is the same record."""


@dataclass(frozen=True)
class Entry:
    """A record of the diary by the names in it."""

    id: UUID
    kind: str
    occurred_at: datetime
    unit: str | None
    to_unit: str | None
    batch: str | None
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row of a file."""

    row: int
    field: str
    value: str
    message: str


def stock_entries(entries: Iterable[Entry]) -> tuple[list[StockEntry], list[Weighing]]:
    """The lines of a batch's book."""
    moves: list[StockEntry] = []
    weighings: list[Weighing] = []
    for entry in entries:
        if entry.unit is None:
            continue
        if entry.kind == "weight_sample":
            weighings.append(Weighing(entry.occurred_at, entry.unit, float(entry.body["mean_weight_g"])))
        elif entry.kind in MOVES:
            moves.append(
                StockEntry(
                    key=str(entry.id),
                    at=entry.occurred_at,
                    move=Move(entry.kind),
                    unit=entry.unit,
                    count=int(entry.body["count"]),
                    to_unit=entry.to_unit,
                    mean_weight_g=entry.body.get("mean_weight_g"),
                )
            )
    return moves, weighings


def bound_units(treatment: Entry, transfers: Sequence[Entry], at: datetime) -> frozenset[str]:
    """Units that may hold fish of this treatment at a moment: its own, and those that fish were moved to from there since.

    A unit that received one treated fish counts as treated: nobody can tell them apart. It may be emptied and stocked anew
    and still count; that is the safe side.
    """
    bound = {treatment.unit}
    for transfer in sorted(transfers, key=lambda entry: entry.occurred_at):
        since = treatment.occurred_at <= transfer.occurred_at <= at
        if since and transfer.unit in bound:
            bound.add(transfer.to_unit)
    return frozenset(unit for unit in bound if unit)


def read_rows(
    text: str, *, kind: str, units: Collection[str], batches: Collection[str]
) -> tuple[list[Any], list[Fault]]:
    """Rows of a CSV file as checked records, and the faults of those that are none.

    The header names fields of the kind; empty cells are left out. Columns ``scores.0`` to ``scores.3`` make a welfare sample.
    A row without an ``id`` gets one from its content, so that the same file twice records nothing twice.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    records: list[Any] = []
    faults: list[Fault] = []
    try:
        for row in reader:
            if reader.line_num > MAX_ROWS + 1:
                faults.append(Fault(reader.line_num, "file", "", f"more than {MAX_ROWS} rows; split the file"))
                break
            _read_row(row, reader.line_num, kind, units, batches, records, faults)
    except csv.Error as error:
        faults.append(Fault(reader.line_num, "file", "", f"not CSV: {error}"))
    if not records and not faults:
        faults.append(Fault(1, "file", "", "no rows; the first line names the columns, each further line is a record"))
    return records, faults


def _read_row(
    row: dict[str | Any, str | Any],
    line: int,
    kind: str,
    units: Collection[str],
    batches: Collection[str],
    records: list[Any],
    faults: list[Fault],
) -> None:
    if None in row or None in row.values():
        faults.append(
            Fault(line, "row", "", f"{len(row)} columns do not fit the header; a text with commas needs quotes")
        )
        return
    fields: dict[str, Any] = {}
    for name, cell in row.items():
        if cell.strip():
            section, dot, key = name.strip().partition(".")
            if dot:
                fields.setdefault(section, {})[key] = cell.strip()
            else:
                fields[section] = cell.strip()
    if fields.setdefault("kind", kind) != kind:
        faults.append(Fault(line, "kind", str(fields["kind"]), f"this import is of {kind}; leave the column out"))
        return
    fields.setdefault("id", str(uuid.uuid5(_IMPORTED, repr(sorted(fields.items())))))
    try:
        record = RECORDS.validate_python(fields)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            field = ".".join(str(part) for part in fault["loc"] if part != kind) or "row"
            value = "" if fault["type"] == "missing" else str(fault.get("input", ""))
            shown = value if len(value) <= 200 else ""  # noqa: PLR2004  (a whole row helps nobody)
            faults.append(Fault(line, field, shown, fault["msg"].removeprefix("Value error, ")))
        return
    for field, known in (("unit", units), ("to_unit", units), ("batch", batches)):
        name = getattr(record, field, None)
        if name is not None and name not in known:
            faults.append(Fault(line, field, str(name), f"there is no such {field.removeprefix('to_')} at this site"))
            return
    records.append(record)
