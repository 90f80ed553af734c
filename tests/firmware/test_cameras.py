"""Camera profiles lead to sections that a box takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from contracts.errors import ConfigurationError
from edge.cameras.settings import CameraSettings, redacted
from shoal.cli import app
from shoal.firmware.cameras import read_profile
from tests.deploy.files import ROOT

CAMERAS = ROOT / "firmware_configs/cameras"
PROFILES = sorted(CAMERAS.glob("*.yaml"))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_what_is_printed_is_a_camera_of_a_box_and_hides_the_password(path: Path) -> None:
    arguments = ["--name", "cam-1", "--unit", "tank-1", "--address", "10.0.0.9"]
    done = CliRunner().invoke(app, ["firmware", "camera", str(path), *arguments])
    assert done.exit_code == 0, done.output
    (section,) = yaml.safe_load(done.output)["cameras"]
    camera = CameraSettings.model_validate(section)
    assert (camera.name, camera.unit) == ("cam-1", "tank-1")
    assert "PASSWORD" not in redacted(camera.source)
    assert f"[{path.stem}]({path.name})" in (CAMERAS / "README.md").read_text()


def test_a_password_with_signs_of_an_address_does_not_change_where_it_leads() -> None:
    section = read_profile(CAMERAS / "hikvision.yaml").section("c", "t", "10.0.0.9", user="box", password="a/b@c:d#e")
    assert section["source"] == "rtsp://box:a%2Fb%40c%3Ad%23e@10.0.0.9:554/Streaming/Channels/102"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stream": {"width": 640, "height": 360, "fps": 10, "codec": "h264", "key_frame_every": 50}}, "sends 0.2"),
        ({"box": {"fpss": 2}}, "fpss"),
        ({"box": {"name": "cam-9"}}, "given by whoever"),
        ({"source": "rtsp://{user}@{host}/x"}, "{host} is none of"),
        ({"source": "ftp://{address}/x"}, "source"),
        ({"box": {"fps": 30}}, "less than the 30"),
        ({"name": "other"}, "give both the same name"),
    ],
)
def test_a_profile_that_a_box_would_not_take_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "hikvision.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load((CAMERAS / path.name).read_text()), **change}))
    with pytest.raises(ConfigurationError) as caught:
        read_profile(path)
    assert said in str(caught.value)
