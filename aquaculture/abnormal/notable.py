"""Which quantities are judged, and which deviation of each is worth a person's time.

The numbers are ours: about half of what separates a good day from a bad one in ``limits.csv``, and several times what a field
probe is off by (docs/abnormal.md). A farm that wants more or less changes them here. Source: docs/abnormal.md.
"""

from __future__ import annotations

from aquaculture.abnormal.stream import Tuning

TUNINGS: dict[str, Tuning] = {
    "do": Tuning(notable=0.5),
    "do_sat": Tuning(notable=5.0),
    "temperature": Tuning(notable=0.5),
    "ph": Tuning(notable=0.15),
    "salinity": Tuning(notable=0.5),
    "conductivity": Tuning(notable=0.05, logarithmic=True),
    "turbidity": Tuning(notable=1.0, logarithmic=True),
    "orp": Tuning(notable=20.0),
    "co2": Tuning(notable=2.0),
    "tan": Tuning(notable=0.2),
    "no2": Tuning(notable=0.1),
    "flow": Tuning(notable=0.1, logarithmic=True),
    "level": Tuning(notable=3.0),
}
"""By quantity; what is not here is not judged."""
