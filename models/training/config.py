"""The training configuration file: data sources, network, schedule. Every field says its unit and why its default."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.base import Slug
from contracts.errors import ConfigurationError
from models.detector.config import DetectorConfig

ClassifierName = Literal[
    "efficientnet_lite0", "mobilenet_v3_large", "efficientnet_b0", "resnet50", "resnet101", "vit_b_16"
]
"""Classifiers of the zoo."""


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
    between_every: int = Field(default=0, ge=0)
    """Every n-th frame of what is left judges, too; 0 trains on all of them."""
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
    start_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of every weight that stays as the run found it; half keeps what few pictures would unteach (WiSE-FT, Wortsman et al. 2022)."""
    threads: int = Field(default=2, ge=1)
    """Processor threads for torch."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """``auto`` takes the first accelerator there is."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the forward pass; weights stay float32. bfloat16 wants a processor or GPU that has it, float16 a GPU."""
    compile: bool = False
    """torch.compile. Pays on a GPU; on two busy cores the first step took 165 s and later ones gained nothing."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are added up before a step: a large batch on a small machine."""
    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better validation loss after which the run ends with its best weights; None runs to the end."""
    validation_images: int = Field(default=200, ge=1)
    """Most images of the judging split that a validation looks at, spread evenly."""
    underwater: float = Field(default=0.0, ge=0, le=1)
    """Share of a detector's training frames that are put under other water and light (``models/data/underwater.py``)."""
    gentle: float = Field(default=0.0, ge=0, le=1)
    """Share of a detector's training frames that are varied only a little, as the camera will see them."""
    zoom: float = Field(default=1.8, ge=1, le=4)
    """Most that a detector's strongly varied frames are enlarged by: in other waters fish may be nearer to the camera."""
    crowd_power: float = Field(default=0.0, ge=0, le=1)
    """A detector's frames are drawn by (1 + objects) to this power: most fish of a farm are in its full frames."""
    tensorboard: bool = False
    """Also write the curve for TensorBoard, into the run folder."""


class TrainingConfig(_Section):
    """A whole run of a detector; its sha256 is part of the model's lineage."""

    task: Literal["detection"] = "detection"
    name: Slug
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    labels: tuple[str, ...] = Field(min_length=1)
    seed: int = 1
    sources: tuple[SourceConfig, ...] = ()
    """Data sets with their licences; may be empty when the run is given a data set of its own (``--dataset``)."""
    network: Literal["fish_centernet", "ssdlite320", "fasterrcnn"] = "fish_centernet"
    """An entry of the zoo. Only the first exports with the current exporter, and only it is a few megabytes."""
    base: str | None = None
    """What the run goes on from: a bundle (name or folder), with its batch statistics kept, or the folder of another run, at
    any input size; for fish_centernet alone. None starts from ImageNet."""
    model: DetectorConfig = DetectorConfig()
    schedule: ScheduleConfig = ScheduleConfig()

    @model_validator(mode="after")
    def _goes_on_from_its_own_kind(self) -> TrainingConfig:
        if self.network != "fish_centernet" and (self.base is not None or self.model.box_pyramid):
            raise ValueError(f"base and model.box_pyramid are for fish_centernet: leave them out for {self.network}")
        if self.model.boxes_only and self.base is None:
            raise ValueError(
                "model.boxes_only leaves what finds fish as it is: name the run or bundle that it comes from as base"
            )
        return self

    @property
    def sha256(self) -> str:
        """Identity of the configuration, whatever the layout of its file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class ClassifierTrainingConfig(_Section):
    """A whole run of a classifier, or of a head with several independent scores."""

    task: Literal["classification", "scores"]
    """``classification``: one of the labels. ``scores``: each label by itself, several may be true (health)."""
    name: Slug
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    labels: tuple[str, ...] = ()
    """Empty takes the labels of the data set."""
    seed: int = 1
    network: ClassifierName = "efficientnet_lite0"
    """An entry of the zoo."""
    weights: Literal["imagenet", "none"] = "imagenet"
    """``none`` starts from random weights: for machines without the ImageNet file, with far more pictures."""
    size: int = Field(default=112, ge=32, le=512, multiple_of=16)
    """Pixels a side of the input; pictures are letterboxed into it."""
    frozen_blocks: int = Field(default=5, ge=0)
    """First parts of the backbone that stay as ImageNet made them; 0 trains everything."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    mirror: bool = False
    """The exported graph looks at every picture and at its mirror: twice the time for some tenths of a point."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    class_balance: float = Field(default=0.5, ge=0, le=1)
    """Rare classes count by 1 / size to this power; 0 as the data is, 1 all the same."""
    folds: int = Field(default=5, ge=2, le=50)
    """Parts that a data set without a split is dealt into by group; the first judges, or each in turn with ``--folds``."""
    schedule: ScheduleConfig = ScheduleConfig(
        epochs=14,
        batch_size=32,
        learning_rate=4e-3,
        backbone_rate=0.25,
        weight_decay=0.02,
        warmup_steps=30,
        average_decay=0.99,
    )

    @property
    def sha256(self) -> str:
        """Identity of the configuration, whatever the layout of its file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


AnyTrainingConfig = TrainingConfig | ClassifierTrainingConfig


def load_any_config(path: Path) -> AnyTrainingConfig:
    """Read the YAML file of a detector or of a classifier, whichever its ``task`` says; without one it is a detector.

    Raises:
        ConfigurationError: unreadable, an unknown key or a wrong value.
    """
    content = _read(path)
    if content.get("task") in {"classification", "scores"}:
        return _validated(ClassifierTrainingConfig, content)
    return _validated(TrainingConfig, content)


def load_config(path: Path) -> TrainingConfig:
    """Read the YAML file of a detector.

    Raises:
        ConfigurationError: unreadable, an unknown key or a wrong value.
    """
    return _validated(TrainingConfig, _read(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        remedy = f"The file cannot be read: {error}. Start from a config.yaml of models/zoo."
        raise ConfigurationError("CONFIG", str(path), remedy) from error
    if not isinstance(content, dict):
        raise ConfigurationError("CONFIG", str(path), "It holds no fields. Start from a config.yaml of models/zoo.")
    return content


_Config = TypeVar("_Config", TrainingConfig, ClassifierTrainingConfig)


def _validated(kind: type[_Config], content: dict[str, Any]) -> _Config:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        remedy = f"{first['msg']}."
        if first["type"] == "extra_forbidden":
            remedy = "There is no such field here. Correct its name: models/training/config.py explains all of them."
        raise ConfigurationError(".".join(map(str, first["loc"])), first["input"], remedy) from error
