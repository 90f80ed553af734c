"""Alarms on the box: raised once, cleared after the deadband, remembered over restarts, silence is an alarm too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest

from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.commands import Command
from contracts.devices import ChannelInventory
from contracts.envelope import Envelope, decode
from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from edge.errors import CommandRefusedError, OutboxUnavailableError
from edge.guard.alarms import AlarmGuard
from edge.guard.orders import Orders
from edge.guard.rules import Watch, in_effect, plan, plan_silence
from edge.limits import without_oxygen_limit
from edge.outbox.publisher import compose
from edge.outbox.store import Outbox
from edge.settings import AlarmOverride, AlarmSettings, UnitSettings
from tests.edge.farm import START, VirtualClock, new_outbox

if TYPE_CHECKING:
    from edge.guard.guard import Guard

UNIT = UnitSettings(slug="tank-1", species="salmo_salar", stage="fry")
SETTINGS = AlarmSettings(on_delay_s=30, off_delay_s=60, silence_after_s=60)


def channel(quantity: str, ucum: str) -> ChannelInventory:
    return ChannelInventory(name=f"tank-1.{quantity}", unit="tank-1", quantity=quantity, ucum=ucum)


OXYGEN = (channel("do", "mg/L"),)


class Tank:
    """A guard on a real outbox in virtual time."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: VirtualClock | None = None,
        settings: AlarmSettings = SETTINGS,
        limits: Sequence[Watch] | None = None,
        silences: Sequence[Watch] = (),
    ) -> None:
        self.clock = clock or VirtualClock()
        self.outbox: Outbox = new_outbox(folder, clock=self.clock)
        watches = plan(OXYGEN, [UNIT], settings) if limits is None else limits
        self.guard = AlarmGuard(self.outbox, limits=watches, silences=silences, clock=self.clock)

    def measure(self, value: float, *, for_s: float = 0, quantity: str = "do", quality: int = 1) -> None:
        for _ in range(max(1, int(for_s))):
            reading = Reading(
                channel=f"tank-1.{quantity}",
                unit="tank-1",
                quantity=quantity,
                value=value,
                ucum="mg/L",
                observed_at=self.clock.now(),
                quality=QualityFlag(quality),
            )
            self.guard.see([reading], now_s=self.clock.monotonic())
            self.guard.check_silence(now_s=self.clock.monotonic())
            self.clock.advance(1)

    def silence(self, for_s: float) -> None:
        for _ in range(int(for_s)):
            self.clock.advance(1)
            self.guard.check_silence(now_s=self.clock.monotonic())

    def events(self) -> list[AlarmEvent]:
        found: list[AlarmEvent] = []
        for row in self.outbox.rows_after(0, limit=1000):
            envelope = decode(compose(row, site="f", device="d", backfill=False), row.kind)
            assert isinstance(envelope, Envelope)
            assert isinstance(envelope.body, AlarmBatch)
            found += envelope.body.alarms
        return found

    def changes(self, definition: str = "do.low.critical") -> list[str]:
        return [event.change.value for event in self.events() if event.definition == definition]

    def close(self) -> None:
        self.outbox.close()


def test_low_oxygen_raises_one_alarm_and_clears_after_deadband(tmp_path: Path) -> None:
    tank = Tank(tmp_path)
    tank.measure(8.0, for_s=5)
    tank.measure(4.0, for_s=29)
    assert tank.events() == []
    tank.measure(4.0, for_s=100)
    assert tank.changes() == ["raised"]
    tank.measure(5.2, for_s=200)  # above the limit of 5, within the deadband of 0.5
    assert tank.changes() == ["raised"]
    tank.measure(5.6, for_s=62)
    raised, cleared = [event for event in tank.events() if event.definition == "do.low.critical"]
    assert (raised.change, cleared.change) == (AlarmChange.RAISED, AlarmChange.CLEARED)
    assert raised.alarm_id == cleared.alarm_id
    assert (raised.severity, raised.limit, raised.value) == (Severity.CRITICAL, 5.0, 4.0)
    assert raised.condition_since == START + timedelta(seconds=5)
    assert raised.action is not None
    assert "oxygen" in raised.action
    assert raised.source is not None
    tank.close()


def test_a_restart_neither_raises_again_nor_forgets_to_clear(tmp_path: Path) -> None:
    first = Tank(tmp_path)
    first.measure(4.0, for_s=40)
    identity = first.events()[0].alarm_id
    first.close()

    second = Tank(tmp_path)
    assert [alarm.definition for alarm in second.guard.active()] == ["do.low.critical", "do.low.warning"]
    second.measure(4.0, for_s=100)
    assert second.changes() == ["raised"]
    second.measure(9.0, for_s=70)
    assert second.changes() == ["raised", "cleared"]
    assert {event.alarm_id for event in second.events() if event.definition == "do.low.critical"} == {identity}
    assert second.guard.active() == []
    second.close()

    third = Tank(tmp_path)
    third.measure(4.0, for_s=40)
    assert third.changes() == ["raised", "cleared", "raised"]
    assert third.events()[-1].alarm_id != identity
    third.close()


def test_silence_of_oxygen_is_an_alarm_and_ends_when_it_is_heard(tmp_path: Path) -> None:
    tank = Tank(tmp_path, silences=plan_silence(OXYGEN, [UNIT], SETTINGS))
    tank.measure(9.0, for_s=10)
    tank.silence(58)
    assert tank.events() == []
    tank.silence(30)
    assert tank.changes("do.silent") == ["raised"]
    tank.measure(9.0, for_s=3)
    assert tank.changes("do.silent") == ["raised", "cleared"]
    tank.close()


def test_values_that_fail_their_quality_test_count_as_silence_and_raise_no_limit_alarm(tmp_path: Path) -> None:
    tank = Tank(tmp_path, silences=plan_silence(OXYGEN, [UNIT], SETTINGS))
    tank.measure(-3.0, for_s=90, quality=4)
    assert tank.changes("do.silent") == ["raised"]
    assert tank.changes() == []
    tank.close()


def test_temperature_is_not_life_critical_but_oxygen_and_power_are() -> None:
    channels = (*OXYGEN, channel("temperature", "Cel"), channel("power", "1"))
    assert [watch.rule.definition for watch in plan_silence(channels, [UNIT], SETTINGS)] == [
        "do.silent",
        "power.silent",
    ]


def test_a_site_may_move_a_limit_or_switch_an_alarm_off() -> None:
    overrides = (
        AlarmOverride(definition="do.low.critical", limit=6.5, on_delay_s=1),
        AlarmOverride(definition="do.low.warning", unit="tank-1", enabled=False),
        AlarmOverride(definition="do.low.critical", unit="another", limit=1),
    )
    watches = plan(OXYGEN, [UNIT], AlarmSettings(overrides=overrides))
    assert [(w.rule.definition, w.bound.value, w.rule.on_delay_s, w.source) for w in watches] == [
        ("do.low.critical", 6.5, 1, "site setting")
    ]


def test_the_limit_of_salmon_at_sea_follows_the_temperature(tmp_path: Path) -> None:
    unit = UnitSettings(slug="tank-1", species="salmo_salar", salinity=33)
    saturation = (channel("do_sat", "%"),)
    tank = Tank(tmp_path, limits=plan(saturation, [unit], AlarmSettings(on_delay_s=0)))
    tank.measure(35.0, quantity="do_sat")
    assert tank.events() == []  # the limit is unknown without a temperature
    tank.measure(7.0, quantity="temperature")
    tank.measure(35.0, quantity="do_sat")
    assert tank.changes("do_sat.low.critical") == []
    tank.measure(19.0, quantity="temperature")
    tank.measure(35.0, quantity="do_sat")
    assert tank.changes("do_sat.low.critical") == ["raised"]
    tank.close()


def test_a_channel_taken_out_of_the_configuration_clears_its_alarms(tmp_path: Path) -> None:
    first = Tank(tmp_path)
    first.measure(4.0, for_s=40)
    first.close()
    second = Tank(tmp_path, limits=())
    assert second.changes() == ["raised", "cleared"]
    assert second.outbox.state("alarm:") == {}
    second.close()


def test_an_alarm_that_cannot_be_persisted_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tank = Tank(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise OutboxUnavailableError("disk full")

    monkeypatch.setattr(tank.outbox, "accept", refuse)
    tank.measure(4.0, for_s=40)
    waiting = tank.guard.active()[0]
    assert (waiting.definition, waiting.persisted) == ("do.low.critical", False)  # a full disk silences no siren
    monkeypatch.undo()
    tank.measure(4.0, for_s=2)
    assert tank.changes() == ["raised"]
    kept = tank.guard.active()[0]
    assert (kept.alarm_id, kept.persisted) == (waiting.alarm_id, True)
    tank.close()


def test_an_alarm_speaks_of_the_unit_by_its_name_and_in_units_that_people_write(tmp_path: Path) -> None:
    unit = UnitSettings(slug="tank-1", name="Smolt hall, tank 1", species="salmo_salar", stage="fry")
    warm = (channel("temperature", "Cel"),)
    tank = Tank(tmp_path, limits=plan(warm, [unit], SETTINGS))
    tank.measure(21.04, for_s=40, quantity="temperature")
    messages = {alarm.definition: alarm.message for alarm in tank.events()}
    assert messages["temperature.high.critical"] == "Water temperature in Smolt hall, tank 1 was 21.0 °C, above 20.0 °C"


def test_a_latching_alarm_stays_until_a_person_has_looked_over_a_restart_too(tmp_path: Path) -> None:
    overrides = (AlarmOverride(definition="do.low.critical", latching=True),)
    settings = AlarmSettings(on_delay_s=0, off_delay_s=0, overrides=overrides)
    first = Tank(tmp_path, settings=settings)
    first.measure(4.0, for_s=2)
    first.measure(9.0, for_s=100)
    assert [alarm.definition for alarm in first.guard.active()] == ["do.low.critical"]
    first.close()
    second = Tank(tmp_path, settings=settings)
    second.measure(9.0, for_s=10)
    [alarm] = second.guard.active()
    assert second.guard.acknowledge(alarm.alarm_id, by="kari")
    assert second.guard.active() == []
    assert second.changes() == ["raised", "cleared"]
    assert second.events()[-1].message == "Seen and reset by kari"
    second.close()


def test_acknowledging_a_latched_alarm_whose_condition_lasts_keeps_it(tmp_path: Path) -> None:
    overrides = (AlarmOverride(definition="do.low.critical", latching=True),)
    tank = Tank(tmp_path, settings=AlarmSettings(on_delay_s=0, off_delay_s=0, overrides=overrides))
    tank.measure(4.0, for_s=2)
    critical = tank.guard.active()[0]
    assert tank.guard.acknowledge(critical.alarm_id, by="kari")
    assert tank.guard.active()[0].acknowledged
    assert tank.changes() == ["raised", "acknowledged"]
    tank.close()


def test_the_box_tells_the_limits_that_it_really_watches() -> None:
    overrides = (
        AlarmOverride(definition="do.low.critical", limit=4.5, on_delay_s=5),
        AlarmOverride(definition="do.low.warning", enabled=False),
    )
    told = {limit.definition: limit for limit in in_effect(plan(OXYGEN, [UNIT], AlarmSettings(overrides=overrides)))}
    assert (told["do.low.critical"].value, told["do.low.critical"].on_delay_s) == (4.5, 5)
    assert "do.low.warning" not in told
    assert told["do.low.critical"].side == "low"


def test_a_shelved_alarm_stays_quiet_over_its_occurrences_and_comes_back_by_itself(tmp_path: Path) -> None:
    tank = Tank(tmp_path, settings=AlarmSettings(on_delay_s=0, off_delay_s=0))
    tank.measure(4.0, for_s=2)
    critical = tank.guard.active()[0]
    assert tank.guard.shelve(critical.alarm_id, reason="probe is being replaced", by="kari", minutes=1) is not None
    tank.measure(9.0, for_s=5)
    tank.measure(4.0, for_s=5)
    again = tank.guard.active()[0]
    assert again.alarm_id != critical.alarm_id
    assert again.shelved is not None
    assert (again.shelved.by, again.shelved.reason) == ("kari", "probe is being replaced")
    assert tank.changes() == ["raised", "shelved", "cleared", "raised", "shelved"]
    told = [event for event in tank.events() if event.alarm_id == again.alarm_id]
    assert told[-1].shelved_until == again.shelved.until
    tank.measure(4.0, for_s=60)
    assert tank.guard.active()[0].shelved is None
    assert tank.changes()[-1] == "unshelved"
    assert tank.outbox.state("shelf:") == {}
    tank.close()


def test_the_shelf_survives_a_restart_and_no_clock_that_is_set_back_makes_it_longer(tmp_path: Path) -> None:
    first = Tank(tmp_path, settings=AlarmSettings(on_delay_s=0, off_delay_s=0))
    first.measure(4.0, for_s=2)
    first.guard.shelve(first.guard.active()[0].alarm_id, reason="grading", by="ola", minutes=10)
    first.close()
    second = Tank(tmp_path, clock=first.clock, settings=SETTINGS)
    assert second.guard.active()[0].shelved is not None
    second.clock.advance(601)
    second.clock.wall -= timedelta(days=1)
    second.guard.check_silence(now_s=second.clock.monotonic())
    assert second.guard.active()[0].shelved is None
    second.close()


def test_a_box_that_does_not_know_the_time_after_a_restart_tells_people_again(tmp_path: Path) -> None:
    first = Tank(tmp_path, settings=AlarmSettings(on_delay_s=0, off_delay_s=0))
    first.measure(4.0, for_s=2)
    first.guard.shelve(first.guard.active()[0].alarm_id, reason="grading", by="ola", minutes=60)
    first.close()
    first.clock.knows_the_time = False
    second = Tank(tmp_path, clock=first.clock)
    assert second.guard.active()[0].shelved is None
    assert second.changes() == ["raised", "shelved", "unshelved"]
    second.close()


@pytest.mark.parametrize(
    ("reason", "minutes", "words"),
    [
        ("", 60, "reason: say it"),
        ("noise", 0, "minutes = 0 must be 1 to 480"),
        ("noise", 481, "at the end of the shift"),
    ],
)
def test_nobody_shelves_without_a_reason_or_beyond_a_shift(
    tmp_path: Path, reason: str, minutes: float, words: str
) -> None:
    tank = Tank(tmp_path, settings=AlarmSettings(on_delay_s=0))
    tank.measure(4.0)
    with pytest.raises(ValueError, match=words):
        tank.guard.shelve(tank.guard.active()[0].alarm_id, reason=reason, by="kari", minutes=minutes)
    assert tank.guard.active()[0].shelved is None
    tank.close()


def test_taken_off_the_shelf_by_hand_it_is_told_again(tmp_path: Path) -> None:
    tank = Tank(tmp_path, settings=AlarmSettings(on_delay_s=0))
    tank.measure(4.0)
    alarm = tank.guard.active()[0]
    assert not tank.guard.unshelve(alarm.alarm_id, by="kari")
    tank.guard.shelve(alarm.alarm_id, reason="grading", by="kari", minutes=60)
    assert tank.guard.unshelve(alarm.alarm_id, by="ola")
    assert tank.events()[-1].message == "Taken off the shelf by ola"
    assert tank.guard.active()[0].shelved is None
    tank.close()


def test_a_site_adds_a_limit_that_the_table_does_not_have_for_its_fish(tmp_path: Path) -> None:
    unit = UnitSettings(slug="tank-1", species="sparus_aurata", stage="fry", salinity=35)
    overrides = (AlarmOverride(definition="do.low.critical", limit=4.5),)
    settings = AlarmSettings(on_delay_s=0, overrides=overrides)
    assert plan(OXYGEN, [unit], AlarmSettings()) == ()
    assert without_oxygen_limit(OXYGEN, [unit], AlarmSettings()) == [
        "no limit watches the oxygen of tank-1 (sparus_aurata, fry, sea water): add"
        " '- {definition: do.low.critical, unit: tank-1, limit: ...}' to alarms.overrides"
    ]
    assert without_oxygen_limit(OXYGEN, [unit], settings) == []
    tank = Tank(tmp_path, limits=plan(OXYGEN, [unit], settings))
    tank.measure(4.0)
    [raised] = tank.events()
    assert (raised.definition, raised.limit, raised.source) == ("do.low.critical", 4.5, "site setting")
    tank.close()


def test_salmon_that_grow_in_fresh_water_have_an_oxygen_limit() -> None:
    unit = UnitSettings(slug="tank-1", species="salmo_salar", stage="growout")
    assert {watch.rule.definition for watch in plan(OXYGEN, [unit], SETTINGS)} == {"do.low.critical", "do.low.warning"}
    assert without_oxygen_limit(OXYGEN, [unit], SETTINGS) == []


def test_the_cloud_shelves_and_unshelves_by_command_under_the_same_rules(tmp_path: Path) -> None:
    tank = Tank(tmp_path, settings=AlarmSettings(on_delay_s=0))
    tank.measure(4.0)
    alarm = tank.guard.active()[0]
    guard = cast("Guard", SimpleNamespace(alarms=tank.guard))
    orders = Orders(guard, units=["tank-1"], channels=["tank-1.do"], data_dir=tmp_path, now=tank.clock.now)

    def order(name: str, **arguments: str | float | bool | None) -> str:
        command = Command.model_validate(
            {
                "id": uuid4(),
                "site": "farm",
                "device": "edge-1",
                "name": name,
                "target": str(alarm.alarm_id),
                "arguments": arguments,
                "issued_at": tank.clock.now(),
                "expires_at": tank.clock.now() + timedelta(minutes=1),
                "issued_by": "kari",
            }
        )
        return str(orders.actions()[name](command))

    with pytest.raises(CommandRefusedError, match="reason: say it"):
        order("alarm.shelve")
    with pytest.raises(CommandRefusedError, match="must be 1 to 480"):
        order("alarm.shelve", reason="grading", minutes=9999)
    assert order("alarm.shelve", reason="grading", minutes=30).startswith("shelved until 06:30 UTC")
    assert tank.guard.active()[0].shelved is not None
    assert order("alarm.unshelve") == "taken off the shelf"
    with pytest.raises(CommandRefusedError, match="no such alarm is on the shelf"):
        order("alarm.unshelve")
    tank.close()
