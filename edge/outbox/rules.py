"""Decisions of the outbox: who goes first, what is dropped when room runs out, when a row is sent again. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from contracts.devices import Watermark
from contracts.topics import Kind


class Priority(IntEnum):
    """Classes of messages; a lower number is more important."""

    ALARM = 0
    COUNT = 1
    TELEMETRY = 2
    EVIDENCE = 3


PRIORITY_OF_KIND: dict[Kind, Priority] = {
    Kind.ALARMS: Priority.ALARM,
    Kind.OBSERVATIONS: Priority.COUNT,
    Kind.READINGS: Priority.TELEMETRY,
    Kind.EVENTS: Priority.TELEMETRY,
    Kind.HEALTH: Priority.TELEMETRY,
    Kind.EVIDENCE: Priority.EVIDENCE,
}

EVICTION_ORDER = (Priority.EVIDENCE, Priority.TELEMETRY, Priority.COUNT)
"""Images go first, then the oldest telemetry, then counts. Alarms are never dropped: they are small and few."""

SYNCED = frozenset({Priority.ALARM, Priority.COUNT})
"""Classes that are on the disk before their producer goes on: nobody will measure them again."""

DEFAULT_SHARES: Mapping[Priority, float] = {Priority.COUNT: 0.5, Priority.TELEMETRY: 0.9, Priority.EVIDENCE: 0.5}
"""Part of the quota that a class may take even while the others are empty: no class can crowd the rest out."""


MANY_RANGES = 48
"""Ranges in a watermark (64 fit) that call for a heartbeat at once."""


@dataclass(frozen=True)
class Usage:
    """Rows and body bytes that one class holds."""

    rows: int = 0
    bytes: int = 0


def effective_limit(used_bytes: int, *, max_bytes: int, disk_free_bytes: int, min_free_bytes: int) -> int:
    """Bytes the outbox may hold now: its quota, or only what it already has while the disk is nearly full."""
    return min(max_bytes, used_bytes) if disk_free_bytes < min_free_bytes else max_bytes


def eviction_plan(
    usage: Mapping[Priority, Usage],
    *,
    incoming: Mapping[Priority, int],
    limit_bytes: int,
    quotas: Mapping[Priority, int],
) -> dict[Priority, int]:
    """Bytes to free per class, oldest rows first: each class within its quota, then all together under ``limit_bytes``.

    May free less than needed when only alarms are left: an alarm is accepted even over the quota.
    """
    have = {priority: usage.get(priority, Usage()).bytes for priority in Priority}
    plan = {
        priority: min(have[priority], over)
        for priority, quota in quotas.items()
        if (over := have[priority] + incoming.get(priority, 0) - quota) > 0 and have[priority]
    }
    missing = sum(have.values()) + sum(incoming.values()) - sum(plan.values()) - limit_bytes
    for priority in EVICTION_ORDER:
        more = min(have[priority] - plan.get(priority, 0), missing)
        if more > 0:
            plan[priority] = plan.get(priority, 0) + more
            missing -= more
    return plan


def covered(watermark: Watermark, seq: int) -> bool:
    """True when the store has committed this sequence."""
    return seq <= watermark.committed or any(low <= seq <= high for low, high in watermark.above)


def highest_covered(watermark: Watermark) -> int:
    """The highest sequence the store says it has."""
    return max([watermark.committed, *(high for _, high in watermark.above)])


def resend_wait_s(attempt: int, *, first_s: float, longest_s: float = 600.0) -> float:
    """How long after its PUBACK a row that the store has not confirmed is sent again; doubles with each attempt.

    The doubling keeps a store that is down for an hour from being sent everything every ``first_s``.
    """
    return min(first_s * 2.0 ** min(max(0, attempt - 1), 20), longest_s)


def due_for_resend(acked: Mapping[int, tuple[float, int]], *, now_s: float, first_s: float) -> Sequence[int]:
    """Sequences whose (acknowledged at, attempts) say that they must be sent again, oldest first."""
    return sorted(seq for seq, (at, attempt) in acked.items() if now_s - at >= resend_wait_s(attempt, first_s=first_s))


def untold_losses(counters: Mapping[str, int], told: Mapping[str, int]) -> dict[str, int]:
    """What was dropped or thinned since it was last told, by counter."""
    losses = {name: count for name, count in counters.items() if name.startswith(("dropped_", "thinned_"))}
    return {name: count - told.get(name, 0) for name, count in losses.items() if count > told.get(name, 0)}


def waits_for_floor(watermark: Watermark) -> bool:
    """True when the store sees so many gaps that it cannot report more: only our floor lets it go on.

    Gaps are sequences that were dropped or thinned; the heartbeat tells the store the lowest one that still comes.
    """
    return len(watermark.above) >= MANY_RANGES
