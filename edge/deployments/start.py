"""What the agent starts with: its own file, with the fleet's configuration on top where that can be used."""

from __future__ import annotations

from pathlib import Path

import structlog

from contracts.errors import ConfigurationError
from edge.check import check, check_keys
from edge.deployments.config_updater import FOLDER, fall_back, settle
from edge.deployments.overlay import Overlay, Overlays, parse
from edge.settings import EdgeSettings, load_settings

log = structlog.get_logger()

DEPLOYMENTS = "deployments"
"""Name of the folder in ``data_dir``."""


def config_folder(data_dir: Path) -> Path:
    """Where the fleet's configurations lie."""
    return data_dir / DEPLOYMENTS / FOLDER


def settings_to_start_with(path: Path | str) -> tuple[EdgeSettings, Overlay | None]:
    """The settings, and the configuration of the fleet that is in them; a configuration that cannot be used is taken back.

    Raises:
        ConfigurationError: the box's own file cannot be used.
    """
    own = load_settings(path)
    if own.deployments is None:
        return own, None
    folder = config_folder(own.data_dir)
    overlays = Overlays(folder)
    overlay = settle(folder, overlays, max_boots=own.deployments.probation.max_boots)
    while overlay is not None:
        try:
            settings = load_settings(path, overlays.read(overlay))
            check(settings)
        except ConfigurationError as error:  # noqa: PERF203  (three times at most)
            log.error("config.not_usable", name=overlay.name, version=overlay.version, reason=str(error))  # noqa: TRY400  (it is handled)
            overlay = fall_back(folder, overlays, f"the agent does not start with it: {error}")
        else:
            return settings, overlay
    return own, None


def settings_in_effect(path: Path | str) -> EdgeSettings:
    """The settings of an agent that runs or would be started, for somebody who only looks: counts no start, takes nothing back.

    Raises:
        ConfigurationError: the box's own file cannot be used.
    """
    try:
        return settings_with_the_fleets(path)
    except ConfigurationError:
        return load_settings(path)


def settings_with_the_fleets(path: Path | str) -> EdgeSettings:
    """The same, for a version that would take the other's place: with it, the fleet's configuration must not be taken back.

    Raises:
        ConfigurationError: the box's own file, or the fleet's configuration on top of it, cannot be used.
    """
    own = load_settings(path)
    if own.deployments is None:
        return own
    overlays = Overlays(config_folder(own.data_dir))
    overlay, _ = overlays.pointer()
    return own if overlay is None else load_settings(path, overlays.read(overlay))


def would_start(path: Path | str, content: bytes) -> None:
    """Whether the agent could start with a configuration, while another one runs.

    Raises:
        ConfigurationError: it could not.
    """
    settings = load_settings(path, parse(content))
    check(settings, beside_the_agent=True)
    check_keys(settings)
