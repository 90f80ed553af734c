"""Decisions about predictions without I/O: how sure an answer is, which version a unit gets, what a model may take."""

from __future__ import annotations

import hashlib
from enum import Enum

HIGH = 0.9
"""On Fish4Knowledge crops split by track, answers from here on were right in 99.2 % and were 92 % of all."""
MEDIUM = 0.6
"""Between, a person should look; below, the answer is a hint."""
MEMORY_FACTOR = 3
"""Memory of a loaded model in sizes of its file: the weights once, packed for the processor once more, and room to compute."""
MEMORY_BASE = 16_000_000
"""Bytes of a session without its weights."""


class Level(str, Enum):
    """How much a classification can be relied on."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def level_of(confidence: float, *, unknown: bool) -> Level:
    """The level of a confidence; ``unknown`` is never more than low, whatever the best guess had."""
    if unknown or confidence < MEDIUM:
        return Level.LOW
    return Level.HIGH if confidence >= HIGH else Level.MEDIUM


def takes_candidate(experiment: str, unit: str, share: float) -> bool:
    """Whether this unit belongs to the part that gets the candidate version.

    The same unit always gives the same answer, on every replica and after every restart; another experiment draws anew.

    Args:
        experiment: names the split, such as ``fish-species@1.1.0``.
        unit: any stable name of the unit.
        share: of units that get the candidate, 0 to 1.
    """
    digest = hashlib.sha256(f"{experiment}\n{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


def version_key(version: str) -> tuple[int, ...]:
    """Orders versions by their numbers: 1.10.0 comes after 1.9.0."""
    return tuple(int(part) for part in version.split("."))


def memory_of(file_bytes: int) -> int:
    """Bytes that a loaded model is counted with."""
    return MEMORY_BASE + MEMORY_FACTOR * file_bytes


def retry_after_s(waiting: int, latency_ms: float) -> int:
    """Whole seconds until a queue of this length has passed, at least one."""
    return max(1, min(60, round(waiting * latency_ms / 1000)))
