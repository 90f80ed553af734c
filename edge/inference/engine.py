"""A bundle becomes a running, self-tested detector that can say which file and which provider it runs.

Providers are tried best first; one counts only when onnxruntime says that it really runs the graph and the golden frames
give the published results on it. The heavy libraries are imported here, when a model is wanted, and nowhere earlier.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from contracts.bundles import ImageInput
from contracts.errors import ConfigurationError, ShoalError
from contracts.vision import Detection, ModelRef
from edge.inference.engine_cache import TENSORRT, engine_options
from edge.inference.settings import ModelSettings

if TYPE_CHECKING:
    from edge.cameras.source import Image
    from models.runtime import Bundle, Detector, Look, Session
    from models.runtime.preprocess import Placement

log = structlog.get_logger()

UNSURE_SHARE = 0.4
"""Detections are reported down to this share of the threshold: they continue tracks and begin none (ByteTrack)."""
BEST_FIRST = (TENSORRT, "CUDAExecutionProvider", "CPUExecutionProvider")
TIMED_RUNS = 5


@dataclass(frozen=True)
class FrameResult:
    """What the model says about one frame."""

    detections: tuple[Detection, ...]
    """All that the engine reports; those below ``threshold`` only help to follow a fish that is half hidden."""
    model: ModelRef
    """The model that said it."""
    done_s: float
    """Monotonic time when the result was there."""
    threshold: float = 0.0
    """Confidence from which a detection counts."""
    health: tuple[Mapping[str, float], ...] = ()
    """Scores by health label of the fish that the health model looked at in this frame."""
    distance: float | None = None
    """How far the frame lies from those that the model was trained on, which lie about 1 away; None when it does not tell."""


@dataclass(frozen=True)
class EngineReport:
    """What is known of an engine when it is ready."""

    model: ModelRef
    image: ImageInput
    """The input that frames must be fitted to."""
    provider: str
    """The provider that onnxruntime says runs the graph."""
    golden_frames: int
    warm_up_ms: float
    latency_ms: float
    """Median of a few runs on one frame after the warm-up."""
    threshold: float = 0.0
    """Confidence from which a detection counts; some below it are reported."""
    latency_budget_ms: float | None = None
    """What the bundle allows on any device; None when it does not say."""
    health: ModelRef | None = None
    """The health model that looks at the found fish; None when none does."""
    health_trouble: str = ""
    """Why the configured health model does not run; counting goes on without it."""
    fallback: str = ""
    """Why a better provider does not run; empty when the best one does."""

    @property
    def over_budget(self) -> bool:
        """Whether it is slower here than its bundle allows."""
        return self.latency_budget_ms is not None and self.latency_ms > self.latency_budget_ms


@dataclass(frozen=True)
class Engine:
    """A detector that has passed its own golden frames."""

    report: EngineReport
    _detector: Detector

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Detections of each frame."""
        return self._detector.detect(frames)

    def look_fitted(self, batch_BHWC: Image, placements: Sequence[Placement]) -> list[Look]:
        """What the model says of frames that were fitted to the input elsewhere."""
        return self._detector.look_fitted(batch_BHWC, placements)


def load_engine(settings: ModelSettings, *, cache: Path | None = None) -> Engine:
    """Load, verify, warm up and self-test the configured bundle on the best provider that works.

    Args:
        settings: which bundle, how many threads, which providers.
        cache: folder for engines that a provider builds on this device; None builds them anew every time.

    Raises:
        ConfigurationError: the bundle is unknown or damaged, or on no provider does a golden frame give the result that
            was published with the model.
    """
    import cv2

    from models.runtime import find_bundle, load_bundle
    from models.runtime.session import available_providers

    cv2.setNumThreads(settings.threads)  # its own pool would fight the cameras for the processor
    bundle = load_bundle(find_bundle(settings.bundle))
    available = available_providers()
    wanted = settings.providers or tuple(name for name in BEST_FIRST if name in available) or available
    engine = first_that_works(
        wanted,
        lambda provider: _engine_on(provider, wanted, available, bundle=bundle, settings=settings, cache=cache),
    )
    report = engine.report
    log.info(
        "model.ready",
        model=report.model.name,
        version=report.model.version,
        provider=report.provider,
        golden=report.golden_frames,
        latency_ms=report.latency_ms,
        fallback=report.fallback,
    )
    return engine


def first_that_works(wanted: Sequence[str], build: Callable[[str], Engine]) -> Engine:
    """Walk down the ladder of providers; the engine says why the ones above it do not run.

    Raises:
        ShoalError: none works; the reason of the last one.
    """
    reasons: list[str] = []
    for provider in wanted:
        try:
            engine = build(provider)
        except ShoalError as error:  # noqa: PERF203  (one rung per turn)
            reasons.append(f"{provider}: {_reason(error)}")
            if provider == wanted[-1]:
                raise
            log.warning("model.provider_failed", provider=provider, reason=_reason(error))
        else:
            return replace(engine, report=replace(engine.report, fallback="; ".join(reasons)))
    raise ConfigurationError("model.providers", list(wanted), "Name at least one execution provider of onnxruntime.")


def _engine_on(
    provider: str,
    wanted: Sequence[str],
    available: Sequence[str],
    *,
    bundle: Bundle,
    settings: ModelSettings,
    cache: Path | None,
) -> Engine:
    from models.runtime import Detector, open_session

    if provider not in available:
        raise ConfigurationError(
            "model.providers",
            provider,
            f"This onnxruntime offers {', '.join(available)}. Install the build for the device's processor, or leave it out.",
        )
    # What the provider cannot run of the graph goes to the ones below it.
    below = [name for name in wanted[list(wanted).index(provider) + 1 :] if name in available]
    session = open_session(
        bundle,
        providers=(provider, *below),
        threads=settings.threads,
        provider_options={TENSORRT: engine_options(cache, bundle.sha256)} if provider == TENSORRT else None,
    )
    manifest = bundle.manifest
    threshold = manifest.threshold if settings.threshold is None else settings.threshold
    detector = Detector(session, threshold=threshold * UNSURE_SHARE)
    warm_up_ms, latency_ms = _timed(detector, session)
    report = EngineReport(
        model=ModelRef(name=manifest.name, version=manifest.version, sha256=session.sha256),
        image=session.image,
        provider=session.provider,
        golden_frames=_golden_frames(session, settings),
        warm_up_ms=warm_up_ms,
        latency_ms=latency_ms,
        threshold=threshold,
        latency_budget_ms=manifest.probation.max_latency_ms,
    )
    return Engine(report, detector)


def _timed(detector: Detector, session: Session) -> tuple[float, float]:
    """Milliseconds of the first run, and of a usual one."""
    import numpy as np

    frame = [np.zeros((session.image.height, session.image.width, 3), np.uint8)]
    times = []
    for _ in range(1 + TIMED_RUNS):
        started = time.perf_counter()
        detector.detect(frame)
        times.append((time.perf_counter() - started) * 1000)
    return round(times[0], 2), round(statistics.median(times[1:]), 2)


def _golden_frames(session: Session, settings: ModelSettings) -> int:
    from models.runtime import check_golden

    golden = check_golden(session)
    if golden.failures:
        raise ConfigurationError(
            "model.bundle",
            settings.bundle,
            f"Its golden frames give other results on this box ({golden.failures[0]}). Install the bundle again, or choose"
            " another provider in model.providers.",
        )
    return golden.frames


def _reason(error: ShoalError) -> str:
    return error.remedy if isinstance(error, ConfigurationError) else str(error)
