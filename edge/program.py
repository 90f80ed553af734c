"""The agent as a program: what ``shoal edge run | check | doctor`` and ``python -m edge`` call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.agent import Agent
from edge.check import check as check_settings
from edge.doctor import Finding, examine
from edge.logs import configure_logging
from edge.sensors.commands import check_calibrations
from edge.settings import EdgeSettings, load_settings


def run(config_path: Path | str) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: the settings cannot be used; nothing was started.
    """
    settings = load_settings(config_path)
    configure_logging(settings.log_level)
    Agent(settings).run_forever()


def check(config_path: Path | str) -> EdgeSettings:
    """Check a configuration without starting anything, also beside the agent that runs with it; returns the settings.

    Raises:
        ConfigurationError: the first thing that is wrong.
    """
    settings = load_settings(config_path)
    check_settings(settings, beside_the_agent=True)
    check_calibrations(settings)
    return settings


def doctor(config_path: Path | str) -> Sequence[Finding]:
    """Examine the box.

    Raises:
        ConfigurationError: the configuration file itself cannot be read.
    """
    configure_logging("error")  # the findings are the output
    return tuple(examine(load_settings(config_path)))
