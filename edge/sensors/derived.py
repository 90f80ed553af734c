"""Values that nobody measures but that follow from measured ones: the table of derivations and how one is made.

A derivation is made at each reading of its main quantity, from partners of the same unit that were observed close to it.
Pure: readings in, reading out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aquaculture.ammonia import SEA_FROM_G_KG, unionized_ammonia_fraction, unionized_ammonia_mg_l
from aquaculture.carbon_dioxide import co2_fresh_mg_l
from aquaculture.ranges import OutOfRangeError, require
from aquaculture.water import oxygen_saturation_percent
from contracts.quality import QualityFlag, worst
from contracts.quantities import QUANTITIES
from contracts.telemetry import Reading
from edge.sensors.rules import PARTNER_MAX_AGE

HPA_PER_ATM = 1013.25


def _saturation(values: Mapping[str, float]) -> float:
    pressure_atm = values.get("pressure", HPA_PER_ATM) / HPA_PER_ATM
    return oxygen_saturation_percent(values["do"], values["temperature"], values["salinity"], pressure_atm)


def _ammonia(values: Mapping[str, float]) -> float:
    fraction = unionized_ammonia_fraction(values["temperature"], values["ph"], values["salinity"])
    return unionized_ammonia_mg_l(values["tan"], fraction)


def _carbon_dioxide(values: Mapping[str, float]) -> float:
    """In fresh water alone: the formula for the sea wants pH on the total scale, and probes are set in NBS buffers."""
    require("salinity_g_kg", values["salinity"], 0, SEA_FROM_G_KG, "g/kg")
    return co2_fresh_mg_l(values["alkalinity"], values["ph"], values["temperature"])


@dataclass(frozen=True)
class Derivation:
    """How one quantity follows from others.

    Attributes:
        quantity: code of what is derived.
        main: code of the quantity whose reading makes a derived one.
        needs: codes without which there is no derived value.
        takes: codes that are used where a probe measures them; else salinity is the unit's setting and pressure one atmosphere.
        formula: values by code to the derived value, None where nothing can be said; raises OutOfRangeError where it is not
            valid. ``at_s`` among the values is the wall time of the main reading in seconds.
        digits: decimals that are kept.
        forget: of a formula that looks back: called while somebody works on the main probe.
    """

    quantity: str
    main: str
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    formula: Callable[[Mapping[str, float]], float | None]
    digits: int
    forget: Callable[[], None] | None = None


DERIVATIONS: tuple[Derivation, ...] = (
    Derivation("do_sat", "do", ("temperature",), ("salinity", "pressure"), _saturation, 2),
    Derivation("nh3", "tan", ("ph", "temperature"), ("salinity",), _ammonia, 5),
    Derivation("co2", "ph", ("alkalinity", "temperature"), ("salinity",), _carbon_dioxide, 1),
)
STALE_AFTER: Mapping[str, timedelta] = {"alkalinity": timedelta(hours=24)}
"""How far from the main reading a partner may have been observed; of others ten minutes. Alkalinity is titrated, and moves by
feeding and dosing over days."""
PARTNERS = frozenset(code for one in DERIVATIONS for code in (*one.needs, *one.takes))
"""Quantities whose newest reading is kept for derivations."""


def derived_name(main_channel: str, derivation: Derivation) -> str:
    """Name of the channel that is derived from ``main_channel``: ``tank-1.do`` gives ``tank-1.do_sat``."""
    stem = main_channel.removesuffix(derivation.main)
    return f"{stem}{derivation.quantity}" if stem != main_channel else f"{main_channel}.{derivation.quantity}"


def possible(
    measured: Iterable[tuple[str, str, str]], more: Mapping[str, Sequence[Derivation]] | None = None
) -> dict[str, tuple[str, Derivation]]:
    """Derived channels of a box by name, with the channel they are made from; a measured channel of that name wins.

    Args:
        measured: name, unit and quantity of every configured channel.
        more: derivations beside the table by the channel that they are made from: what follows from one unit's fish.
    """
    measured, more = tuple(measured), more or {}
    names = {name for name, _, _ in measured}
    there = {(unit, quantity) for _, unit, quantity in measured}
    return {
        derived_name(name, one): (name, one)
        for name, unit, quantity in measured
        for one in (*DERIVATIONS, *more.get(name, ()))
        if one.main == quantity
        and all((unit, needed) in there for needed in one.needs)
        and derived_name(name, one) not in names
    }


def by_main(
    measured: Iterable[tuple[str, str, str]], more: Mapping[str, Sequence[Derivation]] | None = None
) -> dict[str, list[Derivation]]:
    """The derivations of ``possible`` by the channel that they are made from."""
    found: dict[str, list[Derivation]] = {}
    for main, derivation in possible(measured, more).values():
        found.setdefault(main, []).append(derivation)
    return found


def derive(
    derivation: Derivation, main: Reading, partners: Mapping[str, Reading], *, salinity_g_kg: float
) -> Reading | None:
    """The derived reading at the moment of ``main``; ``None`` when it cannot be known.

    Every input must be usable (not FAIL), observed close to ``main`` (ten minutes, or ``STALE_AFTER``) and inside the formula's range. The flag is the
    worst of the inputs' flags; the calibration is that of ``main``.

    Args:
        derivation: what is to be derived.
        main: reading of its main quantity.
        partners: newest readings of the same unit by quantity.
        salinity_g_kg: salinity for when no probe tells it.
    """
    if main.quality is QualityFlag.FAIL:
        return None
    if main.test == "maintenance" and derivation.forget is not None:
        derivation.forget()
        return None
    values = {derivation.main: main.value, "salinity": salinity_g_kg, "at_s": main.observed_at.timestamp()}
    quality = worst(main.quality)
    for code in (*derivation.needs, *derivation.takes):
        partner = partners.get(code)
        if (
            partner is None
            or partner.quality is QualityFlag.FAIL
            or abs(main.observed_at - partner.observed_at) > STALE_AFTER.get(code, PARTNER_MAX_AGE)
        ):
            if code in derivation.needs:
                return None
            continue
        values[code] = partner.value
        quality = worst(quality, partner.quality)
    try:
        value = derivation.formula(values)
    except OutOfRangeError:
        return None
    if value is None:
        return None
    return Reading(
        channel=derived_name(main.channel, derivation),
        unit=main.unit,
        quantity=derivation.quantity,
        value=round(value, derivation.digits),
        ucum=QUANTITIES[derivation.quantity].ucum,
        observed_at=main.observed_at,
        quality=quality,
        test="inputs" if quality is not QualityFlag.GOOD else None,
        calibration=main.calibration,
        derived=True,
    )
