"""Settings of the pictures that a box keeps, of those it offers for labels, and of their upload."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from contracts.base import Fraction
from edge.sections import Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class UploadSettings(Section):
    """Where samples go: any server that speaks tus 1.0.0 (resumable uploads over HTTP, decision 0018)."""

    url: str = Field(pattern=r"^https?://")
    """Address at which uploads are created, e.g. ``https://shoal.farm/api/v1/samples``."""
    token_file: Path | None = None
    """File whose first line is sent as bearer token; None sends none."""
    chunk_bytes: int = Field(default=131_072, ge=4096, le=8_388_608)
    """Bytes per request: what a lost connection costs at most."""
    bytes_per_s: int = Field(default=50_000, ge=1000)
    """Upper bound of the upload in bytes per second, so that a net pen's phone link keeps room for alarms."""
    timeout_s: float = Field(default=20.0, gt=0)
    """Seconds without an answer after which a request is given up and tried again later."""
    every_s: float = Field(default=30.0, gt=0)
    """Seconds between two looks for something to upload."""


class SamplingSettings(Section):
    """Pictures on the box's own disk, and the frames among them that people should label."""

    enabled: bool = True
    """False keeps no samples; evidence is kept all the same."""
    per_day: int = Field(default=200, ge=0)
    """Samples of the whole box in any 24 hours: more than a person labels in a sitting is waste."""
    per_camera_day: int = Field(default=50, ge=0)
    """Samples of one camera in any 24 hours, so that one noisy camera does not take all."""
    random_share: Fraction = 0.2
    """Share of the budget that is chosen by chance. Without it the labels hold only what the model finds hard, and nobody can
    tell from them how good it is."""
    near: Fraction = 0.06
    """A detection this close to the threshold is a doubt worth a label."""
    gap_s: float = Field(default=120.0, ge=0)
    """Seconds between two samples of one camera for one reason; neighbouring frames teach the same."""
    image_max_bytes: int = Field(default=600_000, ge=10_000, le=1_000_000)
    """Largest sample in bytes; the camera's own JPEG is kept when it is smaller."""
    samples_max_bytes: int = Field(default=500_000_000, ge=0)
    """Bytes of samples on disk; beyond it uploaded ones go first, then the oldest of the least worth."""
    evidence_max_bytes: int = Field(default=1_000_000_000, ge=0)
    """Bytes of evidence images on disk for the local page; beyond it the oldest go."""
    min_free_bytes: int = Field(default=500_000_000, ge=0)
    """Free disk space in bytes below which pictures make room: evidence first, then samples. More than the outbox asks for,
    so that pictures give way before readings do."""
    upload: UploadSettings | None = None
    """Where samples go; None keeps them on the box."""
