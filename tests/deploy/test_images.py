from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shoal.cli import app
from tests.deploy.files import DEPLOY, ROOT, is_known, passes, run
from tests.tools.registry import need

DOCKERFILES = sorted((DEPLOY / "docker").glob("Dockerfile*"))
TARGETS = ("cloud", "bridge", "edge", "box", "train")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    passes(need("hadolint"), "--failure-threshold", "style", str(path))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_runs_as_a_user_and_pins_its_base_by_argument(path: Path) -> None:
    text = path.read_text()
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE))
    assert [base for base in bases if base not in stages and not base.startswith("${")] == []


def test_every_program_has_a_target_and_says_whether_it_is_well() -> None:
    text = (DEPLOY / "docker/Dockerfile").read_text()
    for target in TARGETS:
        stage = text.split(f" AS {target}\n")[1].split("\nFROM ")[0]
        assert "HEALTHCHECK" in stage, target


def test_images_use_settings_and_files_that_exist() -> None:
    for path in DOCKERFILES:
        text = path.read_text()
        assert [name for name in re.findall(r"\b(SHOAL_[A-Z_]+)=", text) if not is_known(name)] == []
        for line in re.findall(r"^COPY (?!--from)(?:--chmod=\S+ )?(.+)$", text, re.MULTILINE):
            for source in line.split()[:-1]:
                assert (ROOT / source).exists(), f"{path.name} copies {source}"


def test_the_build_context_has_what_the_images_copy() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(
        r"^COPY (?!--from)(?:--chmod=\S+ )?(.+)$", (DEPLOY / "docker/Dockerfile").read_text(), re.MULTILINE
    ):
        for source in line.split()[:-1]:
            assert source.rstrip("/") in kept


@pytest.mark.parametrize("target", TARGETS)
def test_the_command_of_an_image_is_one_that_its_program_knows(target: str) -> None:
    text = (DEPLOY / "docker/Dockerfile").read_text().split(f" AS {target}\n")[1].split("\nFROM ")[0]
    words = re.findall(r'"([^"]+)"', text.rsplit("\nCMD ", 1)[1])
    named = [word for word in words if not word.startswith(("-", "/")) and not word.isdigit()]
    assert CliRunner().invoke(app, [*named, "--help"]).exit_code == 0


def test_the_health_check_tells_good_from_bad() -> None:
    program = str(DEPLOY / "docker/healthy.py")
    assert run(sys.executable, program, "http://127.0.0.1:9/live").returncode == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_step_that_builds_the_wheel_makes_one_with_dashboard_models_and_probe_maps(tmp_path: Path) -> None:
    passes(sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT))
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert "cloud/dashboard/dist/index.html" in names
    assert any(name.startswith("models/bundles/") and name.endswith(".onnx") for name in names)
    assert any(name.startswith("edge/firmware_configs/probes/") for name in names)
