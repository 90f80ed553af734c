"""Smaller and faster weights: INT8 behind a gate of accuracy, FP16 for GPUs. TensorRT engines are built on the device itself.

What was measured (facts about processors without VNNI): signed activations lost 5.7 points, per-tensor weights 6.3, unsigned
activations with signed per-channel weights of seven bits 1.5. So that is how it is done, and a gate decides about the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from contracts.errors import ShoalError

MAX_LOSS = 0.01
"""Of the gate: one point of accuracy or mAP50 on images that were never trained on."""
QUANTISED = ("Conv", "Gemm", "MatMul")
"""Everything else (normalisation, peaks, suppression) stays as it is."""


class QuantisationLossError(ShoalError):
    """The smaller model is worse than allowed: ship the float one."""


class _Images:
    """Calibration pictures one by one, as onnxruntime asks for them."""

    def __init__(self, name: str, images_BHWC: np.ndarray[Any, Any]) -> None:
        self.rest = iter([{name: image[None]} for image in images_BHWC])

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        return next(self.rest, None)


def to_int8(
    source: Path, out: Path, input_name: str, images_BHWC: np.ndarray[Any, Any], *, keep: Sequence[str] = ()
) -> None:
    """Write the graph with eight-bit convolutions and matrices.

    Args:
        source: float32 ONNX file.
        out: file to write.
        input_name: of the graph.
        images_BHWC: some hundred typical pictures, of training data.
        keep: names of nodes that stay float.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises a pass that the exporter has done
    try:
        quantize_static(
            str(source),
            str(out),
            _Images(input_name, images_BHWC),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=not has_vnni(),
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=list(keep),
        )
    finally:
        logging.disable(before)


def sensitive_nodes(source: Path) -> list[str]:
    """Convolutions that lose most and save least: those of one channel each (depthwise), and the first of all."""
    convolutions = [node for node in onnx.load(str(source)).graph.node if node.op_type == "Conv"]
    groups = [next((a.i for a in node.attribute if a.name == "group"), 1) for node in convolutions]
    return [
        node.name
        for number, (node, group) in enumerate(zip(convolutions, groups, strict=True))
        if group > 1 or not number
    ]


def to_fp16(source: Path, out: Path) -> None:
    """Write the graph with half-precision weights; input and outputs keep their types. Half the size, for GPUs."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True, disable_shape_infer=True)
    _cast_once(converted.graph)
    onnx.save(converted, str(out))


def _cast_once(graph: onnx.GraphProto) -> None:
    """Drop what is there twice: the converter writes a cast for each operator that stays float, under one name."""
    kept: dict[str, onnx.NodeProto] = {}
    for number, node in enumerate(graph.node):
        kept.setdefault(node.name or str(number), node)
    once = list(kept.values())
    del graph.node[:]
    graph.node.extend(once)


def gate(
    name: str, judge: Callable[[Path], float], before: Path, after: Path, *, max_loss: float = MAX_LOSS
) -> tuple[float, float]:
    """Return the figure of both graphs.

    Args:
        name: of the figure, for the message.
        judge: gives the figure (higher is better) of a bundle's folder.
        before: folder of the float bundle.
        after: folder of the smaller one.
        max_loss: by which the figure may fall.

    Raises:
        QuantisationLossError: it fell by more.
    """
    was, is_now = judge(before), judge(after)
    if was - is_now > max_loss:
        raise QuantisationLossError(
            f"{name} fell from {was:.4f} to {is_now:.4f}, by more than {max_loss:.4f}: ship the float model, or calibrate with "
            "more and more typical pictures"
        )
    return was, is_now


def has_vnni() -> bool:
    """Does this processor multiply eight-bit numbers without overflow? Then weights may have all eight bits."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "vnni" in flags
