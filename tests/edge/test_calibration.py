"""Calibration: from reference points to a record, from the record to every reading, and what happens when it is old or broken."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from contracts.errors import ConfigurationError
from contracts.quality import QualityFlag
from edge.__main__ import main
from edge.doctor import Verdict, examine
from edge.sensors.calibration import Point, ProbeFile, Record, fit, read_probe, write_probe
from edge.sensors.commands import calibrate, parse_point
from edge.sensors.driver import Delivery, RawReading
from edge.sensors.quality_settings import ChannelQualitySettings, QualitySettings
from edge.settings import EdgeSettings, load_settings
from tests.edge.farm import ROOT, START, configuration
from tests.edge.test_judge import DO, Box

SAMPLES = sorted((ROOT / "firmware_configs" / "calibration").glob("*.yaml"))
WITH_PROBE = QualitySettings(channels=(ChannelQualitySettings(channel="tank-1.do", probe="rdo-1"),))


def at(**time: float) -> datetime:
    return START + timedelta(**time)


def write(folder: Path, *records: Record, serial: str = "rdo-1", quantity: str = "do") -> Path:
    return write_probe(folder / "calibration", ProbeFile(serial=serial, quantity=quantity, records=records))


def farm(tmp_path: Path) -> EdgeSettings:
    return load_settings(configuration(tmp_path, quality={"channels": [{"channel": "tank-1.do", "probe": "rdo-1"}]}))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_a_valid_record(path: Path) -> None:
    assert read_probe(path).serial == path.stem


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 2


def test_two_buffers_give_slope_and_offset() -> None:
    slope, offset = fit([Point(raw=6.94, reference=7.0), Point(raw=9.87, reference=10.0)], "ph", None)
    assert slope * 6.94 + offset == pytest.approx(7.0)
    assert slope * 9.87 + offset == pytest.approx(10.0)


def test_one_reference_corrects_the_slope_of_oxygen_and_the_offset_of_temperature() -> None:
    assert fit([Point(raw=8.8, reference=9.09)], "do", None) == pytest.approx((1.03295, 0.0), abs=1e-5)
    assert fit([Point(raw=12.4, reference=12.0)], "temperature", None) == pytest.approx((1.0, -0.4))
    before = Record(at=START, slope=1.1, offset=0.2)
    slope, offset = fit([Point(raw=8.0, reference=9.0)], "do", before)
    assert (slope * 8.0 + offset, offset) == pytest.approx((9.0, 0.2))  # the zero of the last calibration is kept


@pytest.mark.parametrize(
    ("points", "remedy"),
    [
        ([(9.0, 0.5)], "slope of 0.0556"),
        ([(0.0, 9.0)], "higher reference"),
        ([(7.0, 7.0), (7.0, 10.0)], "two references"),
        ([(10.0, 4.0), (4.0, 10.0)], "not exchanged"),
    ],
)
def test_points_that_give_no_calibration_are_refused_with_the_remedy(
    points: list[tuple[float, float]], remedy: str
) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        fit([Point(raw=raw, reference=reference) for raw, reference in points], "do", None)


@pytest.mark.parametrize("text", ["8.8", "8.8:", ":9", "a:b", "nan:1", "1:inf"])
def test_a_point_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="READING:REFERENCE"):
        parse_point(text)


def test_a_reading_is_corrected_and_cites_its_record(tmp_path: Path) -> None:
    write(tmp_path, Record(at=at(days=-1), slope=1.1, offset=-0.2))
    box = Box(tmp_path, DO, settings=WITH_PROBE)
    found = box.hear(RawReading(DO, 9.0, None))[0]
    assert found.value == pytest.approx(9.7)
    assert found.calibration == "rdo-1@20261120T060000Z"
    assert box.told.names() == ["calibration.applied"]


def test_a_new_record_applies_without_a_restart_and_only_to_what_comes_after_it(tmp_path: Path) -> None:
    box = Box(tmp_path, DO, settings=WITH_PROBE)
    assert box.hear(RawReading(DO, 9.0, None))[0].calibration is None
    box.clock.advance(60)
    write(tmp_path, Record(at=box.clock.now(), slope=1.05))
    box.clock.advance(10)
    box.sampler.step()
    found = box.hear(RawReading(DO, 9.0, None))[0]
    assert found.value == pytest.approx(9.45)
    assert found.quality is QualityFlag.GOOD  # its jump is no fault of the water
    kept_by_node = RawReading(DO, 9.0, START + timedelta(seconds=5), historical=True)
    assert [one.calibration for one in box.hear(kept_by_node)] == [None]


def test_an_expired_calibration_makes_values_suspect_and_is_told_once_even_over_a_restart(tmp_path: Path) -> None:
    write(tmp_path, Record(at=at(days=-90), slope=1.1, expires=at(days=-1)))
    box = Box(tmp_path, DO, settings=WITH_PROBE)
    found = box.hear(RawReading(DO, 8.0, None))[0]
    assert (found.quality, found.test) == (QualityFlag.SUSPECT, "calibration_expired")
    assert found.value == pytest.approx(8.8)  # an old correction is still better than none
    box.clock.advance(301)
    box.hear(RawReading(DO, 8.01, None))
    box.start()
    assert box.told.names() == ["calibration.applied", "calibration.expired"]


def test_a_box_that_does_not_know_the_time_still_corrects(tmp_path: Path) -> None:
    write(tmp_path, Record(at=at(days=-90), slope=1.1, expires=at(days=-1)))
    box = Box(tmp_path, DO, settings=WITH_PROBE)
    long_ago = datetime.fromisoformat("1970-01-01T00:01:00+00:00")
    delivery = Delivery((RawReading(DO, 8.0, None),), long_ago, box.clock.monotonic(), lambda: None, "count-1")
    box.sampler.deliver(delivery)
    box.sampler.step()
    found = box.sampler.latest()["tank-1.do"].reading
    assert found.value == pytest.approx(8.8)
    assert found.quality is QualityFlag.GOOD  # whether the record has expired, nobody can tell


def test_a_broken_file_leaves_the_last_good_record_in_force(tmp_path: Path) -> None:
    path = write(tmp_path, Record(at=at(days=-1), slope=1.1))
    box = Box(tmp_path, DO, settings=WITH_PROBE)
    path.write_text("serial: rdo-1\nquantity: do\nrecords: [{at: yesterday}]\n")
    box.clock.advance(10)
    box.sampler.step()
    assert box.hear(RawReading(DO, 9.0, None))[0].value == pytest.approx(9.9)
    assert box.told.names() == ["calibration.applied", "calibration.refused"]
    assert "records.0.at" in box.judge.troubles()[0]
    path.unlink()
    box.clock.advance(10)
    box.sampler.step()
    assert box.hear(RawReading(DO, 9.0, None))[0].value == pytest.approx(9.9)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (
            {"serial": "rdo-2", "quantity": "do", "records": [{"at": "2026-01-01T00:00:00Z"}]},
            "Name the file rdo-2.yaml",
        ),
        ({"serial": "rdo-1", "quantity": "ph", "records": [{"at": "2026-01-01T00:00:00Z"}]}, "Its channel measures do"),
        ({"serial": "rdo-1", "quantity": "do", "records": []}, "records"),
        ({"serial": "rdo-1", "quantity": "do", "records": [{"at": "2026-01-01T00:00:00Z", "slope": 0}]}, "slope"),
        ({"serial": "rdo-1", "quantity": "do", "records": [{"at": "2026-01-01T00:00:00"}]}, "records.0.at"),
        (
            {
                "serial": "rdo-1",
                "quantity": "do",
                "records": [
                    {
                        "at": "2026-01-01T00:00:00Z",
                        "slope": 1.5,
                        "method": "one_point",
                        "points": [{"raw": 8.8, "reference": 9.09}],
                    }
                ],
            },
            "write the slope and offset that the points give",
        ),
    ],
)
def test_a_record_that_cannot_be_meant_is_refused_by_field(tmp_path: Path, document: object, what: str) -> None:
    path = tmp_path / "rdo-1.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigurationError, match=what):
        read_probe(path, "do")


@pytest.mark.parametrize(
    "text", ["", "7", "[", "[" * 3_000, "at: 2026-13-45", "\x00", "{serial: [], quantity: {}, records: 1}"]
)
def test_whatever_a_file_holds_it_is_refused_and_not_a_crash(tmp_path: Path, text: str) -> None:
    (tmp_path / "rdo-1.yaml").write_text(text)
    with pytest.raises(ConfigurationError):
        read_probe(tmp_path / "rdo-1.yaml", "do")


def test_the_command_takes_what_the_page_shows_and_keeps_the_history(tmp_path: Path) -> None:
    settings = farm(tmp_path)
    calibrate(settings, "tank-1.do", ["8.80:9.09"], by="Anna", now=at(days=-30))
    told = calibrate(settings, "tank-1.do", ["9.00:9.20"], by="Ben", days=30, now=START)  # shown with the first applied
    probe = read_probe(settings.data_dir / "calibration" / "rdo-1.yaml", "do")
    newest = probe.at(START)
    assert newest is not None
    assert newest.applied(9.00 / (9.09 / 8.80)) == pytest.approx(9.20, abs=1e-4)
    assert (len(probe.records), newest.by, newest.method) == (2, "Ben", "one_point")
    assert newest.expires == at(days=30)
    assert "was shown as 9.00 mg/L, now 9.20 mg/L" in told[1]


def test_a_probe_that_lost_much_of_its_slope_is_told(tmp_path: Path) -> None:
    settings = farm(tmp_path)
    calibrate(settings, "tank-1.do", ["8.0:9.0"], by="", now=at(days=-1))
    assert any("worn" in line for line in calibrate(settings, "tank-1.do", ["9.0:5.0"], by="", now=START))


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["tank-1.ox", "8:9"], "Did you mean 'tank-1.do'"),
        (["tank-1.temperature", "8:9"], "probe: SERIAL"),
        (["tank-1.do", "8-9"], "READING:REFERENCE"),
        (["tank-1.do", "8:9", "--days", "0"], "at most 3660"),
    ],
)
def test_the_command_refuses_with_the_remedy_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], remedy: str
) -> None:
    settings = farm(tmp_path)
    assert main(["calibrate", "--config", str(tmp_path / "edge.yaml"), *arguments]) == 2
    assert remedy in capsys.readouterr().err
    assert not (settings.data_dir / "calibration").exists()


def test_a_folder_that_cannot_be_written_is_told_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = farm(tmp_path)
    settings.data_dir.mkdir()
    (settings.data_dir / "calibration").write_text("a file where the folder should be")
    assert main(["calibrate", "--config", str(tmp_path / "edge.yaml"), "tank-1.do", "8.80:9.09"]) == 2
    assert "as the agent's user" in capsys.readouterr().err


def test_the_command_line_prints_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    farm(tmp_path)
    assert main(["calibrate", "--config", str(tmp_path / "edge.yaml"), "tank-1.do", "8.80:9.09", "--by", "Anna"]) == 0
    out = capsys.readouterr().out
    assert "value = 1.033 x reading +0 (one_point by Anna" in out
    assert "rdo-1.yaml" in out


def test_the_doctor_looks_at_every_probe(tmp_path: Path) -> None:
    settings = farm(tmp_path)

    def finding() -> tuple[Verdict, str]:
        found = next(one for one in examine(settings) if one.subject == "calibration of tank-1.do")
        return found.verdict, found.what + found.remedy

    assert finding()[0] is Verdict.WARNING
    assert "shoal edge calibrate tank-1.do" in finding()[1]
    path = write(settings.data_dir, Record(at=at(days=-900), expires=at(days=-800)))
    assert "expired on" in finding()[1]
    path.write_text("nonsense")
    assert finding()[0] is Verdict.BAD
    path.unlink()
    calibrate(settings, "tank-1.do", ["8.80:9.09"], by="Anna")
    assert finding()[0] is Verdict.OK


def test_quality_settings_that_name_no_channel_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Did you mean 'tank-1.do'"):
        load_settings(configuration(tmp_path, quality={"channels": [{"channel": "tank-1.dx"}]}))
    with pytest.raises(ConfigurationError, match="derived"):
        load_settings(configuration(tmp_path, quality={"channels": [{"channel": "tank-1.do_sat", "probe": "x"}]}))
