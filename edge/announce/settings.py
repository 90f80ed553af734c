"""Settings of what the box announces to Home Assistant."""

from __future__ import annotations

from pydantic import Field

from edge.sections import MqttSettings, Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class AnnounceSettings(Section):
    """Values and alarms of this box as entities of Home Assistant; read only."""

    broker: MqttSettings = MqttSettings()
    """The broker that Home Assistant listens to."""
    prefix: str = Field(default="homeassistant", pattern=r"^[^+#]+$")
    """Discovery prefix of Home Assistant."""
    every_s: float = Field(default=10.0, ge=1, le=600)
    """Seconds between two publications; after three without one Home Assistant shows a value as unavailable."""
