"""Severities in order. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.alarms import Severity


def worst(counts: Mapping[Severity, int]) -> Severity | None:
    """The most severe kind that occurs, or None; severities are declared from most to least severe."""
    return next((severity for severity in Severity if counts.get(severity, 0) > 0), None)
