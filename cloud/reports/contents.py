"""What stands in each report, from rows of the diary, the books, the water and the alarms. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aquaculture.lice import MIN_FISH, lice_limit, lice_mean
from aquaculture.production import cumulative_mortality_percent, fcr_economic
from aquaculture.ranges import OutOfRangeError
from aquaculture.stock import Move, book
from cloud.alarms.performance import Occurrence, Performance
from cloud.kit.repository import Row
from cloud.kpis.account import Account, Ledger
from cloud.kpis.water import JudgedWater, LimitsFrom
from cloud.reports.document import Cell, Table
from cloud.telemetry.rules import Resolution
from cloud.timeline.rules import diary_words
from contracts.quantities import QUANTITIES

Rows = list[tuple[Cell, ...]]


def diary(title: str, rows: Sequence[Row]) -> Table:
    """Records as sentences, with who wrote them down."""
    told: Rows = [
        (
            row["occurred_at"],
            row["unit"],
            row["batch"],
            diary_words(row["kind"], row["unit"] or "site", row["body"], row["to_unit"]),
            row["recorded_by"],
        )
        for row in rows
    ]
    return Table(title, ("Time", "Unit", "Batch", "What", "By"), told)


def water(means: Sequence[Row], unit_names: Mapping[int, str]) -> Table:
    """Every channel in one row: mean of the readings, lowest and highest hour."""
    channels: dict[int, list[Row]] = {}
    for row in means:
        channels.setdefault(row["channel_id"], []).append(row)
    told: Rows = []
    for hours in channels.values():
        first, readings = hours[0], sum(hour["n"] for hour in hours)
        mean = sum(hour["mean"] * hour["n"] for hour in hours) / readings
        values = [hour["mean"] for hour in hours]
        told.append(
            (
                unit_names[first["unit_id"]],
                first["channel"],
                _label(first["quantity"]),
                mean,
                min(values),
                max(values),
                readings,
            )
        )
    names = ("Unit", "Channel", "Quantity", "Mean", "Lowest hour", "Highest hour", "Readings")
    return Table("Water", names, sorted(told, key=lambda row: (str(row[0]), str(row[1]))))


def alarms(occurrences: Sequence[Occurrence]) -> Table:
    """Alarms that were raised."""
    told: Rows = [
        (each.raised_at, each.unit, each.severity, each.definition, each.cleared_at, each.acknowledged_at)
        for each in occurrences
    ]
    return Table("Alarms", ("Raised", "Unit", "Severity", "Alarm", "Cleared", "Acknowledged"), told)


def lice(rows: Sequence[Row], region: str | None) -> Table:
    """Counts with their exact interval against the limit of their week."""
    told: Rows = []
    for row in rows:
        body, day = row["body"], row["occurred_at"].date()
        mean = lice_mean(body["adult_females"], body["fish"])
        limit = None if region is None else lice_limit(region, day)
        verdict = None if limit is None else mean.against(limit.adult_females).value
        week = day.isocalendar()
        told.append(
            (
                f"{week.year}-W{week.week:02}",
                row["occurred_at"],
                row["unit"],
                f"{body['fish']}{'' if body['fish'] >= MIN_FISH else ' (too few)'}",
                mean.mean,
                f"{mean.low:.3f} to {mean.high:.3f}",
                body["mobile"] / body["fish"],
                body["attached"] / body["fish"],
                body.get("sea_temperature_c"),
                None if limit is None else limit.adult_females,
                verdict,
                None if limit is None else f"{limit.source} [{limit.evidence}]",
            )
        )
    names = (
        "Week", "Time", "Unit", "Fish", "Adult females per fish", "95 % interval", "Mobile", "Attached", "Sea Cel", "Limit",
        "Against it", "Source",
    )  # fmt: skip
    return Table("Lice by pen and count", names, told)


def production(accounts: Mapping[str, Account], feed_kg: Mapping[str, float]) -> Table:
    """The account of every unit; a mass that is not known is left empty and named below."""
    told: Rows = []
    for unit, each in accounts.items():
        change, fed = each.change, feed_kg.get(unit, 0.0)
        told.append(
            (
                unit,
                each.opening,
                each.came,
                each.dead,
                _ratio(cumulative_mortality_percent, each.dead, each.exposed),
                each.counts.get(Move.HARVEST, 0),
                each.counts.get(Move.CULL, 0) + each.counts.get(Move.ESCAPE, 0),
                each.closing,
                None if change is None else change.opening_kg,
                None if change is None else change.closing_kg,
                None if change is None else change.gain_kg,
                fed,
                None if change is None else _ratio(fcr_economic, fed, change),
            )
        )
    names = (
        "Unit", "Fish at start", "Came", "Dead", "Dead %", "Harvested", "Culled, escaped", "Fish at end", "kg at start",
        "kg at end", "kg gained", "kg feed", "FCR economic",
    )  # fmt: skip
    return Table("Production", names, told)


def causes(rows: Sequence[Row]) -> Table:
    """Dead fish by cause in two levels."""
    dead: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        dead[row["unit"], row["body"]["cause"], row["body"].get("detail") or ""] += row["body"]["count"]
    total = sum(dead.values())
    told: Rows = [
        (unit, cause, detail, count, 100 * count / total) for (unit, cause, detail), count in sorted(dead.items())
    ]
    return Table("Mortality by cause", ("Unit", "Cause", "Detail", "Dead", "Share %"), told)


def stays(ledger: Ledger) -> list[tuple[str, datetime, datetime | None]]:
    """When fish of a batch were in which unit; the end is None while they are."""
    held: Counter[str] = Counter()
    since: dict[str, datetime] = {}
    found: list[tuple[str, datetime, datetime | None]] = []
    for line in book(*ledger).lines:
        entry = line.entry
        comes = entry.move in {Move.STOCKING, Move.ADJUSTMENT}
        deltas = [(entry.unit, entry.count if comes else -entry.count)]
        if entry.to_unit is not None:
            deltas.append((entry.to_unit, entry.count))
        for unit, delta in deltas:
            held[unit] += delta
            if held[unit] and unit not in since:
                since[unit] = entry.at
            elif not held[unit] and unit in since:
                found.append((unit, since.pop(unit), entry.at))
    found += [(unit, start, None) for unit, start in since.items()]
    return sorted(found, key=lambda stay: (stay[1], stay[0]))


def while_there(rows: Sequence[Row], places: Sequence[tuple[str, datetime, datetime | None]]) -> list[Row]:
    """Records of units that held the batch at that moment."""
    return [
        row
        for row in rows
        if any(
            f"{row['site']}/{row['unit']}" == unit
            and start <= row["occurred_at"]
            and (end is None or row["occurred_at"] < end)
            for unit, start, end in places
        )
    ]


def traceability(batch: Row, moves: Sequence[Row], unit_records: Sequence[Row], ledger: Ledger) -> list[Table]:
    """Where the fish came from, where they were, what they got, and where they went."""
    places = stays(ledger)
    got = while_there(unit_records, places)
    lots: dict[tuple[str, str], list[Row]] = {}
    for row in got:
        if row["kind"] == "feeding":
            lots.setdefault((row["body"]["product"], row["body"]["lot"]), []).append(row)
    back = [row for row in moves if row["kind"] == "stocking"]
    forward = [row for row in moves if row["kind"] in {"harvest", "escape", "cull"}]
    within = [row for row in moves if row["kind"] in {"transfer", "adjustment", "mortality", "weight_sample"}]
    told: Rows = [
        (product, lot, sum(row["body"]["amount_kg"] for row in each), each[0]["occurred_at"], each[-1]["occurred_at"],
         ", ".join(sorted({row["unit"] for row in each})))
        for (product, lot), each in sorted(lots.items())
    ]  # fmt: skip
    spans: Rows = [(unit, start, end or "still there") for unit, start, end in places]
    held: Rows = [
        (unit, holding.count, holding.mean_weight_g, holding.biomass_kg)
        for unit, holding in sorted(book(*ledger).holdings.items())
        if holding.count
    ]
    origin = (
        f"Back: batch {batch['code']}, {batch['species']}, from {batch['origin'] or 'an origin that nobody wrote down'}"
    )
    return [
        diary(origin, back),
        Table("Units that held the fish", ("Site and unit", "From", "Until"), spans),
        Table("Feed lots given while the fish were there", ("Product", "Lot", "kg", "First", "Last", "Units"), told),
        diary("Treatments of the fish", [row for row in got if row["kind"] == "treatment"]),
        diary("Movements, deaths and weighings", within),
        diary("Forward: harvested, culled, escaped", forward),
        Table("Forward: still held", ("Site and unit", "Fish", "Mean g", "kg"), held),
    ]


def compliance(judged: JudgedWater) -> list[Table]:
    """Share of time in range by channel, then every stretch beyond a limit."""
    bucket = "Minutes" if judged.resolution is Resolution.MINUTE else "Hours"
    summary: Rows = []
    beyond: Rows = []
    for each in judged.channels:
        sources = "; ".join(dict.fromkeys(limit.cited for limit in each.limits))
        label = _label(each.quantity)
        judged_by = "limits in effect" if each.limits_from is LimitsFrom.SITE else "shipped table"
        result = each.result
        summary.append(
            (each.unit, each.channel, label, result.measured, result.percent, each.readings, judged_by, sources)
        )
        for one in each.result.exceedances:
            hours = (one.end - one.start) / timedelta(hours=1)
            beyond.append((each.unit, label, one.start, one.end, hours, one.side.value, one.limit, one.worst))
    names = ("Unit", "Channel", "Quantity", bucket, "In range %", "Readings", "Judged by", "Limits from")
    beyond.sort(key=lambda row: (str(row[2]), str(row[0])))
    return [
        Table("Time in range; the target is 99.5 %", names, summary),
        Table("Exceedances", ("Unit", "Quantity", "From", "Until", "Hours", "Side", "Limit", "Worst mean"), beyond),
    ]


def alarm_service(told: Performance) -> list[Table]:
    """How the alarms served, with the targets of EEMUA 191."""
    figures: Rows = [
        ("Alarms", told.alarms, ""),
        ("Alarms per day", told.per_day, "below 144"),
        ("Acknowledged", told.acknowledged, ""),
        ("Seconds to acknowledge, median", told.acknowledge_p50_s, ""),
        ("Seconds to acknowledge, 95 %", told.acknowledge_p95_s, ""),
        ("Ended without anybody", told.unanswered, ""),
        ("Floods", told.floods, ""),
        ("Time in floods, %", 100 * told.flood_share, "below 1"),
        ("Active for more than a day", told.stale, "below 5"),
        ("Suppressed", told.suppressed, ""),
    ]
    actors: Rows = [(each.definition, each.unit, each.times, 100 * each.share) for each in told.bad_actors]
    chattering: Rows = list(told.chattering)
    return [
        Table("How the alarms served", ("Figure", "Value", "Target"), figures),
        Table("Most frequent", ("Alarm", "Unit", "Times", "Share %"), actors),
        Table("Chattering: three times in a minute", ("Alarm", "Unit"), chattering),
    ]


def calibrations(rows: Sequence[Row]) -> Table:
    """Every check and calibration of a sensor."""
    told: Rows = [
        (row["occurred_at"], row["unit"], row["body"]["sensor"], row["body"]["reference"], row["body"]["before"],
         row["body"]["before"] - row["body"]["reference"], row["body"].get("after"), row["recorded_by"],
         row["body"].get("note", ""))
        for row in rows
    ]  # fmt: skip
    names = ("Time", "Unit", "Sensor", "Reference", "Before", "Off by", "After", "By", "Note")
    return Table("Calibrations and checks", names, told)


def valid(rows: Sequence[Row], kinds: Collection[str] | None = None) -> list[Row]:
    """Records that are not struck out, oldest first."""
    return [row for row in reversed(rows) if row["struck_at"] is None and (kinds is None or row["kind"] in kinds)]


def _label(code: str) -> str:
    known = QUANTITIES.get(code)
    return code if known is None else f"{known.label}, {known.ucum}"


def _ratio(compute: Callable[..., float], *facts: Any) -> float | None:
    try:
        return compute(*facts)
    except OutOfRangeError:
        return None
