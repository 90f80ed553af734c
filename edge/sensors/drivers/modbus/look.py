"""Asks every slave of a line once and tells what it measures: what a person wants to see who has just wired a probe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contracts.errors import ConfigurationError
from contracts.quantities import QUANTITIES, with_unit
from edge.sensors.driver import Looked
from edge.sensors.drivers.modbus.bus import Bus, LineLostError, PymodbusBus, SlaveRefusedError, SlaveSilentError
from edge.sensors.drivers.modbus.driver import Station, ask, read_values, stations_of
from edge.sensors.drivers.modbus.registers import MisfitError
from edge.sensors.drivers.modbus.settings import ModbusSensor


def look(settings: ModbusSensor) -> Iterable[Looked]:
    """One finding per slave; one alone when the line cannot be opened."""
    try:
        stations = stations_of(settings)
    except ConfigurationError as error:
        return [Looked("map", well=False, what=str(error), remedy=error.remedy)]
    bus = PymodbusBus(settings, next(iter(stations.values())).probe.line)
    try:
        bus.open()
        return list(_each(bus, stations))
    except LineLostError as error:
        remedy = (
            "Check the cable, the name of the port and its rights; stop the agent, which holds the line while it runs"
        )
        return [Looked("line", well=False, what=str(error), remedy=remedy)]
    finally:
        bus.close()


def _each(bus: Bus, stations: dict[str, Station]) -> Iterator[Looked]:
    for name, station in stations.items():
        subject = f"slave {name} (address {station.address}, {station.probe.name})"
        try:
            readings, misfits = read_values(station, ask(bus, station, identify=True))
        except SlaveSilentError as error:
            yield Looked(subject, well=False, what=str(error), remedy="Check power, A and B, address, speed and parity")
        except (SlaveRefusedError, MisfitError) as error:
            yield Looked(subject, well=False, what=str(error), remedy="Name the register map of this probe")
        else:
            values = [
                f"{r.channel.name} {with_unit(r.value, QUANTITIES[r.channel.quantity])}"
                + (f" ({r.quality.name.lower()}: {r.test})" if r.quality is not None and r.test else "")
                for r in readings
            ]
            wrong = [f"{channel}: {misfit}" for channel, misfit in misfits.items()]
            remedy = "Correct the register map, or the unit in the probe" if wrong else ""
            yield Looked(subject, well=not wrong, what="; ".join(values + wrong), remedy=remedy)
