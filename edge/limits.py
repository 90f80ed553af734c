"""Limits of a unit's fish: the sourced table, and what the site says instead of it or beside it. Pure.

Guard, derived channels and checks all ask here, so that they cannot disagree.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from aquaculture.limits import Limit, Side, SiteLimit, known_species, limits_for
from contracts.alarms import Severity

if TYPE_CHECKING:
    from contracts.devices import ChannelInventory
    from edge.settings import AlarmSettings, UnitSettings

SITE_SETTING = "site setting"
"""Source of a limit that stands in the configuration file."""
_OXYGEN = frozenset({"do", "do_sat"})


def limits_of(unit: UnitSettings, alarms: AlarmSettings) -> tuple[Limit, ...]:
    """Limits of the table for this unit's fish, and those that only the site has; their values are still the table's."""
    table = limits_for(unit.species, unit.stage, fresh=unit.fresh)
    known = {limit.definition for limit in table}
    added = [
        one
        for one in alarms.overrides
        if one.limit is not None and one.unit in {None, unit.slug} and one.definition not in known
    ]
    own = [
        SiteLimit(quantity, Side(side), Severity(severity), one.limit, SITE_SETTING, "the farm", date.min)
        for one in added
        for quantity, side, severity in one.bounds()
    ]
    return limits_for(unit.species, unit.stage, fresh=unit.fresh, site=own) if own else table


def without_oxygen_limit(
    channels: Sequence[ChannelInventory], units: Sequence[UnitSettings], alarms: AlarmSettings
) -> list[str]:
    """Units whose oxygen is measured and judged by nothing, in words: the limits do not know these fish in this water."""
    found = []
    for unit in units:
        measured = any(channel.unit == unit.slug and channel.quantity in _OXYGEN for channel in channels)
        if measured and not any(limit.quantity in _OXYGEN for limit in limits_of(unit, alarms)):
            fish = f"{unit.species or 'any fish'}, {unit.stage}, {'fresh' if unit.fresh else 'sea'} water"
            found.append(
                f"no limit watches the oxygen of {unit.name or unit.slug} ({fish}): add"
                f" '- {{definition: do.low.critical, unit: {unit.slug}, limit: ...}}' to alarms.overrides"
            )
    return found


def meant_species(species: str) -> str | None:
    """The species of the table that a misspelt one must mean; None when it is known, or really another.

    Genus and epithet are compared apart: a relative of a known species is no misspelling of it.
    """
    known = known_species()
    if not species or species in known:
        return None
    plain = species.strip().lower().replace(" ", "_").replace("-", "_")
    for name in known:
        pairs = list(zip(name.split("_"), plain.split("_"), strict=False))
        alike = [difflib.SequenceMatcher(None, ours, theirs).ratio() for ours, theirs in pairs]
        if plain == name or (plain.count("_") == 1 and min(alike) >= _ALIKE):
            return name
    return None


_ALIKE = 0.75
