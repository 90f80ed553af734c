"""The mock farm answers in the shapes of the real API; otherwise the browser tests would prove nothing."""

from __future__ import annotations

from datetime import timedelta

from cloud.alarms.schemas import Alarm
from cloud.drift.schemas import DriftAlertOut, DriftHours, DriftSeriesOut
from cloud.farms.schemas import Unit
from cloud.live.schemas import Snapshot
from cloud.model_health.schemas import SiteModelHealth
from cloud.observations.schemas import ObservationOut
from cloud.overview.schemas import SiteLatest
from cloud.rollouts.schemas import CountSeries, DecisionView, DeviceView, ModelChanges, NewRollout, RolloutView
from cloud.samples.schemas import SamplePair
from cloud.tasks.schemas import TaskOut
from cloud.telemetry.schemas import Series
from tests.dashboard.mock_api import MockFarm
from tests.dashboard.mock_live import snapshot


def test_latest_has_the_shape_of_the_api() -> None:
    farm = MockFarm()
    answer = SiteLatest.model_validate(farm.latest("nordfjord"))
    assert [unit.unit.slug for unit in answer.units] == ["tank-1", "tank-2", "tank-3", "pen-north"]
    assert answer.units[2].worst_severity == "critical"


def test_alarms_have_the_shape_of_the_api() -> None:
    farm = MockFarm()
    alarms = [Alarm.model_validate(alarm) for alarm in farm.open_alarms()]
    done = Alarm.model_validate(farm.acknowledge(str(alarms[0].id), farm.users["operator@nordfjord.example"]))
    assert done.acknowledged
    assert done.active


def test_live_stream_has_the_shape_of_the_api() -> None:
    farm = MockFarm()
    told = Snapshot.model_validate(snapshot(farm.latest("nordfjord"), farm.open_alarms(), seq=1))
    assert len(told.channels) == 4 * 5
    assert {each.unit_id for each in told.observations} == {1, 2, 3, 4}
    assert len(told.alarms) == len(farm.open_alarms()) > 0


def test_series_units_and_observations_have_the_shape_of_the_api() -> None:
    farm = MockFarm()
    series = Series.model_validate(farm.series(10, farm.now() - timedelta(hours=1), farm.now(), 100))
    assert 0 < len(series.points) <= 100
    tank = farm.units[0]
    assert Unit.model_validate(farm.unit_out(tank)).name == "Tank 1"
    seen = ObservationOut.model_validate(farm.observation(tank, farm.now().timestamp()))
    assert len(seen.detections) == tank.fish
    assert ModelChanges.model_validate({"items": farm.model_changes(), "cut": False}).items
    counts = CountSeries.model_validate(farm.counts(tank, farm.now() - timedelta(hours=1), farm.now(), "five_minutes"))
    assert counts.items[0].cast_back == 1.25 * counts.items[0].mean
    assert SiteModelHealth.model_validate({"items": farm.model_health()}).items[1].status == "degraded"


def test_rollouts_have_the_shape_of_the_api() -> None:
    farm = MockFarm()
    admin = farm.users["fleet_admin@nordfjord.example"]
    shown = RolloutView.model_validate(next(iter(farm.rollouts.values())))
    assert [wave.name for wave in shown.waves] == ["canary", "early", "half", "all"]
    new = NewRollout(name="Next", model="fish-detector", version="1.2.0")
    asked = RolloutView.model_validate(farm.ask_rollout(new.model_dump(mode="json"), admin))
    assert asked.status == "asked"
    waits = next(each for each in farm.rollouts.values() if each["status"] == "proposed")
    assert RolloutView.model_validate(farm.approve_rollout(waits["id"], {"reason": ""}, admin)).approved_by
    assert all(DeviceView.model_validate(device) for device in farm.rollout_devices())
    farm.order_rollout(str(shown.id), {"kind": "pause", "reason": "harvest"}, admin)
    assert "harvest" in DecisionView.model_validate(farm.decisions[0]).words


def test_drift_tasks_and_pairs_have_the_shape_of_the_api() -> None:
    farm = MockFarm()
    assert DriftAlertOut.model_validate(farm.drift_alert()).ended_at is None
    assert {DriftSeriesOut.model_validate(each).status for each in farm.drift_series()} == {
        "stable",
        "drift",
        "learning",
    }
    assert DriftHours.model_validate(farm.drift_hours()).items
    pairs = [SamplePair.model_validate(each) for each in farm.sample_pairs("1.1.0")]
    assert pairs[0].score == max(pair.score for pair in pairs)
    assert {TaskOut.model_validate(each).state for each in farm.tasks.values()} == {"running", "succeeded", "failed"}
