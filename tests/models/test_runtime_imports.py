from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROBE = """
import sys, time
started = time.process_time()
import models.runtime.detector
print(time.process_time() - started)
print(" ".join(sorted(set(name.partition(".")[0] for name in sys.modules))))
"""
FORBIDDEN = {
    "torch",
    "torchvision",
    "onnx",
    "onnxscript",
    "pandas",
    "matplotlib",
    "fastapi",
    "sqlalchemy",
    "paho",
    "yaml",
}


def test_the_runtime_is_light() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    ]
    seconds = min(float(run.splitlines()[0]) for run in runs)
    loaded = set(runs[0].splitlines()[1].split())
    assert not loaded & FORBIDDEN
    # numpy, OpenCV and onnxruntime together; processor time, so that a busy machine does not matter.
    assert seconds < 1.0


def test_who_only_prepares_frames_does_not_load_onnxruntime() -> None:
    code = "import sys, models.runtime.bundle, models.runtime.preprocess; print('onnxruntime' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_model_that_runs_tells_nobody(tmp_path: Path) -> None:
    """onnxruntime from 1.29 on sends events to its maker unless it is told not to, and keeps an identity of the machine for it."""
    code = "from models.runtime import load_bundle, open_session, shipped_bundle as b; open_session(load_bundle(b('fish-detector')))"
    machine = {
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # without CI, where it is silent
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=machine, check=True)
    assert not list(tmp_path.rglob("*"))
