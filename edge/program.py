"""The agent as a program: what ``shoal edge run | check | doctor`` and ``python -m edge`` call."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from edge.agent import Agent
from edge.check import check as check_settings
from edge.doctor import Finding, examine
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
    """Check a configuration without starting anything; returns the settings.

    Raises:
        ConfigurationError: the first thing that is wrong.
    """
    settings = load_settings(config_path)
    check_settings(settings)
    return settings


def doctor(config_path: Path | str) -> Sequence[Finding]:
    """Examine the box.

    Raises:
        ConfigurationError: the configuration file itself cannot be read.
    """
    configure_logging("error")  # the findings are the output
    return tuple(examine(load_settings(config_path)))


def configure_logging(level: str) -> None:
    """One JSON object per event on standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
