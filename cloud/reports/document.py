"""A report as what it says, apart from how it looks. Pure.

A moment stands in two columns, local time of the farm and UTC, so that nobody has to guess which one was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from typing import TypeAlias

MAX_ROWS = 5_000
"""Rows of one report: some 150 pages, and a few seconds of one processor."""
Cell: TypeAlias = str | int | float | datetime | None


@dataclass(frozen=True)
class Table:
    """Rows under a heading."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]


@dataclass(frozen=True)
class Report:
    """One report; the same facts and ``made_at`` make the same bytes."""

    title: str
    farm: str
    site: str
    zone: tzinfo
    zone_name: str
    start: datetime
    end: datetime
    made_at: datetime
    made_by: str
    tables: Sequence[Table]
    provenance: Sequence[str]
    """What the figures were made from, in sentences."""

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(len(table.rows) for table in self.tables)

    def heading(self) -> Iterator[tuple[str, str]]:
        """What stands above the tables, as (name, text)."""
        yield "Farm", f"{self.farm} ({self.site})"
        yield "From", f"{self.local(self.start)} {self.zone_name}, {utc(self.start)} UTC"
        yield "Until", f"{self.local(self.end)} {self.zone_name}, {utc(self.end)} UTC"
        yield "Made", f"{self.local(self.made_at)} {self.zone_name}, {utc(self.made_at)} UTC, for {self.made_by}"
        for words in self.provenance:
            yield "Figures from", words

    def local(self, moment: datetime) -> str:
        """A moment at the farm."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    def shown(self, table: Table) -> tuple[list[str], list[list[str]]]:
        """A table as texts: header and rows, moments in two columns."""
        times = [any(isinstance(row[n], datetime) for row in table.rows) for n in range(len(table.columns))]
        header: list[str] = []
        for name, is_time in zip(table.columns, times, strict=True):
            header += [f"{name} (local)", f"{name} (UTC)"] if is_time else [name]
        rows = []
        for row in table.rows:
            texts: list[str] = []
            for cell, is_time in zip(row, times, strict=True):
                if isinstance(cell, datetime):
                    texts += [self.local(cell), utc(cell)]
                else:
                    texts += [text_of(cell), text_of(cell)] if is_time else [text_of(cell)]
            rows.append(texts)
        return header, rows


def utc(moment: datetime) -> str:
    """A moment in UTC, to the minute."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M")


def text_of(cell: Cell) -> str:
    """A cell that is no moment; numbers to four significant digits, nothing for nothing."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.4g}"  # noqa: PLR2004  (four digits either way)
    return str(cell)
