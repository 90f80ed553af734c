"""Pure decisions about readings: when was it observed, is it a repeat. No I/O, ``now`` is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

AHEAD_LIMIT = timedelta(minutes=5)
"""A node clock further ahead than this is wrong: its time is not believed."""
AGE_LIMIT = timedelta(days=7)
"""A node clock further behind than this has no battery (1970): its time is not believed."""
PARTNER_MAX_AGE = timedelta(minutes=10)
"""A partner observed further away than this decides no derived value and no limit."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Stamp:
    """When a reading was observed; ``test`` names what was wrong with the clock that said so."""

    observed_at: datetime
    test: str | None = None


def stamp(node_time: datetime | None, received_at: datetime, last: datetime | None) -> Stamp | None:
    """Observation time of a reading, unique and increasing per channel; ``None`` when the reading is a repeat.

    A believable node time that is not later than the last accepted one is a repeat (or came too late to be told from one),
    unless the last one is itself in the future: a clock that was ahead for an hour must not cost the hour after it.
    Without a believable node time the reading is stamped on arrival, at least a microsecond after the last.
    """
    ahead = last is not None and last - received_at > AHEAD_LIMIT  # our clock was ahead then, and is set right now
    if node_time is not None and is_believable(node_time, received_at):
        return Stamp(node_time) if last is None or node_time > last or ahead else None
    test = None if node_time is None else "node_clock"
    if last is not None and received_at <= last:
        return Stamp(last + _TICK, test or ("clock_step" if ahead else None))
    return Stamp(received_at, test)


def is_believable(node_time: datetime | None, received_at: datetime) -> bool:
    """Whether a node's clock agrees with ours so far that its stamps are used."""
    return node_time is not None and -AHEAD_LIMIT <= received_at - node_time <= AGE_LIMIT
