"""Real water series with what technicians said of them, read as points; never part of the product (shared data, not committed).

Logan River (USU, Jones et al. 2022): 15-minute series of rivers with a technician's flag per value. GECCO 2018: a water works,
one value a minute, with contamination events. Tank: an aquaculture tank at two depths, unlabelled.
"""

from __future__ import annotations

import csv
import gzip
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from aquaculture.water import oxygen_saturation_percent
from tests.servers.presence import ROOT

GLITCH, REMOVED, DRIFT = "1", "2", "10"
"""Technician's flags whose meaning the source tells. All other flags are neither wrong nor right here and are left out."""
MISSING = -9999.0
SITES = {"FranklinBasin": "tuned on", "TonyGrove": "held out", "MainStreet": "held out"}
_COLUMNS = {"temp": "temperature", "cond": "conductivity", "ph": "ph", "do": "do", "turb": "turbidity"}
_GECCO = {"Tp": "temperature", "pH": "ph", "Redox": "orp", "Leit": "conductivity", "Trueb": "turbidity"}
_LOGAN_ATM = 0.85
"""Barometric pressure at about 1,370 m."""


@dataclass(frozen=True)
class Point:
    """One value; ``wrong`` is what the label says, None when it says neither."""

    at: datetime
    value: float
    wrong: bool | None
    drifts: bool = False


@dataclass(frozen=True)
class Series:
    """One sensor at one place."""

    name: str
    quantity: str
    part: str
    points: tuple[Point, ...]

    @property
    def weeks(self) -> float:
        return (self.points[-1].at - self.points[0].at).total_seconds() / 604_800


def folder() -> Path | None:
    """Where the shared data is; None when it is not here."""
    found = Path(os.environ.get("SHOAL_TEST_DATA", str(ROOT.parent / "shared" / "data")))
    return found if (found / "water_lro").is_dir() else None


def logan_river(data: Path) -> Iterator[Series]:
    """Every labelled sensor of the three sites, and the oxygen saturation that follows."""
    for path in sorted((data / "water_lro").glob("*20*.csv")):
        site = re.sub(r"\d.*", "", path.stem)
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        if not any(row.get("temp_qual") for row in rows[:1000]):
            continue  # 2017 to 2019 of Franklin Basin has no flags
        for column, quantity in _COLUMNS.items():
            if column in rows[0]:
                points = tuple(filter(None, (_logan_point(row, column) for row in rows)))
                yield Series(path.stem, quantity, SITES[site], points)
        yield Series(path.stem, "do_sat", SITES[site], tuple(_saturation(rows)))


def _logan_point(row: dict[str, str], column: str) -> Point | None:
    text, label = row[column], row[f"{column}_qual"]
    if not text or float(text) == MISSING:
        return None
    wrong = True if label in {GLITCH, REMOVED} else False if label == "NULL" else None
    at = datetime.fromisoformat(row["datetime"][:19]).replace(tzinfo=timezone.utc)
    return Point(at, float(text), wrong, drifts=label == DRIFT)


def _saturation(rows: list[dict[str, str]]) -> Iterator[Point]:
    for row in rows:
        oxygen, warmth = _logan_point(row, "do"), _logan_point(row, "temp")
        if oxygen is None or warmth is None or not 0 < warmth.value < 40 or not 0 <= oxygen.value <= 40:
            continue
        percent = oxygen_saturation_percent(oxygen.value, warmth.value, 0.0, _LOGAN_ATM)
        # Single wrong values are the oxygen's own matter; of the saturation only creeping is judged.
        yield Point(oxygen.at, percent, None if oxygen.wrong is not False else False, oxygen.drifts)


def gecco(data: Path) -> Iterator[Series]:
    """The water works; its events are in the water and not in the probes."""
    with gzip.open(data / "water_gecco" / "gecco2018_first60.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for column, quantity in _GECCO.items():
        points = tuple(
            Point(
                datetime.fromisoformat(row["Time"]).replace(tzinfo=timezone.utc),
                float(row[column]),
                row["EVENT"].upper() == "TRUE",
            )
            for row in rows
            if row[column] not in {"", "NA"}
        )
        yield Series("GECCO 2018", quantity, "held out", points)


def tank(data: Path) -> dict[str, dict[str, Series]]:
    """Temperature, pH and turbidity of the tank by depth; nobody labelled them, so they count as right."""
    return {depth: _tank(data / "water_tank" / f"{depth}.xlsx", depth) for depth in ("30cm", "60cm")}


def _tank(path: Path, depth: str) -> dict[str, Series]:
    """The one sheet of a workbook, read from its XML: a date text and numbers in each row."""
    with zipfile.ZipFile(path) as book:
        texts = re.findall(r"<si>(.*?)</si>", book.read("xl/sharedStrings.xml").decode(), re.DOTALL)
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    texts = [re.sub(r"<[^>]+>", "", text) for text in texts]
    rows = [
        {
            letter: texts[int(value)] if is_text else value
            for letter, is_text, value in re.findall(r'<c r="([A-Z])\d+"[^>]*?( t="s")?><v>(.*?)</v>', row)
        }
        for row in re.findall(r"<row .*?</row>", sheet, re.DOTALL)
    ]
    found = {}
    for letter, title in rows[0].items():
        quantity = {"Temperature": "temperature", "pH": "ph", "Turbidity": "turbidity"}.get(title)
        if quantity is not None:
            points = (
                Point(datetime.fromisoformat(row["A"]).replace(tzinfo=timezone.utc), float(row[letter]), wrong=False)
                for row in rows[1:]
                if "A" in row and re.fullmatch(r"-?\d+(\.\d+)?", row.get(letter, ""))
            )
            unique = {point.at: point for point in points}
            found[quantity] = Series(f"tank {depth}", quantity, "held out", tuple(unique[at] for at in sorted(unique)))
    return found
