"""An evaluation as a file: which model said what of which picture, and the figures by slice that follow from it.

The answers are kept, not only the figures: two models are compared picture by picture, and a figure that somebody doubts can be
computed again. One JSON file, some megabytes for a thousand frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.base import Sha256Hex, UtcDatetime
from contracts.bundles import Task
from contracts.errors import ConfigurationError

ALL = "all"
"""The slice of everything."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelUnderTest(_Part):
    """The bundle that was judged."""

    name: str
    version: str
    sha256: Sha256Hex
    task: Task
    labels: tuple[str, ...]
    threshold: float
    """Confidence for F1, counts and density; for scores the usual threshold."""
    unknown_below: float | None = None


class DatasetUnderTest(_Part):
    """The frozen data set that judged it, and the parts of it that were used."""

    name: str
    sha256: Sha256Hex
    splits: tuple[str, ...]


class TrueBox(_Part):
    """An object that is there; corners left top right bottom as fractions of the picture."""

    label: str
    box: tuple[float, float, float, float]


class FoundBox(TrueBox):
    """An object that the model reported."""

    confidence: float


class ImageResult(_Part):
    """One picture: what is true and what the model said. Boxes for a detector, otherwise classes and a score for each label."""

    path: str
    sha256: Sha256Hex
    group: str
    slices: dict[str, str] = Field(default_factory=dict)
    """What the picture belongs to: site, split, light, turbidity, species."""
    classes: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    boxes: tuple[TrueBox, ...] = ()
    found: tuple[FoundBox, ...] = ()


class Figure(_Part):
    """A figure with its 95 % interval; None where it cannot be told (nothing to find, too few groups)."""

    value: float | None
    low: float | None = None
    high: float | None = None


class SliceFigures(_Part):
    """Figures of the pictures of one slice."""

    images: int
    groups: int
    figures: dict[str, Figure]

    @property
    def groups_in_words(self) -> str:
        """For people: ``1 group``, ``12 groups``."""
        return "1 group" if self.groups == 1 else f"{self.groups} groups"


class Evaluation(_Part):
    """The whole file."""

    v: Literal[1] = 1
    created_at: UtcDatetime
    model: ModelUnderTest
    dataset: DatasetUnderTest
    seed: int
    resamples: int
    slices: dict[str, SliceFigures]
    """By name: ``all``, ``site=7426``, ``light=dark``."""
    images: tuple[ImageResult, ...]


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write the file: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.half")
    half.write_text(evaluation.model_dump_json(exclude_defaults=True))
    half.replace(path)


def read_evaluation(path: Path, *, field: str = "evaluation") -> Evaluation:
    """Read what ``shoal models evaluate --json`` wrote.

    Raises:
        ConfigurationError: unreadable, or no evaluation.
    """
    try:
        return Evaluation.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            field, str(path), f"It cannot be read ({error.strerror}). Write it with shoal models evaluate --json."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigurationError(
            field,
            str(path),
            f"It is no evaluation: {where}: {first['msg']}. Write it with shoal models evaluate --json.",
        ) from error
