"""As ``bridge``, with 20 readings in each message: what a farm sends, in readings a second from MQTT to Kafka.

The floor is Mosquitto's own ceiling for the same messages, C to C. The agreed bar is 100,000 readings a second on two
processors (``details``), whatever the floor.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.bridge import measure

READINGS = 20
BAR_READINGS_PER_S = 100_000


def run(quick: bool) -> dict[str, Any]:
    """Measure; one JSON object."""
    outcome = measure("bridge_batched", quick=quick, messages=2_000 if quick else 20_000, readings=READINGS, bar=0.8)
    del outcome["bar"]
    outcome["details"] |= {"readings_per_message": READINGS, "bar_readings_per_s": BAR_READINGS_PER_S}
    return outcome
