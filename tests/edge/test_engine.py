"""Which provider runs the model, and where engines built on this device are kept: decided without any GPU."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from contracts.bundles import ImageInput
from contracts.errors import ConfigurationError, ShoalError
from contracts.vision import ModelRef
from edge.inference.engine import Engine, EngineReport, first_that_works, load_engine
from edge.inference.engine_cache import KEPT, engine_folder, engine_options, gpu_name
from edge.inference.settings import ModelSettings
from models.runtime import Detector
from tests.models.tiny_bundle import edit_manifest, tiny_detector

GPU_FIRST = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
REPORT = EngineReport(
    model=ModelRef(name="fish", version="1.0.0", sha256="ab" * 32),
    image=ImageInput(width=32, height=32),
    provider="",
    golden_frames=2,
    warm_up_ms=10,
    latency_ms=5,
)


def engine_on(provider: str) -> Engine:
    return Engine(replace(REPORT, provider=provider), cast("Detector", None))


def test_the_best_provider_that_works_runs_and_says_why_the_better_ones_do_not() -> None:
    def build(provider: str) -> Engine:
        if provider.startswith("Tensor"):
            raise ConfigurationError("model.providers", provider, "libnvinfer.so.10 is missing.")
        if provider.startswith("CUDA"):
            raise ShoalError("its golden frames give other results")
        return engine_on(provider)

    report = first_that_works(GPU_FIRST, build).report
    assert report.provider == "CPUExecutionProvider"
    assert "libnvinfer.so.10" in report.fallback
    assert "golden" in report.fallback


def test_a_provider_that_works_at_once_is_no_fallback() -> None:
    assert first_that_works(GPU_FIRST, engine_on).report.fallback == ""


def test_when_none_works_the_last_reason_is_told() -> None:
    def build(provider: str) -> Engine:
        raise ConfigurationError("model.providers", provider, f"no {provider} here")

    with pytest.raises(ConfigurationError, match="no CPUExecutionProvider here"):
        first_that_works(GPU_FIRST, build)


def test_a_box_without_the_gpu_that_was_asked_for_runs_on_its_processor_and_says_so(tmp_path: Path) -> None:
    bundle = tiny_detector(tmp_path / "bundle")
    report = load_engine(ModelSettings(bundle=str(bundle), providers=GPU_FIRST)).report
    assert report.provider == "CPUExecutionProvider"
    assert "TensorrtExecutionProvider" in report.fallback
    assert "CUDAExecutionProvider" in report.fallback
    assert load_engine(ModelSettings(bundle=str(bundle))).report.fallback == ""


def test_a_model_that_is_slower_than_its_bundle_allows_says_so(tmp_path: Path) -> None:
    bundle = tiny_detector(tmp_path / "bundle")
    edit_manifest(bundle, probation={"max_latency_ms": 0.000001})
    assert load_engine(ModelSettings(bundle=str(bundle))).report.over_budget
    edit_manifest(bundle, probation={"max_latency_ms": 60_000})
    assert not load_engine(ModelSettings(bundle=str(bundle))).report.over_budget


def test_engines_of_another_model_tensorrt_or_gpu_are_never_reused(tmp_path: Path) -> None:
    same = {"sha256": "ab" * 32, "tensorrt": "100300", "gpu": "Orin NX"}
    first = engine_folder(tmp_path, **same)
    assert engine_folder(tmp_path, **same) == first
    others = {
        engine_folder(tmp_path, **(same | other))
        for other in ({"sha256": "cd" * 32}, {"tensorrt": "100700"}, {"gpu": "Orin Nano"})
    }
    assert len(others | {first}) == 4


def test_the_oldest_engines_go(tmp_path: Path) -> None:
    folders = []
    for number in range(6):
        folders.append(engine_folder(tmp_path, sha256=f"{number:02}" * 32, tensorrt="1", gpu="g"))
        os.utime(folders[-1], (number, number))
    left = {folder.name for folder in tmp_path.iterdir()}
    assert left == {folder.name for folder in folders[-KEPT:]}


def test_a_box_without_a_cache_folder_builds_every_time() -> None:
    assert "trt_engine_cache_enable" not in engine_options(None, "ab" * 32)


def test_the_gpu_is_named_by_the_board_or_by_its_driver(tmp_path: Path) -> None:
    assert gpu_name(tmp_path) == ""
    card = tmp_path / "driver/nvidia/gpus/0000:01:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: \t NVIDIA L4\nIRQ: 1\n")
    assert gpu_name(tmp_path) == "NVIDIA L4"
    (tmp_path / "device-tree").mkdir()
    (tmp_path / "device-tree/model").write_bytes(b"NVIDIA Jetson Orin NX\0")
    assert gpu_name(tmp_path) == "NVIDIA Jetson Orin NX"
