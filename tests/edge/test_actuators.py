"""Aerators, feeders and sirens in virtual time: who decides, why, and what is safe when nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.alarms import AlarmBatch, Severity
from contracts.devices import EventBatch
from contracts.envelope import Envelope, decode
from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from edge.errors import ActuationRefusedError, OutboxUnavailableError
from edge.guard.actuators.controller import Actuators, ActuatorView
from edge.guard.actuators.outputs.simulated import SimulatedOutput
from edge.guard.alarms import AlarmGuard
from edge.guard.farm_link import FarmLinks
from edge.guard.inputs import Inputs
from edge.guard.plan import plan_faults
from edge.guard.settings import GuardSettings
from edge.outbox.publisher import compose
from edge.sections import MqttSettings
from tests.edge.farm import VirtualClock, new_outbox

QUANTITIES = {"tank-1.do": "do", "tank-1.current": "current", "tank-1.do2": "do"}
RULE = {"channel": "tank-1.do", "on_below": 5.0, "off_above": 6.5, "on_delay_s": 10, "off_delay_s": 60}
AERATOR: dict[str, Any] = {
    "name": "aerator-1",
    "unit": "tank-1",
    "output": {"type": "simulated"},
    "rules": [RULE],
    "min_on_s": 120,
    "min_off_s": 30,
}
FEEDER: dict[str, Any] = {
    "name": "feeder-1",
    "unit": "tank-1",
    "kind": "feeder",
    "output": {"type": "simulated"},
    "interlocks": [{"channel": "tank-1.do", "below": 5.5, "force": "off"}],
    "min_on_s": 0,
    "min_off_s": 0,
}


class Farm:
    """A guard on a real outbox with simulated relays; one step a second of virtual time."""

    def __init__(
        self, folder: Path, *actuators: dict[str, Any], clock: VirtualClock | None = None, **guard: Any
    ) -> None:
        self.clock = clock or VirtualClock()
        self.outbox = new_outbox(folder, clock=self.clock)
        settings = GuardSettings.model_validate({"timezone": "UTC", "actuators": actuators, **guard})
        links = FarmLinks("farm.edge-1", usual=MqttSettings())
        self.alarms = AlarmGuard(
            self.outbox, limits=(), silences=(), faults=plan_faults(settings, places={}), clock=self.clock
        )
        self.outputs = {actuator.name: SimulatedOutput() for actuator in settings.actuators}
        if settings.siren is not None:
            self.outputs[settings.siren.name] = SimulatedOutput()
        self.inputs = Inputs(settings.inputs, links, places={"tank-1": "Tank 1"}, clock=self.clock)
        self.links = links
        self.maintenance = False
        self.actuators = Actuators(
            settings,
            outputs=self.outputs,
            inputs=self.inputs,
            alarms=self.alarms,
            outbox=self.outbox,
            quantities=QUANTITIES,
            clock=self.clock,
            in_maintenance=lambda _channel: self.maintenance,
        )

    def run(
        self, oxygen: float | None = None, *, for_s: float = 1, current: float | None = None, **more: float
    ) -> None:
        """Let time pass with these values; without a current the motor does as its relay."""
        for _ in range(int(for_s)):
            amperes = current if current is not None else 6.2 if "aerator-1" in self.outputs and self.on() else 0.0
            values = {"tank-1.do": oxygen, "tank-1.current": amperes, **more}
            readings = [self.reading(name, value) for name, value in values.items() if value is not None]
            self.actuators.see(readings, now_s=self.clock.monotonic())
            self.actuators.step()
            self.actuators.recorder.record()
            self.clock.advance(1)

    def reading(self, channel: str, value: float, *, quality: QualityFlag = QualityFlag.GOOD) -> Reading:
        quantity = QUANTITIES.get(channel, "do")
        ucum = "A" if quantity == "current" else "mg/L"
        return Reading(
            channel=channel,
            unit="tank-1",
            quantity=quantity,
            value=value,
            ucum=ucum,
            observed_at=self.clock.now(),
            quality=quality,
        )

    def on(self, name: str = "aerator-1") -> bool | None:
        return self.outputs[name].on

    def view(self, name: str = "aerator-1") -> ActuatorView:
        return next(view for view in self.actuators.views() if view.name == name)

    def bodies(self, kind: type) -> list[Any]:
        found = []
        for row in self.outbox.rows_after(0, limit=1000):
            envelope = decode(compose(row, site="f", device="d", backfill=False), row.kind)
            assert isinstance(envelope, Envelope)
            if isinstance(envelope.body, kind):
                found.append(envelope.body)
        return found

    def events(self, name: str) -> list[Any]:
        return [event for batch in self.bodies(EventBatch) for event in batch.events if event.name == name]

    def alarm_changes(self) -> list[tuple[str, str]]:
        return [(a.definition, a.change.value) for batch in self.bodies(AlarmBatch) for a in batch.alarms]

    def hear(self, topic: str, payload: str) -> None:
        self.links.to(None)._routes.dispatch(topic, payload.encode())


@pytest.fixture
def farms(tmp_path: Path) -> Iterator[Any]:
    made: list[Farm] = []

    def make(*actuators: dict[str, Any], **guard: Any) -> Farm:
        for farm in made:
            farm.outbox.close()
        made.append(Farm(tmp_path, *actuators, **guard))
        return made[-1]

    yield make
    for farm in made:
        farm.outbox.close()


def at(clock_time: str) -> VirtualClock:
    clock = VirtualClock()
    clock.wall = datetime.fromisoformat(f"2026-11-21T{clock_time}:00+00:00")
    return clock


def settled(farm: Farm) -> Farm:
    """An aerator that rests because the water is good."""
    farm.run(8.0, for_s=200)
    assert farm.on() is False
    return farm


def test_low_oxygen_starts_the_aerator_after_its_delay_and_says_why(farms: Any) -> None:
    farm = settled(farms(AERATOR, clock=at("02:10")))
    farm.run(4.8, for_s=10)
    assert farm.on() is False
    assert "not yet for 10 s" in farm.view().sentence
    farm.run(4.8, for_s=1)
    assert farm.on() is True
    assert farm.view().sentence == "Aerator 1 is ON because dissolved oxygen 4.80 mg/L < 5.00 mg/L since 02:13"


def test_it_runs_through_the_deadband_and_rests_after_the_off_delay(farms: Any) -> None:
    farm = settled(farms(AERATOR))
    farm.run(4.8, for_s=12)
    farm.run(6.4, for_s=600)
    assert farm.on() is True
    assert "has not come above 6.50 mg/L" in farm.view().sentence
    farm.run(6.6, for_s=60)
    assert farm.on() is True
    farm.run(6.6, for_s=2)
    assert farm.on() is False


def test_a_splash_at_the_probe_starts_nothing(farms: Any) -> None:
    farm = settled(farms(AERATOR))
    for _ in range(20):
        farm.run(4.0, for_s=5)
        farm.run(8.0, for_s=1)
    assert farm.on() is False


def test_the_shortest_run_and_rest_are_kept_except_for_an_interlock(farms: Any) -> None:
    quick = {**RULE, "on_delay_s": 0, "off_delay_s": 0}
    lock = {"channel": "tank-1.do", "below": 3.0, "force": "on"}
    farm = farms({**AERATOR, "rules": [quick], "interlocks": [lock]})
    farm.run(8.0, for_s=130)
    farm.run(4.0)
    farm.run(8.0, for_s=119)
    assert (farm.on(), farm.view().cause) == (True, "minimum_time")
    farm.run(8.0, for_s=2)
    assert farm.on() is False
    farm.run(4.0, for_s=20)
    assert farm.on() is False
    farm.run(2.9)
    assert (farm.on(), farm.view().cause) == (True, "interlock")


def test_a_silent_probe_aerates_and_stops_feeding(farms: Any) -> None:
    farm = settled(farms(AERATOR, FEEDER))
    assert farm.on("feeder-1") is True
    farm.run(for_s=58)
    assert (farm.on(), farm.on("feeder-1")) == (False, True)
    farm.run(for_s=3)
    assert (farm.on(), farm.on("feeder-1")) == (True, False)
    assert farm.view().sentence.startswith(
        "Aerator 1 is ON because dissolved oxygen (tank-1.do) is silent (safe state)"
    )


def test_values_that_fail_their_quality_test_are_silence_to_the_guard(farms: Any) -> None:
    farm = settled(farms(AERATOR))
    for _ in range(61):
        bad = farm.reading("tank-1.do", 9.0, quality=QualityFlag.FAIL)
        farm.actuators.see([bad], now_s=farm.clock.monotonic())
        farm.run()
    assert (farm.on(), farm.view().cause) == (True, "blind")


def test_what_a_broker_kept_while_the_box_was_away_decides_nothing(farms: Any) -> None:
    farm = settled(farms(AERATOR))
    old = [farm.reading("tank-1.do", 2.0)]
    farm.clock.advance(601)
    farm.run(8.0)
    for _ in range(15):
        farm.actuators.see(old, now_s=farm.clock.monotonic())
        farm.run()
    assert (farm.on(), farm.view().cause) == (False, "rule")


def test_a_probe_in_maintenance_decides_nothing(farms: Any) -> None:
    farm = settled(farms(AERATOR))
    farm.maintenance = True
    farm.run(12.0, for_s=2)
    assert (farm.on(), farm.view().cause) == (True, "blind")
    farm.maintenance = False
    farm.run(8.0, for_s=200)
    assert farm.on() is False


def test_two_probes_that_disagree_aerate(farms: Any) -> None:
    farm = farms({**AERATOR, "rules": [RULE, {**RULE, "channel": "tank-1.do2"}]})
    farm.run(8.0, for_s=200, **{"tank-1.do2": 8.0})
    assert farm.on() is False
    farm.run(8.0, for_s=12, **{"tank-1.do2": 4.0})
    assert farm.on() is True


def test_nobody_feeds_fish_that_lack_oxygen(farms: Any) -> None:
    farm = farms(FEEDER)
    farm.run(7.0, for_s=2)
    assert farm.on("feeder-1") is True
    farm.run(5.4)
    assert farm.on("feeder-1") is False
    with pytest.raises(ActuationRefusedError, match=r"stays OFF because dissolved oxygen 5\.40 mg/L < 5\.50 mg/L"):
        farm.actuators.override("feeder-1", on=True, minutes=5, reason="hungry", by="cloud")
    farm.run(5.9, for_s=5)  # within the deadband of 0.5 mg/L
    assert farm.on("feeder-1") is False
    farm.run(6.1)
    assert farm.on("feeder-1") is True


NIGHT = {"begins": "20:00", "ends": "07:00"}


def test_what_runs_at_night_runs_until_morning(farms: Any) -> None:
    farm = settled(farms({**AERATOR, "no_off_at_night": NIGHT}, clock=at("19:00")))
    farm.clock.advance(7 * 3600)
    farm.run(4.8, for_s=12)
    farm.run(8.0, for_s=3600)
    assert (farm.on(), farm.view().cause) == (True, "night")
    assert "stays on at night until 07:00" in farm.view().sentence
    farm.clock.advance(4 * 3600)
    farm.run(8.0, for_s=3)
    assert farm.on() is False


def test_water_far_beyond_the_limit_ends_it_early_even_at_night(farms: Any) -> None:
    rule = {**RULE, "early_off": 3.0}
    farm = settled(farms({**AERATOR, "rules": [rule], "no_off_at_night": NIGHT}, clock=at("19:00")))
    farm.clock.advance(7 * 3600)
    farm.run(4.8, for_s=12)
    farm.run(9.4, for_s=300)
    assert farm.on() is True
    farm.run(9.6, for_s=2)
    assert farm.on() is False


def test_without_the_time_it_may_be_night(farms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    farm = settled(farms({**AERATOR, "no_off_at_night": NIGHT}, clock=at("12:00")))
    farm.run(4.8, for_s=12)
    monkeypatch.setattr(farm.clock, "trusted", lambda: False)
    farm.run(8.0, for_s=300)
    assert (farm.on(), farm.view().cause) == (True, "night")
    assert "the clock is not set" in farm.view().sentence


def test_a_chattering_rule_ends_in_the_safe_state(farms: Any) -> None:
    quick = {**RULE, "on_delay_s": 0, "off_delay_s": 0}
    farm = farms({**AERATOR, "rules": [quick], "min_on_s": 0, "min_off_s": 0, "max_starts_per_h": 4})
    for _ in range(10):
        farm.run(8.0, for_s=2)
        farm.run(4.0, for_s=2)
    farm.run(8.0, for_s=60)
    assert (farm.on(), farm.view().cause) == (True, "starts")
    assert len(farm.outputs["aerator-1"].switched) <= 2 * 4 + 2
    farm.clock.advance(3600)
    farm.run(8.0, for_s=2)
    assert farm.on() is False


def test_an_override_ends_by_itself_and_leaves_a_trace(farms: Any) -> None:
    farm = settled(farms(AERATOR))
    said = farm.actuators.override("aerator-1", on=True, minutes=10, reason="net cleaning", by="kari")
    assert "by kari until" in said
    farm.run(8.0, for_s=599)
    assert (farm.on(), farm.view().cause) == (True, "override")
    farm.run(8.0, for_s=3)
    assert farm.on() is False
    switched = [(event.detail["on"], event.detail["cause"]) for event in farm.events("actuator.switched")]
    assert switched[-2:] == [(True, "override"), (False, "rule")]
    assert [event.detail["by"] for event in farm.events("actuator.override")] == ["kari"]
    with pytest.raises(ActuationRefusedError, match="at most 240"):
        farm.actuators.override("aerator-1", on=True, minutes=2000, reason="for ever", by="kari")
    with pytest.raises(ActuationRefusedError, match="known: aerator-1"):
        farm.actuators.override("aerator-9", on=True, minutes=5, reason="", by="kari")


def test_an_override_off_is_void_while_the_box_is_blind(farms: Any) -> None:
    farm = settled(farms(AERATOR))
    farm.actuators.override("aerator-1", on=False, minutes=60, reason="diver in the tank", by="kari")
    farm.run(for_s=62)
    assert (farm.on(), farm.view().cause) == (True, "blind")


def test_a_restart_goes_on_as_it_was_with_what_is_left_of_the_override(farms: Any) -> None:
    first = settled(farms(AERATOR))
    first.actuators.override("aerator-1", on=True, minutes=10, reason="net cleaning", by="kari")
    first.run(8.0, for_s=5)
    first.clock.advance(60)
    second = farms(AERATOR, clock=first.clock)
    second.run(for_s=1)
    assert (second.on(), second.view().cause) == (True, "override")
    assert second.view().override is not None
    second.run(8.0, for_s=540)
    assert second.on() is False
    switched = second.events("actuator.switched")
    third = farms(AERATOR, clock=second.clock)
    third.run(for_s=5)
    assert third.on() is False  # not heard yet: as before, no needless start
    assert third.events("actuator.switched") == switched


PROOF = {"channel": "tank-1.current", "min_a": 3.0, "within_s": 15}


def test_an_aerator_that_draws_no_current_is_an_alarm_and_its_backup_starts(farms: Any) -> None:
    backup = {**AERATOR, "name": "aerator-2", "rules": [{**RULE, "on_below": 3.0}]}
    farm = farms({**AERATOR, "proof": PROOF, "backup": "aerator-2"}, backup)
    settled(farm)
    farm.run(4.0, for_s=32)
    assert (farm.view().proof.value, farm.on("aerator-2")) == ("proven", False)
    farm.run(4.0, for_s=2, current=0.1)  # the rope is around the propeller
    assert farm.on("aerator-2") is True
    assert farm.view("aerator-2").sentence.startswith("Aerator 2 is ON because Aerator 1 should run and does not")
    assert farm.alarm_changes() == [("aerator.no_proof", "raised")]
    farm.run(4.0, for_s=2)
    assert farm.alarm_changes()[-1] == ("aerator.no_proof", "cleared")
    farm.run(4.0, for_s=180)
    assert farm.on("aerator-2") is False


def test_current_while_it_should_rest_is_a_welded_contact(farms: Any) -> None:
    farm = settled(farms({**AERATOR, "proof": PROOF}))
    farm.run(8.0, for_s=20, current=6.0)
    assert farm.alarm_changes() == [("aerator.runs_though_off", "raised")]


def test_a_relay_that_cannot_be_reached_is_an_alarm_and_its_backup_starts(farms: Any) -> None:
    farm = farms(
        {**AERATOR, "backup": "aerator-2"}, {**AERATOR, "name": "aerator-2", "rules": [{**RULE, "on_below": 3}]}
    )
    farm.run(8.0, for_s=200)
    farm.outputs["aerator-1"].reachable = False
    farm.run(4.0, for_s=13)
    assert farm.on("aerator-2") is True
    assert ("aerator.unreachable", "raised") in farm.alarm_changes()


def test_a_full_disk_delays_no_relay_and_the_events_come_later(farms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    farm = settled(farms(AERATOR))

    def refuse(*_: object, **__: object) -> None:
        raise OutboxUnavailableError("disk full")

    monkeypatch.setattr(farm.outbox, "accept", refuse)
    farm.run(4.0, for_s=12)
    assert farm.on() is True
    monkeypatch.undo()
    farm.run(4.0)
    assert farm.events("actuator.switched")[-1].detail["on"] is True


FLOW = {"name": "flow-1", "unit": "tank-1", "kind": "flow", "topic": "farm/flow", "debounce_s": 2}


def test_a_flow_switch_is_debounced_alarms_and_interlocks(farms: Any) -> None:
    feeder = {**FEEDER, "interlocks": [{"input": "flow-1", "force": "off"}]}
    farm = farms(feeder, inputs=[FLOW])
    farm.hear("farm/flow", "ON")
    farm.run(for_s=5)
    assert farm.on("feeder-1") is True
    farm.hear("farm/flow", "OFF")
    farm.run(for_s=1)
    farm.hear("farm/flow", "ON")  # a bubble
    farm.run(for_s=5)
    assert farm.alarm_changes() == []
    farm.hear("farm/flow", "OFF")
    farm.run(for_s=4)
    assert (farm.on("feeder-1"), farm.alarm_changes()) == (False, [("flow.lost", "raised")])
    assert farm.view("feeder-1").sentence.startswith("Feeder 1 is OFF because the water flow has stopped in Tank 1")
    farm.hear("farm/flow", "ON")
    farm.run(for_s=4)
    assert farm.alarm_changes()[-1] == ("flow.lost", "cleared")


def test_a_contact_that_nobody_hears_is_trouble(farms: Any) -> None:
    farm = farms({**FEEDER, "interlocks": [{"input": "flow-1", "force": "off"}]}, inputs=[FLOW])
    farm.hear("farm/flow", "ON")
    farm.run(for_s=118)
    assert farm.on("feeder-1") is True
    farm.run(for_s=4)
    assert (farm.on("feeder-1"), farm.alarm_changes()) == (False, [("flow.silent", "raised")])


def test_the_siren_sounds_until_somebody_acknowledges_and_rearms_when_only_silenced(farms: Any) -> None:
    siren = {"output": {"type": "simulated"}, "rearm_s": 300}
    farm = farms(inputs=[FLOW], siren=siren)
    farm.hear("farm/flow", "OFF")
    farm.run(for_s=4)
    assert farm.on("siren") is True
    assert farm.actuators.silence_siren(by="kari")
    farm.run(for_s=290)
    assert farm.on("siren") is False
    farm.hear("farm/flow", "OFF")
    farm.run(for_s=15)
    assert farm.on("siren") is True
    alarm = next(a for a in farm.alarms.active() if a.severity is Severity.CRITICAL)
    assert farm.alarms.acknowledge(alarm.alarm_id, by="kari")
    farm.run(for_s=2)
    assert farm.on("siren") is False
    assert [change for name, change in farm.alarm_changes() if name == "flow.lost"] == ["raised", "acknowledged"]


def test_an_acknowledgement_outlives_a_restart(farms: Any) -> None:
    first = farms(inputs=[FLOW], siren={"output": {"type": "simulated"}})
    first.hear("farm/flow", "OFF")
    first.run(for_s=4)
    first.alarms.acknowledge(first.alarms.active()[0].alarm_id, by="kari")
    second = farms(inputs=[FLOW], siren={"output": {"type": "simulated"}}, clock=first.clock)
    second.hear("farm/flow", "OFF")
    second.run(for_s=4)
    assert [alarm.acknowledged for alarm in second.alarms.active()] == [True]
    assert second.on("siren") is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rules": [{"channel": "c", "on_below": 5}]}, "either on_below and off_above"),
        ({"rules": [{"channel": "c", "on_below": 6, "off_above": 5}]}, "must be above on_below"),
        ({"interlocks": [{"force": "on"}]}, "either channel or input"),
        ({"output": {"type": "mqtt", "style": "esphome"}}, "needs node"),
        ({"output": {"type": "mqtt"}}, "needs command_topic"),
    ],
)
def test_bad_rules_say_what_is_missing(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GuardSettings.model_validate({"actuators": [{**AERATOR, **change}]})


def test_a_time_zone_that_does_not_exist_is_refused_with_an_example() -> None:
    with pytest.raises(ValidationError, match="Europe/Oslo"):
        GuardSettings(timezone="Norway/Bergen")


def test_an_override_is_measured_on_the_clock_that_never_jumps(farms: Any) -> None:
    farm = settled(farms(AERATOR))
    farm.actuators.override("aerator-1", on=True, minutes=10, reason="test", by="kari")
    farm.run(8.0, for_s=2)
    farm.clock.wall += timedelta(days=1)
    farm.run(8.0, for_s=300)
    assert (farm.on(), farm.view().cause) == (True, "override")
