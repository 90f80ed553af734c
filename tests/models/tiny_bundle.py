"""Model bundles of a few kilobytes, built on the spot, whose answers a test can predict.

The detector divides the picture into square cells and reports every cell as one box whose confidence is its mean green
value / 255: paint a cell white and it is found. The classifier names the dominant colour. Both are real ONNX graphs run
by onnxruntime, so everything around the network is the real thing.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.runtime.preprocess import FrameArray

OPSET = 17
CELL = 16

Head = Literal["boxes_scores", "yolo"]


def tiny_detector(
    folder: Path,
    *,
    head: Head = "boxes_scores",
    width: int = 64,
    height: int = 32,
    threshold: float = 0.5,
    layout: Literal["NHWC", "NCHW"] = "NHWC",
    dtype: Literal["uint8", "float32"] = "uint8",
    dynamic_batch: bool = True,
    name: str = "tiny",
    version: str = "1.0.0",
) -> Path:
    """Write a detector bundle with the one label ``fish`` into ``folder`` and return the folder."""
    model = _detector_graph(head, width, height, layout, dtype, dynamic_batch=dynamic_batch)
    detection = (
        {"format": "yolo", "boxes": "output"}
        if head == "yolo"
        else {"format": "boxes_scores", "boxes": "boxes", "scores": "scores"}
    )
    image = {"width": width, "height": height, "layout": layout, "dtype": dtype, "dynamic_batch": dynamic_batch}
    return _write(
        folder,
        model,
        task="detection",
        detection=detection,
        labels=["fish"],
        threshold=threshold,
        input=image,
        name=name,
        version=version,
    )


def tiny_classifier(
    folder: Path,
    *,
    unknown_below: float | None = 0.6,
    size: int = 32,
    name: str = "tiny-colours",
    version: str = "1.0.0",
    gain: float = 10.0,
) -> Path:
    """Write a classifier bundle with the labels red, green and blue into ``folder`` and return the folder.

    ``gain`` is the logit of a colour at its brightest: a smaller one is less sure of everything.
    """
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["colour"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["colour", "gain"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny_classifier",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", size, size, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(np.float32(gain / 255), "gain")],
    )
    return _write(
        folder, _model(graph), task="classification", labels=["red", "green", "blue"],
        classification={"name": "logits", "kind": "logits", "unknown_below": unknown_below},
        input={"width": size, "height": size, "fit": "stretch"}, name=name, version=version,
    )  # fmt: skip


def bright_cells(
    cells: list[tuple[int, int]], *, width: int = 64, height: int = 32, scale: int = 1, value: int = 255
) -> FrameArray:
    """Return a dark frame of ``width * scale`` x ``height * scale`` with the given (column, row) cells painted."""
    frame = np.zeros((height * scale, width * scale, 3), np.uint8)
    side = CELL * scale
    for column, row in cells:
        frame[row * side : (row + 1) * side, column * side : (column + 1) * side] = value
    return frame


def edit_manifest(folder: Path, **changes: Any) -> None:
    """Change fields of a bundle's manifest on disk."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest.update(changes)
    path.write_text(json.dumps(manifest))


def _detector_graph(
    head: Head, width: int, height: int, layout: str, dtype: str, *, dynamic_batch: bool
) -> onnx.ModelProto:
    columns, rows = width // CELL, height // CELL
    cells = columns * rows
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2).astype(np.float32)
    corners = np.concatenate([grid * CELL, (grid + 1) * CELL], axis=1)[None]
    centres = np.concatenate([(grid + 0.5) * CELL, np.full_like(grid, CELL)], axis=1).T[None]

    batch: str | int = "batch" if dynamic_batch else 1
    shape = [batch, height, width, 3] if layout == "NHWC" else [batch, 3, height, width]
    nodes, constants = brightness(layout)
    if head == "boxes_scores":
        nodes += [
            helper.make_node("Concat", ["batch_size", "box_shape"], ["boxes_shape"], axis=0),
            helper.make_node("Expand", ["corners", "boxes_shape"], ["boxes"]),
        ]
        constants += [
            numpy_helper.from_array(np.array([cells, 4], np.int64), "box_shape"),
            numpy_helper.from_array(corners, "corners"),
        ]
        outputs = [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [batch, cells, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, cells]),
        ]
    else:
        nodes += [
            helper.make_node("Concat", ["batch_size", "box_shape"], ["boxes_shape"], axis=0),
            helper.make_node("Expand", ["centres", "boxes_shape"], ["boxes"]),
            helper.make_node("Unsqueeze", ["scores", "axis1"], ["score_row"]),
            helper.make_node("Concat", ["boxes", "score_row"], ["output"], axis=1),
        ]
        constants += [
            numpy_helper.from_array(np.array([4, cells], np.int64), "box_shape"),
            numpy_helper.from_array(centres, "centres"),
        ]
        outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 5, cells])]
    kind = TensorProto.UINT8 if dtype == "uint8" else TensorProto.FLOAT
    return _model(
        helper.make_graph(
            nodes, "tiny_detector", [helper.make_tensor_value_info("images", kind, shape)], outputs, constants
        )
    )


def brightness(layout: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes and constants that turn ``images`` into ``scores`` (batch, cells) and tell its ``batch_size``."""
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["pixels", "green"], ["channel"], axis=3 if layout == "NHWC" else 1),
        helper.make_node("Unsqueeze", ["channel", "axis1"], ["plane"]),
        helper.make_node("AveragePool", ["plane"], ["pooled"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Mul", ["pooled", "gain"], ["brightness"]),
        helper.make_node("Flatten", ["brightness"], ["scores"], axis=1),
        helper.make_node("Shape", ["scores"], ["batch_size"], start=0, end=1),
    ]
    constants = [
        numpy_helper.from_array(np.array(1, np.int64), "green"),
        numpy_helper.from_array(np.array([1], np.int64), "axis1"),
        numpy_helper.from_array(np.float32(1 / 255), "gain"),
    ]
    return nodes, constants


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _write(folder: Path, model: onnx.ModelProto, **manifest: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    content = model.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    manifest |= {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "opset": OPSET,
        "created_at": "2026-01-01T00:00:00Z",
        "licence": "Apache-2.0",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2))
    return folder


def finish_bundle(folder: Path, graph: onnx.GraphProto, **manifest: Any) -> Path:
    """Write a checked graph with its manifest into ``folder`` and return the folder."""
    return _write(folder, _model(graph), **manifest)
