"""The simulated farm: three units of different kinds, stepped together and measured by noisy probes.

Time is an argument everywhere: ``elapsed_s`` is real seconds since the demo began, ``speed`` how many simulated seconds
pass in each of them. A simulator that was killed and restarted with the same beginning continues the same day.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from shoal.simulate import faults, water
from shoal.simulate.faults import Fault, FaultKind
from shoal.simulate.units import DEFAULT_UNITS
from shoal.simulate.water import UnitModel, WaterState

START_HOUR = 10.0
"""The demo begins in the morning, so that night falls while somebody may still be watching."""
MAX_CATCH_UP_S = 30.0
"""A simulator that was stopped for longer starts from settled water instead of computing the gap."""


@dataclass(frozen=True)
class Sample:
    """What the probe of one unit reports; ``None`` in place of a sample is silence."""

    do_mg_l: float
    temperature_c: float
    ph: float
    salinity: float


@dataclass
class Unit:
    """One unit of the running farm: its model, its water, its aerator and its probe."""

    model: UnitModel
    rng: np.random.Generator
    state: WaterState
    elapsed_s: float
    commanded_on: bool = True
    faults: frozenset[FaultKind] = frozenset()
    _stuck: Sample | None = field(default=None, repr=False)

    @property
    def aerator_on(self) -> bool:
        """Whether the aerator really runs."""
        return self.commanded_on and FaultKind.AERATOR not in self.faults

    @property
    def aerator_current_a(self) -> float:
        """Motor current: the proof that it runs."""
        if self.model.aerator_kla_h == 0 or not self.aerator_on:
            return 0.0
        return float(6.2 + self.rng.normal(0, 0.05))

    def sample(self) -> Sample | None:
        """What the probe says now: noisy, stuck or silent."""
        if FaultKind.SENSOR_SILENT in self.faults:
            return None
        if FaultKind.SENSOR_STUCK in self.faults and self._stuck is not None:
            return self._stuck
        noise = self.rng.normal(0, 1, 4)
        self._stuck = Sample(
            do_mg_l=max(0.0, self.state.do_mg_l + 0.02 * float(noise[0])),
            temperature_c=self.state.temperature_c + 0.015 * float(noise[1]),
            ph=self.state.ph + 0.006 * float(noise[2]),
            salinity=max(0.0, self.model.salinity + 0.02 * float(noise[3])),
        )
        return self._stuck


class Farm:
    """All units of one site.

    Args:
        units: what there is.
        seed: decides the noise.
        speed: simulated seconds per real second.
        schedule: what fails when.
        elapsed_s: real seconds since the demo began.
    """

    def __init__(
        self,
        units: tuple[UnitModel, ...] = DEFAULT_UNITS,
        *,
        seed: int = 1,
        speed: float = 60.0,
        schedule: tuple[Fault, ...] = faults.DEFAULT_SCHEDULE,
        elapsed_s: float = 0.0,
    ) -> None:
        self.speed = speed
        self._schedule = schedule
        hours = self._hours(elapsed_s)
        self.units = {
            model.slug: Unit(model, np.random.default_rng([seed, number]), water.start(model, hours), elapsed_s)
            for number, model in enumerate(units)
        }

    def advance(self, elapsed_s: float) -> None:
        """Let the farm run until ``elapsed_s``."""
        for unit in self.units.values():
            unit.faults = faults.active(self._schedule, unit.model.slug, elapsed_s)
            gap_s = elapsed_s - unit.elapsed_s
            if gap_s > MAX_CATCH_UP_S:
                unit.state = water.start(unit.model, self._hours(elapsed_s), aerator_on=unit.aerator_on)
            else:
                unit.state = water.advance(
                    unit.model, unit.state, hours=max(0.0, gap_s) * self.speed / 3600, aerator_on=unit.aerator_on
                )
            unit.elapsed_s = elapsed_s

    def _hours(self, elapsed_s: float) -> float:
        return START_HOUR + elapsed_s * self.speed / 3600
