"""The weights of a published detector, read back from its ONNX file, so that calibration needs nothing but the bundle.

The exporter keeps the names of convolutions and folds every batch norm into the one before it; here the fold becomes an identity
norm with the folded bias. It computes the same (a test compares) and can be trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from contracts.bundles import DataSource, ModelManifest
from contracts.errors import ConfigurationError
from models.detector.config import DetectorConfig
from models.detector.model import BOX_PYRAMID, FishDetector

PREFIX = "detector."
WENT_ON = "Went on from weights that learnt from "
"""How the attribution of a bundle begins to tell whom its base owes."""
_NORM_AFTER = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}


class CalibratedDetector(FishDetector):
    """A detector whose batch norms all keep their statistics: twenty frames of one camera have none worth learning."""

    def train(self, mode: bool = True) -> CalibratedDetector:  # noqa: FBT001, FBT002 - torch's own signature
        """Norms stay as they are."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def credits_of(manifest: ModelManifest) -> str:
    """Whom to credit for what a bundle learnt from, its own base included: weights carry that on."""
    earlier = [each.removeprefix(WENT_ON) for each in manifest.attribution if each.startswith(WENT_ON)]
    return told_credits(manifest.data, *earlier)


def told_credits(sources: Sequence[DataSource], *earlier: str) -> str:
    """In words, each once."""
    told = [f"{each.name} ({each.licence}): {each.attribution}" for each in sources]
    return "; ".join(dict.fromkeys([*told, *filter(None, earlier)]))


def detector_from_bundle(
    manifest: ModelManifest, path: Path, config: DetectorConfig | None = None
) -> CalibratedDetector:
    """The network of a bundle that ``shoal models export`` wrote, with its weights.

    Args:
        manifest: of the bundle.
        path: of its ONNX file.
        config: input size and duplicates' overlap of the new run, where it has its own; None keeps the bundle's.

    Raises:
        ConfigurationError: the file is another kind of graph.
    """
    graph = onnx.load(str(path)).graph
    found = {each.name: np.array(numpy_helper.to_array(each)) for each in graph.initializer}
    heat = found.get(f"{PREFIX}heat.weight")
    if heat is None:
        raise ConfigurationError(
            "--bundle", manifest.name, "Only detectors of models/detector can be calibrated (fish_centernet, not int8)."
        )
    if config is None:
        config = DetectorConfig(
            width=manifest.input.width,
            height=manifest.input.height,
            iou_threshold=manifest.detection.iou_threshold if manifest.detection is not None else 0.5,
        )
    own = f"{PREFIX}{BOX_PYRAMID}.tower.0.0.weight" in found
    config = config.model_copy(update={"head_channels": heat.shape[1], "box_pyramid": config.box_pyramid or own})
    model = CalibratedDetector(config.model_copy(update={"box_pyramid": own, "boxes_only": False}), pretrained=False)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Conv2d):
                _fill(model, name, module, found)
    if model.config != config:
        base, model = model, CalibratedDetector(config, pretrained=False)
        model.start_from(base.state_dict())
    return model.eval()


def _fill(model: nn.Module, name: str, conv: nn.Conv2d, found: dict[str, np.ndarray]) -> None:
    weight = found.get(f"{PREFIX}{name}.weight")
    if weight is None or weight.shape != tuple(conv.weight.shape):
        raise ConfigurationError("--bundle", name, "The graph lacks these weights: it was exported by another version.")
    conv.weight.copy_(torch.from_numpy(weight))
    if conv.bias is not None:
        conv.bias.copy_(torch.from_numpy(found[f"{PREFIX}{name}.bias"]))
        return
    if f"{PREFIX}{name}.weight_bias" not in found:
        return  # no norm follows
    folded: Tensor = torch.from_numpy(found[f"{PREFIX}{name}.weight_bias"])
    norm = model.get_submodule(_norm_after(name))
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_var is None or norm.running_mean is None:
        raise TypeError(f"{name} is not followed by a batch norm")
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
    nn.init.ones_(norm.weight)
    norm.bias.copy_(folded)


def _norm_after(name: str) -> str:
    parent, _, last = name.rpartition(".")
    return f"{parent}.{_NORM_AFTER.get(last) or int(last) + 1}"
