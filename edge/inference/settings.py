"""Settings of the model that looks at the frames, and of the observations that they become."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from contracts.base import Fraction
from edge.sections import Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class ModelSettings(Section):
    """The model that looks at the frames."""

    bundle: str = "fish-detector"
    """Name of a shipped bundle, or the path of a bundle folder (it has a manifest.json)."""
    threads: int = Field(default=1, ge=1, le=64)
    """Processor threads for inference; 1 leaves the rest to decoding and sensors."""
    threshold: Fraction | None = None
    """Confidence below which a detection is ignored; None takes the bundle's own."""
    providers: tuple[str, ...] | None = None
    """Inference providers, best first; None tries what the box has (TensorRT, CUDA, CPU). One that does not load, or gives
    other results than the bundle's golden frames, is left for the next, and the box shows itself degraded."""
    staleness_s: float = Field(default=0.5, gt=0)
    """Seconds that a frame may be old when its result is there; on a box that is too slow for its cameras older ones are
    dropped and counted, and newer ones are looked at instead."""
    max_memory_mb: int = Field(default=2000, ge=200)
    """Resident memory in MB of the process that runs the model, above which it is replaced: a leak must not take the box."""
    health_model: str | None = None
    """Name or path of a bundle of health scores that looks at the fish which the model found; None looks at none."""
    health_fish: int = Field(default=4, ge=1, le=32)
    """Most fish of one frame that it looks at, the surest first."""
    health_every_s: float = Field(default=2.0, gt=0)
    """Seconds between two frames of one camera that it looks at: with ``health_fish`` it bounds the fish of a window."""
    max_temperature_c: float = Field(default=90.0, gt=0)
    """Temperature in Celsius of the hottest sensor of processor or GPU above which the cameras are looked at less often."""

    def relative_to(self, folder: Path) -> ModelSettings:
        """A bundle is found beside the configuration; a bare name that no folder there has is that of a shipped one."""
        moved = {"bundle": _bundle_below(self.bundle, folder)}
        if self.health_model is not None:
            moved["health_model"] = _bundle_below(self.health_model, folder)
        return self.model_copy(update=moved)


def _bundle_below(bundle: str, folder: Path) -> str:
    path = Path(bundle).expanduser()
    named = len(path.parts) == 1 and not (folder / path / "manifest.json").is_file()
    return bundle if named else str(folder / path)


class ObservationSettings(Section):
    """How frames become observations."""

    window_s: float = Field(default=10.0, gt=0, le=3600)
    """Seconds that one observation sums up."""
    evidence_every_s: float = Field(default=30.0, ge=0)
    """Seconds between evidence images of one camera; 0 sends one with every observation."""
    evidence_max_bytes: int = Field(default=150_000, ge=10_000, le=1_000_000)
    """Largest evidence JPEG in bytes; the quality is lowered, then the size, until it fits."""
    tracking: bool = True
    """Follow fish from frame to frame: line counts and the activity index need it. Below 2 fps it tells little."""
    queue: int = Field(default=2, ge=1, le=64)
    """Frames that wait per camera; when it is full the oldest is dropped and counted, so the newest is never stale."""
