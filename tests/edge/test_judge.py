"""Judging on the box: thresholds of the site, what the device says, derived values, and memory over a restart."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from edge.guard.alarms import AlarmGuard
from edge.outbox.store import Outbox
from edge.sensors.derived import DERIVATIONS, by_main, derive, derived_name, possible
from edge.sensors.driver import Delivery, RawReading
from edge.sensors.quality_settings import ChannelQualitySettings, QualitySettings
from edge.sensors.sampler import Sampler
from edge.sensors.settings import ChannelSettings
from tests.edge.farm import START, Told, VirtualClock, judge_of, new_outbox
from tests.edge.test_readings import accepted

DO = ChannelSettings(name="tank-1.do", unit="tank-1", quantity="do")
OTHER = ChannelSettings(name="tank-1.deep.do", unit="tank-1", quantity="do")
WARMTH = ChannelSettings(name="tank-1.temperature", unit="tank-1", quantity="temperature")
PH = ChannelSettings(name="tank-1.ph", unit="tank-1", quantity="ph")
ALKALINITY = ChannelSettings(name="tank-1.alkalinity", unit="tank-1", quantity="alkalinity")
TAN = ChannelSettings(name="tank-1.tan", unit="tank-1", quantity="tan")
SUSPECT, FAIL, GOOD = QualityFlag.SUSPECT, QualityFlag.FAIL, QualityFlag.GOOD


def at(**time: float) -> datetime:
    return START + timedelta(**time)


class Box:
    """A sampler with its judge on a real outbox in virtual time; may be started again on the same outbox."""

    def __init__(self, folder: Path, *channels: ChannelSettings, settings: QualitySettings | None = None) -> None:
        self.clock = VirtualClock()
        self.folder = folder
        self.told = Told()
        self.channels = channels
        self.settings = settings
        self.outbox: Outbox = new_outbox(folder, clock=self.clock)
        self.start()

    def start(self) -> None:
        self.judge = judge_of(
            *self.channels, settings=self.settings, tell=self.told, data_dir=self.folder, clock=self.clock
        )
        self.sampler = Sampler(
            self.outbox,
            AlarmGuard(self.outbox, limits=(), silences=(), clock=self.clock),
            judge=self.judge,
            derived=by_main((c.name, c.unit, c.quantity) for c in self.channels),
            salinity_g_kg={"tank-1": 0.0},
            clock=self.clock,
        )

    def hear(self, *raws: RawReading) -> list[Reading]:
        """Deliver one message and return what was accepted of it."""
        before = len(accepted(self.outbox))
        self.sampler.deliver(Delivery(raws, self.clock.now(), self.clock.monotonic(), lambda: None))
        self.sampler.step()
        self.clock.advance(1.5)
        self.sampler.step()
        return accepted(self.outbox)[before:]


def test_the_device_and_our_tests_are_both_kept_and_the_worse_one_decides(tmp_path: Path) -> None:
    settings = QualitySettings(channels=(ChannelQualitySettings(channel="tank-1.do", limits={"span_low": 5.0}),))
    box = Box(tmp_path, DO, settings=settings)
    for _ in range(6):
        found = box.hear(RawReading(DO, 4.9, None, quality=SUSPECT, test="device_quality"))[0]
    assert (found.quality, found.test, found.also) == (SUSPECT, "device_quality", {"operator_span": SUSPECT})
    found = box.hear(RawReading(DO, 9.0, None, quality=FAIL, test="sentinel"))[0]
    assert (found.quality, found.test, found.also) == (FAIL, "sentinel", None)
    assert box.hear(RawReading(DO, 5.1, None, quality=GOOD))[0].quality is GOOD


def test_thresholds_of_one_channel_leave_the_others_alone() -> None:
    settings = QualitySettings.model_validate(
        {
            "channels": [
                {"channel": "tank-1.do", "limits": {"spike": None, "high": 20, "stuck_count": 3}, "months": {7: [5, 9]}}
            ]
        }
    )
    own = settings.limits_of("tank-1.do", "do")
    assert (own.spike, own.high, own.stuck_count, own.months) == (None, 20, 3, {7: (5, 9)})
    assert settings.limits_of("tank-2.do", "do").spike == 2.28


def test_a_mistyped_threshold_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValidationError, match="Did you mean 'stuck_s'"):
        ChannelQualitySettings.model_validate({"channel": "a", "limits": {"stucks": 1}})


def test_a_stuck_probe_is_told_once_and_its_recovery_too(tmp_path: Path) -> None:
    box = Box(tmp_path, DO)
    for minute in range(70):
        box.judge.judge("tank-1.do", 9.0, at(minutes=minute))
    assert box.told.names() == ["sensor.suspect"]
    assert box.told.events[0][1]["test"] == "stuck"
    box.judge.judge("tank-1.do", 9.2, at(minutes=70))
    assert box.told.names() == ["sensor.suspect", "sensor.recovered"]


def test_a_restart_does_not_make_a_stuck_probe_look_alive(tmp_path: Path) -> None:
    box = Box(tmp_path, DO)
    for _ in range(40):
        box.clock.advance(58.5)
        found = box.hear(RawReading(DO, 9.0, None))
    assert found[0].test == "stuck"
    box.start()
    box.clock.advance(58.5)
    assert box.hear(RawReading(DO, 9.0, None))[0].test == "stuck"
    box.hear(RawReading(DO, 9.1, None))
    assert box.told.names() == ["sensor.suspect", "sensor.recovered"]  # told once, though the agent was restarted


@pytest.mark.parametrize("text", ["", "7", "[]", "{}", "[[1]]", "null", '{"v": 1}'])
def test_a_spoiled_memory_of_the_box_is_left_out(tmp_path: Path, text: str) -> None:
    box = Box(tmp_path, DO, OTHER)
    box.judge.recall(dict.fromkeys(box.judge.remember(), text))
    assert box.hear(RawReading(DO, 9.0, None))[0].quality is GOOD


def test_two_probes_in_one_tank_watch_each_other(tmp_path: Path) -> None:
    box = Box(tmp_path, DO, OTHER)
    for minute in range(40):
        both = [
            box.judge.judge("tank-1.do", 9 + minute % 7 / 100, at(minutes=minute)),
            box.judge.judge("tank-1.deep.do", 6 + minute % 5 / 100, at(minutes=minute)),
        ]
    assert [judged.verdict.test for judged in both] == ["disagreement", "disagreement"]
    assert "pair_drift" in box.judge.tests()["tank-1.do"].not_evaluated


def test_probes_at_different_places_of_a_tank_are_not_compared(tmp_path: Path) -> None:
    settings = QualitySettings(channels=(ChannelQualitySettings(channel="tank-1.do", place="inlet"),))
    box = Box(tmp_path, DO, OTHER, settings=settings)
    for minute in range(40):
        for channel, value in (("tank-1.do", 11 + minute % 7 / 100), ("tank-1.deep.do", 8 + minute % 5 / 100)):
            judged = box.judge.judge(channel, value, at(minutes=minute))
            assert judged.verdict.flag is GOOD
    assert box.judge.tests()["tank-1.do"].not_evaluated == ()


def test_a_new_series_says_which_tests_could_not_judge_yet(tmp_path: Path) -> None:
    box = Box(tmp_path, DO)
    found = [box.hear(RawReading(DO, 9.0 + number / 100, None))[0] for number in range(7)]
    waiting = QualityFlag.NOT_EVALUATED
    assert found[0].also == {"stuck": waiting, "rate_of_change": waiting, "spike": waiting}
    assert [one.also for one in found[1:]] == [{"spike": waiting}] * 4 + [None] * 2
    assert {one.quality for one in found} == {GOOD}  # the range has been tested from the first
    box.clock.advance(8000)
    assert box.hear(RawReading(DO, 9.0, None))[0].also == found[0].also  # after a gap it is a new series


@settings(max_examples=8, deadline=None)
@given(
    values=st.lists(st.floats(0, 30).map(lambda value: round(value, 1)), min_size=1, max_size=12),
    cuts=st.sets(st.integers(1, 11)),
)
def test_how_messages_are_grouped_changes_no_verdict(values: list[float], cuts: set[int]) -> None:
    def heard(groups: list[list[RawReading]]) -> list[tuple[datetime, QualityFlag, str | None, object]]:
        with TemporaryDirectory() as folder:
            box = Box(Path(folder), DO)
            found = [one for group in groups for one in box.hear(*group)]
            box.outbox.close()
        return [(one.observed_at, one.quality, one.test, one.also) for one in found]

    raws = [RawReading(DO, value, at(seconds=number - 60)) for number, value in enumerate(values)]
    edges = [0, *sorted(cut for cut in cuts if cut < len(raws)), len(raws)]
    groups = [raws[first:last] for first, last in pairwise(edges)]
    assert heard(groups) == heard([raws])


def test_un_ionized_ammonia_follows_from_total_ammonia_ph_and_temperature(tmp_path: Path) -> None:
    box = Box(tmp_path, TAN, PH, WARMTH)
    found = box.hear(RawReading(WARMTH, 20.0, None), RawReading(PH, 8.0, None), RawReading(TAN, 1.0, None))
    derived = [one for one in found if one.derived]
    assert [(one.channel, one.quantity, one.ucum) for one in derived] == [("tank-1.nh3", "nh3", "mg/L")]
    assert derived[0].value == pytest.approx(0.038, abs=0.001)  # Emerson 1975: 3.8 % at 20 Cel and pH 8


def test_carbon_dioxide_follows_the_ph_and_yesterdays_alkalinity(tmp_path: Path) -> None:
    box = Box(tmp_path, PH, WARMTH, ALKALINITY)
    box.hear(RawReading(ALKALINITY, 100.0, None))
    box.clock.advance(20 * 3600)
    found = box.hear(RawReading(WARMTH, 20.0, None), RawReading(PH, 7.0, None))
    carbon_dioxide = next(one for one in found if one.derived)
    assert (carbon_dioxide.channel, carbon_dioxide.quantity) == ("tank-1.co2", "co2")
    assert carbon_dioxide.value == pytest.approx(20.0, rel=0.1)
    box.clock.advance(5 * 3600)
    assert not [one for one in box.hear(RawReading(WARMTH, 20.0, None), RawReading(PH, 7.0, None)) if one.derived]


def test_nothing_is_derived_from_a_stale_or_failed_partner(tmp_path: Path) -> None:
    box = Box(tmp_path, TAN, PH, WARMTH)
    box.hear(RawReading(WARMTH, 20.0, None), RawReading(PH, 8.0, None))
    box.clock.advance(601)
    box.hear(RawReading(WARMTH, 20.0, None))
    assert not [one for one in box.hear(RawReading(TAN, 1.0, None)) if one.derived]
    box.hear(RawReading(PH, 99.0, None))
    assert not [one for one in box.hear(RawReading(TAN, 1.0, None)) if one.derived]


def test_a_derived_value_is_never_better_than_its_inputs(tmp_path: Path) -> None:
    box = Box(tmp_path, DO, WARMTH)
    found = box.hear(RawReading(WARMTH, 12.0, None, quality=SUSPECT, test="device_quality"), RawReading(DO, 9.0, None))
    derived = next(one for one in found if one.derived)
    assert (derived.quality, derived.test) == (SUSPECT, "inputs")


def test_ammonia_in_the_sea_uses_the_formula_for_the_sea() -> None:
    def made(quantity: str, value: float) -> Reading:
        return Reading(
            channel=f"tank-1.{quantity}",
            unit="tank-1",
            quantity=quantity,
            value=value,
            ucum="1",
            observed_at=START,
            quality=GOOD,
        )

    ammonia = next(one for one in DERIVATIONS if one.quantity == "nh3")
    partners = {"ph": made("ph", 8.1), "temperature": made("temperature", 25.0)}
    fresh = derive(ammonia, made("tan", 1.0), partners, salinity_g_kg=0.0)
    sea = derive(ammonia, made("tan", 1.0), partners, salinity_g_kg=35.0)
    assert fresh is not None
    assert sea is not None
    assert sea.value == pytest.approx(0.05, abs=0.006)  # PyCO2SYS: 4.96 % on the NBS scale
    assert sea.value < fresh.value
    assert derive(ammonia, made("tan", 1.0), partners, salinity_g_kg=45.0) is None  # outside the formula


def test_names_of_derived_channels_and_when_there_are_any() -> None:
    saturation = DERIVATIONS[0]
    assert derived_name("tank-1.do", saturation) == "tank-1.do_sat"
    assert derived_name("tank-1.oxygen", saturation) == "tank-1.oxygen.do_sat"
    assert possible([("tank-1.do", "tank-1", "do"), ("t", "tank-2", "temperature")]) == {}
    measured = [("a.do", "a", "do"), ("a.t", "a", "temperature"), ("a.do_sat", "a", "do_sat")]
    assert possible(measured) == {}  # it is measured already
    assert list(possible(measured[:2])) == ["a.do_sat"]
