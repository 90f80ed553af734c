"""The training configuration file: data sources, network, schedule. Every field says its unit and why its default."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.base import Slug
from contracts.errors import ConfigurationError
from models.detector.config import DetectorConfig


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceConfig(_Section):
    """One data set in YOLO format."""

    name: str
    """For people, in the model card."""
    folder: str
    """Looked for below each ``--data`` folder."""
    licence: str
    attribution: str
    site: str = "unknown"
    """Site of images that the source's index.csv does not name."""
    crop: tuple[int, int, int, int] | None = None
    """x0 y0 x1 y1 of the picture inside the file, in pixels; None takes the whole file."""
    share: float | None = Field(default=None, gt=0, lt=1)
    """Share of every epoch that is drawn from this source; None shares what the others leave by size."""
    held_out_sites: tuple[str, ...] = ()
    """Sites that are never trained on and judge the model."""
    same_video_every: int = Field(default=0, ge=0)
    """The last 1/n of every other video judges, too; 0 trains on all of it."""
    judge_as: Slug | None = None
    """Set to keep the whole source for judging, under this name."""


class ScheduleConfig(_Section):
    """How long and how fast to learn."""

    epochs: int = Field(default=12, ge=1)
    images_per_epoch: int = Field(default=2400, ge=1)
    """Drawn with replacement by site, so that a long video does not outweigh a short one."""
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    """Of the head, at its peak; AdamW."""
    backbone_rate: float = Field(default=0.3, ge=0)
    """Learning rate of the backbone as a share of the head's: it already sees."""
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_steps: int = Field(default=60, ge=0)
    average_decay: float = Field(default=0.997, ge=0, lt=1)
    """Decay of the exponential average of the weights, which is what is exported."""
    threads: int = Field(default=2, ge=1)
    """Processor threads for torch."""


class TrainingConfig(_Section):
    """A whole run; its sha256 is part of the model's lineage."""

    name: Slug
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    labels: tuple[str, ...] = Field(min_length=1)
    seed: int = 1
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    model: DetectorConfig = DetectorConfig()
    schedule: ScheduleConfig = ScheduleConfig()

    @property
    def sha256(self) -> str:
        """Identity of the configuration, whatever the layout of its file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_config(path: Path) -> TrainingConfig:
    """Read the YAML file.

    Raises:
        ConfigurationError: unreadable, an unknown key or a wrong value.
    """
    try:
        return TrainingConfig.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError("--config", str(path), f"The file cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigurationError(".".join(map(str, first["loc"])), first["input"], f"{first['msg']}.") from error
