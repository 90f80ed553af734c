"""Which drivers there are: our own by name, and those that installed packages bring as entry points.

A package adds a driver without touching this one: it declares ``[project.entry-points."shoal.edge.drivers"]`` with
``name = "package.module:KIND"``, where KIND is a ``DriverKind``. Our own names cannot be taken over.
"""

from __future__ import annotations

import difflib
import importlib
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Annotated, Any, TypeAlias

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from contracts.errors import ConfigurationError
from edge.sensors.driver import DriverContext, DriverKind, SensorDriver
from edge.sensors.settings import SensorSettings

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.

GROUP = "shoal.edge.drivers"
OURS: dict[str, str] = {
    "mqtt": "edge.sensors.drivers.mqtt:KIND",
    "replay": "edge.sensors.drivers.replay:KIND",
    "sparkplug": "edge.sensors.drivers.sparkplug:KIND",
    "home_assistant": "edge.sensors.drivers.home_assistant:KIND",
    "modbus": "edge.sensors.drivers.modbus:KIND",
}


def driver_names() -> list[str]:
    """Every driver that a sensor can name."""
    return sorted({*OURS, *(point.name for point in entry_points(group=GROUP))})


@lru_cache(maxsize=64)
def driver_kind(name: str) -> DriverKind:
    """The driver of this name; its module is imported by the first sensor that asks.

    Raises:
        ConfigurationError: there is none, it cannot be imported, or two packages bring one of this name.
    """
    if name in OURS:
        module, _, attribute = OURS[name].partition(":")
        kind: Any = getattr(importlib.import_module(module), attribute)
    else:
        points = list(entry_points(group=GROUP, name=name))
        if not points:
            near = difflib.get_close_matches(name, driver_names(), n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise ConfigurationError(
                "driver", name, f"There is no such driver. {hint}Installed are {', '.join(driver_names())}."
            )
        if len({point.value for point in points}) > 1:
            both = " and ".join(sorted(point.value for point in points))
            raise ConfigurationError("driver", name, f"Two packages bring it ({both}): uninstall one of them.")
        try:
            kind = points[0].load()
        except Exception as error:  # it is somebody else's code
            raise ConfigurationError(
                "driver", name, f"{points[0].value} cannot be imported ({error}): reinstall or update its package."
            ) from error
    if not isinstance(kind, DriverKind) or not issubclass(kind.settings, SensorSettings):
        raise ConfigurationError("driver", name, "Its entry point is no DriverKind: tell the author of its package.")
    return kind


def open_driver(settings: SensorSettings, context: DriverContext) -> SensorDriver:
    """The driver of a sensor; nothing is connected yet."""
    return driver_kind(settings.driver).open(settings, context)


def _by_driver(value: Any, _handler: ValidatorFunctionWrapHandler) -> SensorSettings:
    """Check a sensor with the settings of the driver that it names."""
    if isinstance(value, SensorSettings):
        return value
    name = value.get("driver", "mqtt") if isinstance(value, dict) else "mqtt"
    try:
        kind = driver_kind(str(name))
    except ConfigurationError as error:
        # In pydantic's form, so that the field gets the number of the sensor.
        detail = InitErrorDetails(
            type=PydanticCustomError("driver", "{remedy}", {"remedy": error.remedy.removesuffix(".")}),
            loc=("driver",),
            input=name,
        )
        raise ValidationError.from_exception_data("SensorSettings", [detail]) from error
    return kind.settings.model_validate(value)


AnySensor: TypeAlias = Annotated[SensorSettings, WrapValidator(_by_driver)]
"""A sensor with the settings of its driver."""
