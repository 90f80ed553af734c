"""Settings of model deployments: whom to trust, where to fetch from, how careful to be."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from contracts.base import Fraction
from edge.outbox.settings import BandwidthWindow
from edge.sections import Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class ArtifactSource(Section):
    """A place that has the repository. What comes from it is trusted for nothing: every source gets the same verification."""

    kind: Literal["http", "s3", "folder"]
    """``http``: the platform's API, a site's mirror or any web server; ``s3``: S3-compatible storage; ``folder``: a USB stick
    or a mounted share."""
    url: str | None = Field(default=None, pattern=r"^https?://")
    """Address of the repository for ``http``; for ``s3`` the endpoint of a storage that is not AWS."""
    bucket: str | None = None
    """Bucket for ``s3``."""
    prefix: str = ""
    """Path within the bucket."""
    path: Path | None = None
    """Folder for ``folder``; it may be absent most of the time."""
    token_file: Path | None = None
    """File whose first line is sent as bearer token to ``http``; None sends none."""
    metered: bool | None = None
    """Whether its bytes count against the bandwidth; None: those of a folder do not, all others do. False for a site's mirror."""
    timeout_s: float = Field(default=20.0, gt=0)
    """Seconds without an answer after which a request is given up."""

    @model_validator(mode="after")
    def _is_complete(self) -> ArtifactSource:
        needed = {"http": "url", "s3": "bucket", "folder": "path"}[self.kind]
        if getattr(self, needed) is None:
            raise ValueError(f"a source of the kind {self.kind} needs {needed}")
        return self

    @property
    def counts(self) -> bool:
        """Whether its bytes count against the bandwidth."""
        return self.kind != "folder" if self.metered is None else self.metered

    @property
    def name(self) -> str:
        """For people and logs."""
        return self.url or (f"s3://{self.bucket}/{self.prefix}" if self.bucket else str(self.path))


class BandwidthSettings(Section):
    """What downloads may take of the link."""

    max_bytes_per_s: int | None = Field(default=None, ge=1000)
    """Bytes per second; None: no bound."""
    windows: tuple[BandwidthWindow, ...] = Field(default=(), max_length=24)
    """Other rates at times of day, as in ``outbox.windows``."""
    max_bytes_per_day: int | None = Field(default=None, ge=100_000)
    """Bytes in any 24 hours, what a mobile contract allows; the rest waits. None: no bound."""


class SwapWindow(Section):
    """A part of every day in which models may be swapped."""

    begins: time
    """Local time of day, ``"09:00"``."""
    ends: time
    """Local time of day that no longer belongs to it; before ``begins`` it is on the next day."""

    @field_validator("begins", "ends", mode="before")
    @classmethod
    def _is_quoted(cls, value: object) -> object:
        if isinstance(value, (int, float)):  # YAML reads 22:00 without quotes as the number 1320
            raise ValueError('Write the time in quotes: "22:00"')  # noqa: TRY004  (pydantic takes ValueError)
        return value


class ShadowRunSettings(Section):
    """The candidate beside the active model, on the same frames."""

    frames: int = Field(default=600, ge=1)
    """Frames that both must have looked at before the candidate is judged."""
    every_s: float = Field(default=1.0, ge=0)
    """Seconds between two such frames: what the shadow run takes from the active model's box."""
    longest_s: float = Field(default=21_600.0, gt=0)
    """Seconds after which a run that saw too few frames ends as inconclusive: the assignment is refused, nothing was changed."""
    max_disagreement: Fraction = 0.4
    """Share of detections without a partner in the other model above which the candidate is refused. A better model differs too:
    this is the bound of what nobody should activate unseen."""
    count_ratio: tuple[float, float] = (0.6, 1.7)
    """Least and most detections of the candidate for each of the active model."""
    min_confidence_shift: float = Field(default=-0.2, ge=-1, le=0)
    """Mean change of confidence of paired detections below which it is refused."""
    max_latency_ratio: float = Field(default=3.0, gt=0)
    """Time for a frame over the active model's above which it is refused."""
    max_errors: int = Field(default=0, ge=0)
    """Frames that the candidate may fail on."""


class ProbationSettings(Section):
    """The first time after the swap, in which the box rolls back by itself."""

    length_s: float = Field(default=600.0, gt=0)
    """Seconds of good work after which the model is committed."""
    frames: int = Field(default=100, ge=1)
    """Results that it must have given by then; without them the probation goes on."""
    max_restarts: int = Field(default=1, ge=0)
    """Times that the model's process may be lost before the model is rolled back."""
    max_latency_ratio: float = Field(default=4.0, gt=0)
    """Time for a frame, over the one before the swap, above which it is rolled back."""
    max_boots: int = Field(default=3, ge=1)
    """Starts of the agent within a probation after which the model is rolled back: it may be what takes the agent down."""


class DeploymentSettings(Section):
    """Models from the fleet. Without this section the box runs the bundle of ``model.bundle`` for ever."""

    root_file: Path
    """The repository's root that this box was provisioned with (``shoal fleet root export``): the trust anchor. Later roots are
    accepted only by the signatures that this one names."""
    channel: str = Field(default="site", pattern=r"^[a-z0-9-]{1,32}$")
    """Channel of the repository, which decides how old metadata may be: ``online`` a day, ``site`` two weeks, ``offline`` two
    months."""
    sources: tuple[ArtifactSource, ...] = Field(min_length=1, max_length=8)
    """Where to fetch from; the first that has what is needed."""
    bandwidth: BandwidthSettings = BandwidthSettings()
    """What downloads may take of the link."""
    timezone: str | None = None
    """IANA name of the zone of the windows; None takes the machine's."""
    swap_windows: tuple[SwapWindow, ...] = Field(default=(), max_length=24)
    """When models may be swapped; empty: at any time. Whatever they say, nothing is swapped during feeding, treatment, handling,
    harvest, low oxygen or a critical alarm."""
    refresh_s: float = Field(default=3600.0, gt=0)
    """Seconds between two looks at the repository while nothing is assigned, so that the time left is known."""
    retry_s: float = Field(default=30.0, gt=0)
    """Seconds after a failed try; doubles up to an hour."""
    min_free_bytes: int = Field(default=300_000_000, ge=0)
    """Free disk space in bytes that a download must leave."""
    shadow_run: ShadowRunSettings | None = ShadowRunSettings()
    """Trial beside the active model; None goes without, right only on boxes that cannot hold two models."""
    probation: ProbationSettings = ProbationSettings()
    """First time after the swap."""

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError("No such time zone; write an IANA name, e.g. Europe/Oslo")
        return value
