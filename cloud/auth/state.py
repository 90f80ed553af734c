"""Lockout after failed logins, as a state machine over ``now``. It does no I/O and needs no clock.

Three counters stand in the way of guessing: per account and address (a typing error locks nobody else out), per address
(one machine trying many accounts) and per account (many machines trying one). State is bounded and per process.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
"""Failures older than this are forgotten."""
LOCK = timedelta(minutes=5)
"""How long a counter that is full stays closed after the last failure."""
LIMITS = {"pair": 5, "address": 30, "account": 20}
"""Failures within the window that close each counter."""
CAPACITY = 20_000
"""Counters kept; beyond it the one that was touched longest ago is forgotten."""


@dataclass
class _Counter:
    failures: int
    last: datetime


class Lockouts:
    """Failed logins of the recent past."""

    def __init__(self) -> None:
        self._counters: OrderedDict[tuple[str, str], _Counter] = OrderedDict()

    def retry_after_s(self, email: str, address: str, now: datetime) -> int | None:
        """Seconds until a login of this account from this address is looked at again, or None when it may try now."""
        waits = [
            (counter.last + LOCK - now).total_seconds()
            for key in _keys(email, address)
            if (counter := self._counters.get(key)) is not None and counter.failures >= LIMITS[key[0]]
        ]
        longest = max(waits, default=0.0)
        return int(longest) + 1 if longest > 0 else None

    def failed(self, email: str, address: str, now: datetime) -> None:
        """Count one wrong password (or unknown account, which looks the same)."""
        for key in _keys(email, address):
            counter = self._counters.pop(key, None)
            if counter is None or now - counter.last > (LOCK if counter.failures >= LIMITS[key[0]] else WINDOW):
                counter = _Counter(0, now)
            counter.failures += 1
            counter.last = now
            self._counters[key] = counter
        while len(self._counters) > CAPACITY:
            self._counters.popitem(last=False)

    def succeeded(self, email: str, address: str) -> None:
        """Forget the typing errors of this account at this address; the wider counters stay."""
        self._counters.pop(_keys(email, address)[0], None)


def _keys(email: str, address: str) -> tuple[tuple[str, str], ...]:
    return ("pair", f"{email} {address}"), ("address", address), ("account", email)
