"""The agent as a program: what ``shoal edge run | check | doctor`` and ``python -m edge`` call."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from edge.agent import Agent
from edge.check import archive_of_the_agent, check_keys
from edge.check import check as check_settings
from edge.deployments.start import settings_in_effect, settings_to_start_with, would_start
from edge.doctor import Finding, examine
from edge.logs import configure_logging
from edge.sensors.commands import check_calibrations
from edge.settings import EdgeSettings, load_settings


def run(config_path: Path | str) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: the settings cannot be used; nothing was started.
    """
    settings, overlay = settings_to_start_with(config_path)
    configure_logging(settings.log_level)
    agent = Agent(settings, overlay=overlay, config_file=config_path, would_start=partial(would_start, config_path))
    agent.run_forever()
    if agent.start_anew_because:
        start_anew()


def start_anew() -> None:
    """The same program in the place of this process, by way of the launcher where that has started it.

    Whoever looks after it sees neither an end nor another id.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    from edge.deployments.agent_slots import launch

    if (launched := launch()) is not None:
        os.execv(launched.command[0], launched.command)  # noqa: S606  (as the launcher was started)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  (ourselves, as we were started)


def check(config_path: Path | str) -> EdgeSettings:
    """Check a configuration without starting anything, also beside the agent that runs with it; returns the settings.

    Raises:
        ConfigurationError: the first thing that is wrong.
    """
    settings = load_settings(config_path)
    check_settings(settings, beside_the_agent=True)
    check_keys(settings)
    check_calibrations(settings)
    return settings


def self_test(config_path: Path | str) -> dict[str, str]:
    """Whether this version works here, asked by the one that runs before it is started in its place; what it is.

    Raises:
        ConfigurationError: it would not work.
    """
    from edge.self_test import self_test as test

    configure_logging("error")  # what it says is read by the version before
    return test(config_path)


def doctor(config_path: Path | str) -> Sequence[Finding]:
    """Examine the box.

    Raises:
        ConfigurationError: the configuration file itself cannot be read.
    """
    configure_logging("error")  # the findings are the output
    return tuple(examine(load_settings(config_path)))


def diagnostics(config_path: Path | str, *, pin: str = "") -> tuple[str, bytes]:
    """An archive for whoever helps this box: the running agent's, or one of the box alone when no agent answers.

    Args:
        config_path: of the agent's settings.
        pin: of the box; not needed where its page listens on this machine's own address.

    Returns:
        A name for the file, and its content.

    Raises:
        ConfigurationError: the configuration file itself cannot be read.
    """
    from edge.clock import SystemClock
    from edge.diagnostics.bundle import FILE_FORM, pack
    from edge.diagnostics.facts import gather
    from edge.diagnostics.redaction import Redaction, secrets_of

    configure_logging("error")
    settings = settings_in_effect(config_path)
    clock = SystemClock(assume_synchronised=settings.clock.assume_synchronised)
    content = archive_of_the_agent(settings, pin=pin)
    if content is not None:
        return clock.now().strftime(FILE_FORM), content
    facts = gather(settings, clock=clock, by="command line", findings=examine(settings))
    bundle = pack(facts, Redaction(secrets_of(settings)))
    return bundle.name, bundle.content
