"""Quality flags of QARTOD and the tests that give them.

Flags: IOOS Manual for Real-Time Oceanographic Data Quality Control Flags (2020). Tests: IOOS QARTOD Manual for Real-Time
Quality Control of Dissolved Oxygen Observations, version 2.1 (2018); ``source`` names its test where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class QualityFlag(IntEnum):
    """How far a value can be trusted. The numbers are the standard's and are stored as they are."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


_RANK = {
    QualityFlag.NOT_EVALUATED: 0,
    QualityFlag.GOOD: 1,
    QualityFlag.SUSPECT: 2,
    QualityFlag.FAIL: 3,
    QualityFlag.MISSING: 4,
}


def worst(*flags: QualityFlag) -> QualityFlag:
    """The flag that decides when several tests ran: FAIL over SUSPECT over GOOD over NOT_EVALUATED; MISSING wins."""
    return max(flags, key=_RANK.__getitem__, default=QualityFlag.NOT_EVALUATED)


@dataclass(frozen=True)
class QualityTest:
    """One test by name: what its failure means and what to do about it.

    Attributes:
        name: as on the wire in ``Reading.test``.
        meaning: what a person should understand when it fails.
        remedy: what to do at the tank.
        source: the test of the QARTOD manual, or where else it comes from.
        slow: it judges the probe over hours or days; its begin and end are worth an event.
    """

    name: str
    meaning: str
    remedy: str
    source: str
    slow: bool = False


_ALL = (
    QualityTest(
        "maintenance",
        "Somebody works on the probe or its unit; the value is kept and not trusted",
        "End the maintenance when the probe is back in the water",
        "Shoal decision 0015",
    ),
    QualityTest(
        "not_a_number",
        "The probe sent something that is not a finite number",
        "Check the probe's cable and its mapping",
        "QARTOD Test 2 (Syntax)",
    ),
    QualityTest(
        "sentinel",
        "The probe sent the number that it sends instead of a value",
        "Read the probe's own diagnosis",
        "QARTOD Test 2 (Syntax)",
    ),
    QualityTest(
        "device_quality",
        "The probe or its gateway says that the value is not good",
        "Read the probe's own diagnosis",
        "QARTOD section 3: what the instrument knows is passed on",
    ),
    QualityTest(
        "gross_range",
        "Outside what the sensor can report",
        "Check the probe, its cable and the scale of its mapping",
        "QARTOD Test 4 (Gross Range), sensor span",
    ),
    QualityTest(
        "operator_span",
        "Outside what this site has ever seen in this channel",
        "Measure by hand meter; correct the span when the value is real",
        "QARTOD Test 4 (Gross Range), operator-selected span",
    ),
    QualityTest(
        "climatology",
        "Outside what this channel shows in this month of the year",
        "Measure by hand meter; correct the month's range when the value is real",
        "QARTOD Test 5 (Climatology)",
    ),
    QualityTest(
        "stuck",
        "The probe has repeated the very same number for too long",
        "Restart the probe and its node; measure by hand meter until it moves again",
        "QARTOD Test 8 (Flat Line), tolerance 0",
        slow=True,
    ),
    QualityTest(
        "flat_line",
        "The value moves less than living water does",
        "Check that the probe hangs in the water and is not covered",
        "QARTOD Test 8 (Flat Line)",
        slow=True,
    ),
    QualityTest(
        "rate_of_change",
        "The value changed faster than this water can",
        "Check for air bubbles, a probe out of the water, a loose cable",
        "QARTOD Test 7 (Rate of Change)",
    ),
    QualityTest(
        "spike",
        "One value far from its neighbours",
        "None when it is alone; many in an hour mean a loose cable or bubbles",
        "QARTOD Test 6 (Spike), one-sided because a reading leaves the box at once",
    ),
    QualityTest(
        "disagreement",
        "Probes of the same quantity in the same unit contradict each other",
        "Measure by hand meter; clean and calibrate the probe that is off",
        "QARTOD Test 11 (Neighbor or Forecast)",
        slow=True,
    ),
    QualityTest(
        "pair_drift",
        "The difference to the other probes has moved since the last calibration",
        "Clean and calibrate the probe that is off",
        "QARTOD Test 11 (Neighbor or Forecast), over days",
        slow=True,
    ),
    QualityTest(
        "fouling",
        "Daily means have crept one way for days, as a fouled probe does",
        "Clean the probe, then compare with a hand meter",
        "after Wagner et al. 2006, USGS Techniques and Methods 1-D3 (fouling drift)",
        slow=True,
    ),
    QualityTest(
        "calibration_expired",
        "The calibration is past its date",
        "Calibrate the probe: shoal edge calibrate",
        "Shoal decision 0015",
    ),
    QualityTest(
        "inputs",
        "Derived from a value that is not good itself",
        "See the channels that it is derived from",
        "the worst flag of the inputs",
    ),
    QualityTest(
        "node_clock",
        "The node's clock was wrong; the reading is stamped on arrival",
        "Set the node's clock; fit a battery",
        "QARTOD Test 1 (Timing)",
    ),
    QualityTest(
        "clock_step",
        "The box's own clock went back; the reading is stamped after the one before it",
        "Check time synchronisation: shoal edge doctor",
        "QARTOD Test 1 (Timing)",
    ),
)

QUALITY_TESTS: dict[str, QualityTest] = {test.name: test for test in _ALL}
"""Every test by name, in the order that decides which one is named when several fail with the same flag."""

TEST_ORDER: dict[str, int] = {name: index for index, name in enumerate(QUALITY_TESTS)}
"""Place of a test in that order."""
