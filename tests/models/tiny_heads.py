"""Detector bundles of a few kilobytes for every form of output that public exporters write.

Each finds the bright cells of the picture (see ``tiny_bundle``); only the tensors that say so differ. The manifests here are
the worked examples of models/runtime/README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.models.tiny_bundle import CELL, brightness, finish_bundle

WIDTH, HEIGHT = 64, 32
LABELS = ("salmon", "wrasse")
"""Bright cells are of the second class, so that a class that is read from the wrong place shows."""


@dataclass
class Parts:
    """A graph under construction."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def constant(self, name: str, value: npt.NDArray[Any]) -> None:
        self.constants.append(numpy_helper.from_array(value, name))

    def per_image(self, name: str, value: npt.NDArray[Any], output: str) -> None:
        """The constant ``value`` repeated for every image of the batch."""
        self.constant(f"{name}_one", value[None])
        self.constant(f"{name}_shape", np.array(value.shape, np.int64))
        self.node("Concat", ["batch_size", f"{name}_shape"], f"{name}_full", axis=0)
        self.node("Expand", [f"{name}_one", f"{name}_full"], output)

    def output(self, name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))


CELLS = (WIDTH // CELL) * (HEIGHT // CELL)
_GRID = np.stack(np.meshgrid(np.arange(WIDTH // CELL), np.arange(HEIGHT // CELL)), axis=-1).reshape(-1, 2)
CORNERS = (np.concatenate([_GRID, _GRID + 1], axis=1) * CELL).astype(np.float32)
CENTRES = np.concatenate([(_GRID + 0.5) * CELL, np.full_like(_GRID, CELL)], axis=1).astype(np.float32)
FRACTIONS_YX = (CORNERS / [WIDTH, HEIGHT, WIDTH, HEIGHT]).astype(np.float32)[:, [1, 0, 3, 2]]


def _centernet(parts: Parts) -> None:
    parts.per_image("boxes", CORNERS, "boxes")
    parts.per_image("classes", np.full(CELLS, 1, np.int64), "classes")
    parts.output("boxes", ["batch", CELLS, 4])
    parts.output("scores", ["batch", CELLS])
    parts.output("classes", ["batch", CELLS], TensorProto.INT64)


def _ssd(parts: Parts) -> None:
    """Boxes as fractions y x y x, a score per class and one for the background, duplicates still in."""
    parts.per_image("boxes", np.concatenate([FRACTIONS_YX, FRACTIONS_YX + 0.01]), "boxes")
    parts.constant("last", np.array([2], np.int64))
    parts.node("Unsqueeze", ["scores", "last"], "column")
    parts.constant("one", np.float32(1))
    parts.node("Sub", ["one", "column"], "background")
    parts.constant("nothing", np.float32(0))
    parts.node("Mul", ["column", "nothing"], "first")
    parts.node("Concat", ["background", "first", "column"], "by_class", axis=2)
    parts.constant("weaker", np.float32(0.9))
    parts.node("Mul", ["by_class", "weaker"], "again")
    parts.node("Concat", ["by_class", "again"], "class_scores", axis=1)
    parts.output("boxes", ["batch", 2 * CELLS, 4])
    parts.output("class_scores", ["batch", 2 * CELLS, 3])


def _tensorflow_ssd(parts: Parts) -> None:
    """The four outputs of TensorFlow's object detection: boxes beyond ``num_detections`` are rubbish."""
    parts.per_image("boxes", np.concatenate([FRACTIONS_YX, FRACTIONS_YX]), "detection_boxes")
    parts.node("Concat", ["scores", "scores"], "detection_scores", axis=1)
    parts.per_image("classes", np.full(2 * CELLS, 1, np.float32), "detection_classes")
    parts.per_image("count", np.array([CELLS], np.float32), "num_detections")
    parts.output("detection_boxes", ["batch", 2 * CELLS, 4])
    parts.output("detection_scores", ["batch", 2 * CELLS])
    parts.output("detection_classes", ["batch", 2 * CELLS])
    parts.output("num_detections", ["batch", 1])


def _yolo(parts: Parts, *, anchors_first: bool, objectness: bool) -> None:
    centres = np.concatenate([CENTRES, CENTRES + np.array([1, 1, 0, 0])]).astype(
        np.float32
    )  # every cell is found twice
    parts.constant("last", np.array([2], np.int64))
    parts.constant("weaker", np.float32(0.9))
    parts.node("Mul", ["scores", "weaker"], "again")
    parts.node("Concat", ["scores", "again"], "twice", axis=1)
    parts.node("Unsqueeze", ["twice", "last"], "column")
    parts.constant("nothing", np.float32(0))
    parts.node("Mul", ["column", "nothing"], "first")
    parts.per_image("boxes", centres, "centres")
    if objectness:
        parts.constant("certain", np.float32(1))
        parts.node("Add", ["first", "certain"], "second")
        parts.node("Concat", ["centres", "column", "first", "second"], "anchors", axis=2)
    else:
        parts.node("Concat", ["centres", "first", "column"], "anchors", axis=2)
    numbers = 7 if objectness else 6
    if anchors_first:
        parts.node("Identity", ["anchors"], "output0")
        parts.output("output0", ["batch", 2 * CELLS, numbers])
    else:
        parts.node("Transpose", ["anchors"], "output0", perm=[0, 2, 1])
        parts.output("output0", ["batch", numbers, 2 * CELLS])


def _yolo_end_to_end(parts: Parts) -> None:
    parts.constant("last", np.array([2], np.int64))
    parts.node("Unsqueeze", ["scores", "last"], "column")
    parts.constant("nothing", np.float32(0))
    parts.constant("certain", np.float32(1))
    parts.node("Mul", ["column", "nothing"], "zero")
    parts.node("Add", ["zero", "certain"], "class")
    parts.per_image("boxes", CORNERS, "corners")
    parts.node("Concat", ["corners", "column", "class"], "output0", axis=2)
    parts.output("output0", ["batch", CELLS, 6])


def _torchvision(parts: Parts) -> None:
    """Tensors without a batch dimension; class 0 is the background."""
    parts.constant("axis0", np.array([0], np.int64))
    parts.node("Squeeze", ["scores", "axis0"], "found_scores")
    parts.constant("found_boxes_value", CORNERS)
    parts.node("Identity", ["found_boxes_value"], "found_boxes")
    parts.constant("found_labels_value", np.full(CELLS, 2, np.int64))
    parts.node("Identity", ["found_labels_value"], "found_labels")
    parts.output("found_boxes", [CELLS, 4])
    parts.output("found_labels", [CELLS], TensorProto.INT64)
    parts.output("found_scores", [CELLS])


HEADS: dict[str, tuple[Callable[[Parts], None], dict[str, Any]]] = {
    "centernet": (_centernet, {"format": "boxes_scores", "classes": "classes"}),
    "ssd": (
        _ssd,
        {"format": "boxes_scores", "scores": "class_scores", "background": 0, "box_format": "yxyx",
         "box_unit": "fraction", "nms": "runtime"},
    ),
    "tensorflow-ssd": (
        _tensorflow_ssd,
        {"format": "boxes_scores", "boxes": "detection_boxes", "scores": "detection_scores",
         "classes": "detection_classes", "count": "num_detections", "box_format": "yxyx", "box_unit": "fraction"},
    ),
    "torchvision": (
        _torchvision,
        {"format": "boxes_scores", "boxes": "found_boxes", "scores": "found_scores", "classes": "found_labels",
         "background": 0, "batched": False},
    ),
    "yolo-v5": (
        lambda parts: _yolo(parts, anchors_first=True, objectness=True),
        {"format": "yolo", "boxes": "output0", "objectness": True, "anchors_first": True},
    ),
    "yolo-v8": (lambda parts: _yolo(parts, anchors_first=False, objectness=False), {"format": "yolo", "boxes": "output0"}),
    "yolo-v10": (_yolo_end_to_end, {"format": "rows", "boxes": "output0"}),
}  # fmt: skip
"""How each graph is built, and the ``detection`` of its manifest."""


def tiny_head(folder: Path, head: str, *, layout: str = "NCHW", fit: str = "letterbox", **changes: Any) -> Path:
    """Write a bundle with this head into ``folder``; ``changes`` go into the manifest's ``detection``."""
    build, detection = HEADS[head]
    nodes, constants = brightness(layout)
    parts = Parts(nodes, constants)
    build(parts)
    batched = detection.get("batched", True)
    batch: int | str = "batch" if batched else 1
    shape = [batch, HEIGHT, WIDTH, 3] if layout == "NHWC" else [batch, 3, HEIGHT, WIDTH]
    kind = TensorProto.FLOAT if layout == "NCHW" else TensorProto.UINT8
    # The normalisation of float input is the manifest's; undone here, so that all graphs see the same numbers.
    image = {"width": WIDTH, "height": HEIGHT, "layout": layout, "fit": fit, "dynamic_batch": batched}
    image |= {"dtype": "float32", "scale": 1.0} if layout == "NCHW" else {"dtype": "uint8"}
    graph = helper.make_graph(
        parts.nodes, head, [helper.make_tensor_value_info("images", kind, shape)], parts.outputs, parts.constants
    )
    return finish_bundle(
        folder, graph, task="detection", detection=detection | changes, labels=list(LABELS), threshold=0.5,
        input=image, name=head, version="1.0.0",
    )  # fmt: skip


def tiny_scores(folder: Path, *, thresholds: dict[str, float] | None = None, size: int = 32) -> Path:
    """Write a multi-label bundle: ``pale`` scores the blue, ``red_spots`` the red of a picture, independently."""
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["colour"], axes=[1, 2], keepdims=0),
        helper.make_node("Gather", ["colour", "wanted"], ["chosen"], axis=1),
        helper.make_node("Mul", ["chosen", "gain"], ["raised"]),
        helper.make_node("Add", ["raised", "offset"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny_scores",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", size, size, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 2])],
        [
            numpy_helper.from_array(np.array([2, 0], np.int64), "wanted"),
            numpy_helper.from_array(np.float32(8 / 255), "gain"),
            numpy_helper.from_array(np.float32(-4), "offset"),
        ],
    )
    return finish_bundle(
        folder, graph, task="scores", labels=["pale", "red_spots"], threshold=0.5,
        scores={"name": "scores", "kind": "logits", "thresholds": thresholds or {}},
        input={"width": size, "height": size, "fit": "stretch"}, name="tiny-health", version="1.0.0",
    )  # fmt: skip
