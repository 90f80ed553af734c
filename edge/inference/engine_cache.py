"""Where TensorRT keeps the engines that it builds on this device.

An engine fits one model, one TensorRT and one GPU; after an upgrade or on another board it must be built again, which takes
minutes. So each combination has a folder of its own, and the oldest folders go.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
from pathlib import Path

TENSORRT = "TensorrtExecutionProvider"
KEPT = 3
"""Folders that stay: this model, the one before it, and the one that is tried next."""


def engine_options(root: Path | None, sha256: str) -> dict[str, str]:
    """Options of onnxruntime's TensorRT provider; the golden frames decide whether half precision is good enough."""
    options = {"trt_fp16_enable": "True"}
    if root is not None:
        folder = engine_folder(root, sha256=sha256, tensorrt=tensorrt_version(), gpu=gpu_name())
        options |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(folder),
        }
    return options


def engine_folder(root: Path, *, sha256: str, tensorrt: str, gpu: str) -> Path:
    """The folder for engines of this model on this TensorRT and GPU; made if it is missing, old ones are removed."""
    key = hashlib.sha256(f"{sha256}|{tensorrt}|{gpu}".encode()).hexdigest()[:16]
    folder = root / f"{sha256[:12]}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()  # used now, so that it is the last to go
    others = sorted(
        (old for old in root.iterdir() if old.is_dir() and old != folder), key=lambda old: old.stat().st_mtime
    )
    for old in others[: max(0, len(others) - (KEPT - 1))]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def tensorrt_version() -> str:
    """Version of the installed TensorRT as its library gives it; empty where there is none."""
    for name in ("libnvinfer.so.10", "libnvinfer.so.8", "libnvinfer.so"):
        try:
            return str(ctypes.CDLL(name).getInferLibVersion())
        except (OSError, AttributeError):  # noqa: PERF203  (three names)
            continue
    return ""


def gpu_name(proc: Path = Path("/proc")) -> str:
    """Name of the first NVIDIA GPU or of the Jetson board; empty where there is none."""
    boards = [proc / "device-tree/model", *sorted(proc.glob("driver/nvidia/gpus/*/information"))]
    for file in boards:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        model = next((line.partition(":")[2] for line in text.splitlines() if line.startswith("Model:")), text)
        return model.strip(" \t\n\0")
    return ""
