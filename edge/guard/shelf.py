"""Alarms that a person on site does not want to hear for a while: shelved with a reason, back by themselves. Pure.

What is shelved is the rule on its channel, not one occurrence: an alarm that comes and goes stays quiet over all of its
occurrences. It lives on beneath, its changes are kept and sent, and the actuators act as ever: only siren and people are
spared. Source of the rules: ANSI/ISA-18.2-2016, shelving (``aquaculture.attention``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from aquaculture.attention import SHELVE_MAX, Attention, HoldKind, shelve
from contracts.alarms import AlarmChange, AlarmEvent
from edge.guard.rules import Remembered, Watch

LONGEST_TEXT = 200
"""Characters of a reason and of a name that are kept."""


@dataclass(frozen=True)
class Shelved:
    """One rule that nobody is told of.

    Attributes:
        until_s: its end by the count that no one can set; the wall clock may end it earlier, never later.
    """

    reason: str
    by: str
    since: datetime
    until: datetime
    until_s: float

    def over(self, *, now: datetime, now_s: float) -> bool:
        """Whether it has ended, by either clock: one that jumps back keeps no alarm from people."""
        return now >= self.until or now_s >= self.until_s


def put_on_shelf(*, reason: str, by: str, minutes: float, now: datetime, now_s: float) -> Shelved:
    """Shelve for so many minutes.

    Raises:
        ValueError: no reason, nobody who says it, less than a minute or more than a shift of eight hours.
    """
    longest = SHELVE_MAX / timedelta(minutes=1)
    if not 1 <= minutes <= longest:
        message = f"minutes = {minutes:g} must be 1 to {longest:g}: shelve it again at the end of the shift"
        raise ValueError(message)
    duration = timedelta(minutes=minutes)
    held = shelve(Attention(), reason=reason, by=by, now=now, duration=duration)
    hold = held.holds[HoldKind.SHELVED]
    return Shelved(hold.reason[:LONGEST_TEXT], hold.by[:LONGEST_TEXT], now, now + duration, now_s + minutes * 60)


def shelf_event(
    watch: Watch, memory: Remembered, shelved: Shelved, change: AlarmChange, *, at: datetime, by: str | None
) -> AlarmEvent | None:
    """What is told of the present occurrence, which is shelved or not any more (``by`` None: the time is over); None without one."""
    if memory.alarm_id is None:
        return None
    on_shelf = change is AlarmChange.SHELVED
    if on_shelf:
        message = f"Shelved by {shelved.by} until {shelved.until:%H:%M} UTC: {shelved.reason}"
    else:
        message = f"Taken off the shelf by {by}" if by else "Its time on the shelf is over"
    return AlarmEvent(
        alarm_id=memory.alarm_id,
        definition=watch.rule.definition,
        change=change,
        severity=watch.rule.severity,
        unit=watch.unit,
        channel=watch.channel,
        occurred_at=at,
        message=message[:500],
        source=watch.source,
        by=shelved.by if on_shelf else by,
        reason=shelved.reason if on_shelf else None,
        shelved_until=shelved.until if on_shelf else None,
    )


def dump(shelved: Shelved) -> str:
    """Text to remember it by."""
    kept = {"reason": shelved.reason, "by": shelved.by}
    return json.dumps(kept | {"since": shelved.since.isoformat(), "until": shelved.until.isoformat()})


def load(text: str, *, now: datetime, now_s: float, trusted: bool) -> Shelved:
    """From ``dump``, after a restart; over at once when the clock cannot tell how long it still has."""
    kept = json.loads(text)
    since, until = datetime.fromisoformat(kept["since"]), datetime.fromisoformat(kept["until"])
    left = min(until - now, until - since) if trusted else timedelta(0)
    return Shelved(kept["reason"], kept["by"], since, until, now_s + left.total_seconds())
