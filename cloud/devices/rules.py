"""Decisions about sequences, status messages and time stamps. Pure: no database and no clock.

A stream is what one outbox file of a device has sent, numbered from 1 without gaps. ``seen`` holds the numbers that
are stored, as inclusive ranges that are sorted, disjoint and not adjacent; after a quiet life it is one range. The
*floor* is the device's word that it will not send anything below it again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias

from pydantic_core import from_json

from contracts.devices import DeviceState, Status

Ranges: TypeAlias = tuple[tuple[int, int], ...]

MAX_SEQUENCE = 2**62
"""Larger sequences cannot be stored; at a thousand messages a second it takes 146 million years to get there."""
MAX_ABOVE = 64
"""Ranges above the watermark that fit the message (``contracts.devices.Watermark``)."""
MAX_RANGES = 256
"""More gaps than this are thinned sequences below the floor; then they are forgotten as gaps."""
FUTURE_TOLERANCE = timedelta(minutes=5)
"""A stamp that is further ahead of its receipt than this comes from a wrong clock."""
EARLIEST = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""No device of ours measured anything before; a box without a clock battery starts in 1970."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the store knows of one stream."""

    seen: Ranges = ()
    floor: int = 1


def admit(seen: Ranges, sequences: Sequence[int]) -> list[bool]:
    """For each sequence, whether it is new: neither seen before nor a repeat within ``sequences``."""
    starts = [low for low, _ in seen]
    taken: set[int] = set()
    answer = []
    for sequence in sequences:
        index = bisect_right(starts, sequence) - 1
        new = sequence not in taken and not (index >= 0 and sequence <= seen[index][1])
        taken.add(sequence)
        answer.append(new)
    return answer


def include(seen: Ranges, sequences: Iterable[int]) -> Ranges:
    """``seen`` with ``sequences`` in it."""
    return _union(sorted([*seen, *((sequence, sequence) for sequence in sequences)]))


def forget_gaps(state: StreamState) -> StreamState:
    """Close the gaps below the floor once there are very many: nobody will fill them, and the row must stay small."""
    if len(state.seen) <= MAX_RANGES or state.floor <= 1:
        return state
    return StreamState(_union(sorted([*state.seen, (1, state.floor - 1)])), state.floor)


def watermark(state: StreamState) -> tuple[int, Ranges]:
    """Highest sequence up to which nothing is missing, and the (lowest) ranges that are stored above it.

    Sequences below the floor that never came count as there: the device has given them up.
    """
    settled = _union(sorted([*state.seen, *(((1, state.floor - 1),) if state.floor > 1 else ())]))
    if not settled or settled[0][0] != 1:
        return 0, settled[:MAX_ABOVE]
    return settled[0][1], settled[1 : 1 + MAX_ABOVE]


def _union(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """Join ranges, sorted by their start, that overlap or touch."""
    joined: list[tuple[int, int]] = []
    for low, high in ranges:
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)


@dataclass(frozen=True, slots=True)
class KnownStatus:
    """What the store holds of a device's connection."""

    state: str
    boot: str | None
    sent_at: datetime | None


def is_news(known: KnownStatus, status: Status) -> bool:
    """Whether a status message may change what is known.

    The newest ``sent_at`` wins. A last will was written when its connection began, so it looks older than the birth
    that followed: it counts when it is of the boot that is known, and is the past when it is of another one.
    """
    if known.sent_at is None or status.sent_at >= known.sent_at:
        return True
    return status.state is DeviceState.OFFLINE and status.reason == "last_will" and status.boot == known.boot


def is_plausible(stamp: datetime, received_at: datetime) -> bool:
    """Whether a device's stamp can be true: not ahead of its receipt by more than the tolerance, not before 2020."""
    return EARLIEST <= stamp <= received_at + FUTURE_TOLERANCE


def shown_at(stamp: datetime, received_at: datetime) -> datetime:
    """The moment of an alarm or an event: never refused for its clock, the receipt is then the best there is."""
    return stamp if is_plausible(stamp, received_at) else received_at


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a message and as which one."""

    site: str
    device: str
    stream: str
    sequence: int


def identity_in(payload: bytes) -> Identity | None:
    """The identity in a message that could not be read otherwise.

    With it a refused message still counts as received, so that the device stops sending it again. A payload that was
    cut to fit a dead letter is read as far as it goes: the identity stands before the body.
    """
    try:
        raw: Any = from_json(payload)
    except ValueError:
        raw = _beginning_of(payload)
    if not isinstance(raw, dict):
        return None
    site, device, stream, sequence = (raw.get(name) for name in ("site", "device", "stream", "seq"))
    if not (isinstance(site, str) and isinstance(device, str) and isinstance(stream, str)):
        return None
    if isinstance(sequence, bool) or not isinstance(sequence, int) or not is_storable(stream, sequence):
        return None
    return Identity(site, device, stream, sequence)


def _beginning_of(payload: bytes) -> Any:
    """What can be read of a JSON text that was cut off; None when the cut may have shortened the sequence itself."""
    try:
        raw: Any = from_json(payload, allow_partial=True)
    except ValueError:
        return None
    whole = isinstance(raw, dict) and "sent_at" in raw  # stands behind the sequence in every envelope
    return raw if whole else None


def is_storable(stream: str, sequence: int) -> bool:
    """Whether the ledger can hold this identity; the wire allows a little more than PostgreSQL does."""
    return 8 <= len(stream) <= 64 and "\x00" not in stream and 1 <= sequence <= MAX_SEQUENCE  # noqa: PLR2004
