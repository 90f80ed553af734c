"""What a site says about the quality of its measurements: its own thresholds by channel, and which probe hangs where."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from aquaculture.quality import QualityLimits, default_limits_for
from aquaculture.quality.thresholds import NUMBERS
from contracts.base import ChannelName
from edge.sections import Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


def _known_limit(name: str) -> str:
    if name not in NUMBERS:
        near = difflib.get_close_matches(name, NUMBERS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown limit.{hint} Known are {', '.join(sorted(NUMBERS))}")
    return name


LimitName = Annotated[str, AfterValidator(_known_limit)]
Month = Annotated[int, Field(ge=1, le=12)]


class ChannelQualitySettings(Section):
    """What one channel has of its own."""

    channel: ChannelName
    """Channel that it applies to, a derived one too (``tank-1.do_sat``)."""
    probe: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
    """Serial number of the probe; its calibration is in ``<calibration_dir>/<probe>.yaml``. None applies none."""
    place: str = Field(default="", max_length=40)
    """Where in the unit the probe hangs (``inlet``, ``2 m``). Only probes of one place are compared with each other."""
    limits: dict[LimitName, float | None] = Field(default_factory=dict)
    """Thresholds of this channel by name, in its unit, as in aquaculture/quality/thresholds.py; null leaves a test out."""
    months: dict[Month, tuple[float, float]] = Field(default_factory=dict)
    """Lowest and highest value by month (1 to 12); outside them a value is suspect. Empty leaves the test out."""

    def applied_to(self, limits: QualityLimits) -> QualityLimits:
        """The limits with this channel's own."""
        whole = {"stuck_count", "stuck_fail_count", "flat_count"}
        always = {"low", "high", "spike_share", "flat_tolerance", "gap_s", *whole}
        changes: dict[str, Any] = {
            name: int(value) if name in whole and value is not None else value
            for name, value in self.limits.items()
            if value is not None or name not in always
        }
        return replace(limits, months=dict(self.months) or limits.months, **changes)


class QualitySettings(Section):
    """How measurements are judged."""

    calibration_dir: Path | None = None
    """Folder of the probes' calibration records; None is ``calibration`` in ``data_dir``."""
    channels: tuple[ChannelQualitySettings, ...] = ()
    """Channels with a probe of their own or thresholds other than the defaults."""

    def folder(self, data_dir: Path) -> Path:
        """Where the calibration records are."""
        return self.calibration_dir if self.calibration_dir is not None else data_dir / "calibration"

    def of(self, channel: str) -> ChannelQualitySettings:
        """What is set for a channel; the defaults when nothing is."""
        return next((one for one in self.channels if one.channel == channel), ChannelQualitySettings(channel=channel))

    def probes(self, quantities: Mapping[str, str]) -> dict[str, str]:
        """Quantity of every probe by its serial, from the quantities of the channels."""
        return {one.probe: quantities[one.channel] for one in self.channels if one.probe is not None}

    def limits_of(self, channel: str, quantity: str) -> QualityLimits:
        """Limits of a channel: the defaults of its quantity, and what is set for it."""
        return self.of(channel).applied_to(default_limits_for(quantity))
