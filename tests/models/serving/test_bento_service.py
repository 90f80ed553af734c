"""The BentoML service: started as a company would, and asked once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from models.runtime import shipped_bundle
from tests.architecture.tree import ROOT
from tests.servers.presence import missing


@pytest.mark.integration
def test_the_shipped_bundle_is_served(tmp_path: Path) -> None:
    if find_spec("bentoml") is None:
        missing("bentoml", "pip install '.[serving]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "True"}
    log = (tmp_path / "log").open("wb")
    program = subprocess.Popen(
        [sys.executable, "-m", "bentoml", "serve", "models.serving.bento_service:ShoalModel", "--host", "127.0.0.1", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    frame = shipped_bundle("fish-detector") / "golden" / "between.jpg"
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline and program.poll() is None:
                try:
                    if client.get("/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            answer = client.post("/predict", files={"image": ("frame.jpg", frame.read_bytes(), "image/jpeg")})
            assert answer.status_code == 200, answer.text + (tmp_path / "log").read_text()
            said = answer.json()
            assert said["model"]["name"] == "fish-detector"
            assert {each["label"] for each in said["detections"]} == {"fish"}
            bad = client.post("/predict", files={"image": ("frame.jpg", b"no picture", "image/jpeg")})
            assert 400 <= bad.status_code < 500
    finally:
        os.killpg(program.pid, signal.SIGTERM)
        program.wait(30)
        log.close()
