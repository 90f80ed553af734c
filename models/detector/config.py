"""What a detector is made of; part of the training configuration file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DetectorConfig(BaseModel):
    """Architecture of :class:`~models.detector.model.FishDetector`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=384, multiple_of=16, ge=64)
    """Input width in pixels. 384x224 holds a 16:9 camera almost without border and fits 25 frames/s on one core."""
    height: int = Field(default=224, multiple_of=16, ge=64)
    """Input height in pixels."""
    head_channels: int = Field(default=64, ge=8)
    """Width of the feature pyramid and of the head."""
    frozen_blocks: int = Field(default=3, ge=0, le=11)
    """First backbone blocks that stay as ImageNet made them. 3 halves the cost of a step: they have the most pixels."""
    freeze_batch_norm: bool = True
    """Keep the backbone's batch-norm statistics; right for batches below about 32 images."""
    box_pyramid: bool = False
    """Give the sides a feature pyramid of their own: what makes a box exact is not what finds a fish."""
    boxes_only: bool = False
    """Only the sides and their pyramid learn; what finds fish stays as ``base`` has it, in every water."""
    max_boxes: int = Field(default=100, ge=1, le=300)
    """Peaks kept per image; the median frame of DeepFish has 2 fish, the fullest 39."""
    iou_threshold: float = Field(default=0.5, gt=0, le=1)
    """Overlap above which the weaker of two boxes is a duplicate."""

    @model_validator(mode="after")
    def _boxes_learn_apart(self) -> DetectorConfig:
        if self.boxes_only and not self.box_pyramid:
            raise ValueError("boxes_only changes what finds fish unless the sides have a box_pyramid: set it too")
        return self
