"""Replay of recorded series."""

from __future__ import annotations

from contracts.errors import ConfigurationError
from edge.sensors.driver import DriverContext, DriverKind, SensorDriver
from edge.sensors.drivers.replay.settings import ReplaySensor


def _open(settings: ReplaySensor, context: DriverContext) -> SensorDriver:
    from edge.sensors.drivers.replay.driver import ReplayDriver

    return ReplayDriver(settings, context)


def _check(settings: ReplaySensor, field: str) -> None:
    """The file is there, and its first moment can be read."""
    from edge.sensors.drivers.replay.series import SeriesError, play

    try:
        next(play(settings), None)
    except SeriesError as error:
        raise ConfigurationError(
            f"{field}.file", str(settings.file), f"It is not laid out as the settings say: {error}."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{field}.file", str(settings.file), f"Write the path of a readable CSV file: {error}."
        ) from error


KIND = DriverKind(ReplaySensor, _open, _check)
