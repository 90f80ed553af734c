"""Counts of several series added up, with intervals: what docs/abnormal.md shows.

Wilson's interval for shares (Wilson 1927, J. Am. Stat. Assoc. 22); Byar's for counts (Breslow and Day 1987, *Statistical
Methods in Cancer Research* II, IARC), both 95 %.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

_Z = 1.96


def pooled(scores: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By quantity, place and method."""
    rows: dict[tuple[str, str, str, str], Any] = defaultdict(_empty)
    for one in scores:
        for method, counts in one["methods"].items():
            row = rows[one["quantity"], one["series"].rstrip("0123456789 "), one["part"], method]
            for name in ("weeks", "events", "long_events"):
                row[name] += one[name]
            for name in ("right", "false", "found", "long_found"):
                row[name] += counts[name]
            row["delays"] += counts["delays_min"]
    return [
        {
            "quantity": quantity,
            "place": place,
            "part": part,
            "method": method,
            "weeks": round(row["weeks"], 1),
            "recall": share(row["found"], row["events"]),
            "recall_of_an_hour_and_longer": share(row["long_found"], row["long_events"]),
            "precision": share(row["right"], row["right"] + row["false"]),
            "false_per_week": rate(row["false"], row["weeks"]),
            "delay_min": median(row["delays"]) if row["delays"] else None,
        }
        for (quantity, place, part, method), row in sorted(rows.items())
    ]


def _empty() -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(("weeks", "events", "long_events", "right", "false", "found", "long_found"), 0)
    return {**row, "delays": []}


def pooled_changes(changes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Injected changes by quantity, place, shape and method."""
    rows: dict[tuple[str, ...], dict[str, Any]] = defaultdict(lambda: {"found": 0, "changes": 0, "delays": []})
    for one in changes:
        place = "tank" if one["series"].startswith("tank") else one["series"].rstrip("0123456789 ")
        for method, counts in one["methods"].items():
            row = rows[one["quantity"], place, one["shape"], method]
            row["found"] += counts["found"]
            row["changes"] += one["changes"]
            row["delays"] += counts["delays_min"]
    return [
        {
            "quantity": quantity,
            "place": place,
            "shape": shape,
            "method": method,
            "recall": share(row["found"], row["changes"]),
            "delay_min": median(row["delays"]) if row["delays"] else None,
        }
        for (quantity, place, shape, method), row in sorted(rows.items())
    ]


def share(found: float, of: float) -> dict[str, Any]:
    """A share with its interval; ``of`` 0 has none."""
    if not of:
        return {"found": 0, "of": 0, "share": None, "low": None, "high": None}
    p, z2 = found / of, _Z**2
    middle, half = p + z2 / (2 * of), _Z * math.sqrt(p * (1 - p) / of + z2 / (4 * of**2))
    low, high = (middle - half) / (1 + z2 / of), (middle + half) / (1 + z2 / of)
    return {
        "found": int(found),
        "of": int(of),
        "share": round(p, 3),
        "low": round(max(0.0, low), 3),
        "high": round(high, 3),
    }


def rate(count: float, weeks: float) -> dict[str, Any]:
    """Events per week with their interval."""
    more = count + 1
    low = count * (1 - 1 / (9 * count) - _Z / (3 * math.sqrt(count))) ** 3 if count else 0.0
    high = more * (1 - 1 / (9 * more) + _Z / (3 * math.sqrt(more))) ** 3
    return {
        "count": int(count),
        "per_week": round(count / weeks, 3),
        "low": round(low / weeks, 3),
        "high": round(high / weeks, 3),
    }


def table_of_scores(rows: Sequence[dict[str, Any]]) -> str:
    """The figures against labels as a Markdown table, a line for each quantity and place."""
    lines = [
        "| quantity | place | part | weeks | events told | of an hour or more | precision | false advice per week | delay"
        " | fixed: told, false per week | naive: told, false per week |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for ours, fixed, naive in _by_line(rows):
        false = ours["false_per_week"]
        lines.append(
            f"| {ours['quantity']} | {ours['place']} | {ours['part']} | {ours['weeks']:.0f} | {_count(ours['recall'])}"
            f" | {_count(ours['recall_of_an_hour_and_longer'])} | {_share(ours['precision'])}"
            f" | {false['per_week']:.2f} ({false['low']:.2f} to {false['high']:.2f}) | {_after(ours)}"
            f" | {_beside(fixed)} | {_beside(naive)} |"
        )
    return "\n".join(lines)


def table_of_changes(rows: Sequence[dict[str, Any]]) -> str:
    """The figures of injected changes as a Markdown table."""
    lines = [
        "| quantity | place | change | told | share | after | fixed: told | naive: told |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for ours, fixed, naive in _by_line(rows):
        lines.append(
            f"| {ours['quantity']} | {ours['place']} | {ours['shape']} | {_count(ours['recall'])} | {_share(ours['recall'])}"
            f" | {_after(ours)} | {_count(fixed['recall'])} | {_count(naive['recall'])} |"
        )
    return "\n".join(lines)


def _by_line(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], ...]]:
    """Rows that differ by method alone, ours first."""
    together: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        together[row["quantity"], row["place"], row.get("shape")][row["method"]] = row
    for methods in together.values():
        yield tuple(methods[name] for name in ("ours", "fixed 3 sigma", "seasonal naive"))


def _beside(row: dict[str, Any]) -> str:
    return f"{_count(row['recall'])}, {row['false_per_week']['per_week']:.2f}"


def _after(row: dict[str, Any]) -> str:
    return "-" if row["delay_min"] is None else f"{row['delay_min']:.0f} min"


def _count(one: dict[str, Any]) -> str:
    return f"{one['found']}/{one['of']}"


def _share(one: dict[str, Any]) -> str:
    return "-" if one["share"] is None else f"{one['share']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
