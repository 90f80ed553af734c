"""A torch module becomes one ONNX file with a dynamic batch, by torch's current (dynamo) exporter."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from contracts.bundles import ImageInput

OPSET = 18


def export_onnx(module: nn.Module, image: ImageInput, outputs: tuple[str, ...], path: Path) -> None:
    """Write the graph of the module (uint8 NHWC images in) to ``path``, weights inside, checked by onnx.

    Args:
        module: in evaluation mode.
        image: the input; name and size become the graph's.
        outputs: names of the module's results, in order.
        path: of the ONNX file.
    """
    example: Tensor = torch.randint(0, 255, (2, image.height, image.width, 3), dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own deprecations
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            input_names=[image.name],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},),
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    program.optimize()
    program.save(str(path), external_data=False)
    _forget_the_exporting_machine(path)
    onnx.checker.check_model(str(path))


def export_torchvision_detector(module: nn.Module, image: ImageInput, path: Path) -> None:
    """Write a detector of torchvision (outputs ``boxes``, ``scores``, ``classes`` of one picture) by the older exporter.

    Args:
        module: a :class:`~models.zoo.torchvision_detector.TorchvisionDetector` in evaluation mode.
        image: the input; its batch is fixed at 1.
        path: of the ONNX file.
    """
    example: Tensor = torch.randint(0, 255, (1, image.height, image.width, 3), dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing through loops, and of the exporter's own age
        torch.onnx.export(
            module,
            (example,),
            str(path),
            dynamo=False,
            input_names=[image.name],
            output_names=["boxes", "scores", "classes"],
            opset_version=OPSET,
        )
    onnx.checker.check_model(str(path))


def _forget_the_exporting_machine(path: Path) -> None:
    """Drop the stack traces that the exporter leaves in every node: paths of one machine, in a file whose hash is its name."""
    model = onnx.load(str(path))
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
    onnx.save(model, str(path))


def opset_of(path: Path) -> int:
    """Version of the standard operator set that the file asks for."""
    versions = {entry.domain: entry.version for entry in onnx.load(str(path), load_external_data=False).opset_import}
    return int(versions[""])
