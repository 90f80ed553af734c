"""Causes of death in two levels, as records of mortality name them.

Source: cause classes of Norwegian cage records (facts of the field: handling and treatment 29 %, infectious 17 %, smolt-related
10 % of dead fish). "unknown" is allowed and is itself a figure to watch.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CAUSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "infectious": ("bacterial", "viral", "parasite", "fungal", "gill_disease"),
        "environment": ("oxygen", "temperature", "h2s", "algae", "jellyfish", "ammonia", "ph"),
        "handling": ("transport", "grading", "vaccination", "net_change"),
        "treatment": ("thermal", "mechanical", "freshwater", "medicinal"),
        "production": ("runt", "failed_smolt", "deformity", "maturation"),
        "predation": ("bird", "seal", "fish"),
        "injury": ("wound", "ulcer"),
        "euthanised": (),
        "unknown": (),
    }
)
"""Main cause to its details; every main cause may stand without a detail."""


def cause_fault(cause: str, detail: str | None) -> str | None:
    """Why this cause cannot be recorded, with what can; None when it can (source: the table above)."""
    if cause not in CAUSES:
        return f"unknown cause {cause!r}; use one of {', '.join(CAUSES)}"
    if detail is not None and detail not in CAUSES[cause]:
        known = ", ".join(CAUSES[cause]) or "no detail"
        return f"unknown detail {detail!r} of {cause}; use {known}"
    return None
