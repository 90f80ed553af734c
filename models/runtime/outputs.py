"""Does the graph give what the manifest says it gives? Asked once, when a session opens, so that no frame has to fail first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.bundles import DetectionOutput, EmbeddingOutput, ModelManifest, Task
from models.runtime.errors import BundleError

Shape = Sequence[int | str | None]


def output_names(manifest: ModelManifest) -> list[str]:
    """Names of the tensors that the manifest reads."""
    return [name for _, name in _named(manifest)]


def check_outputs(manifest: ModelManifest, shapes: Mapping[str, Shape]) -> None:
    """Compare names, ranks and those sizes that the graph fixes.

    Args:
        manifest: what is promised.
        shapes: of the graph's outputs; a size that is not fixed is a name or None.

    Raises:
        BundleError: with the field of the manifest that is wrong and what the graph has.
    """
    for field, name in _named(manifest):
        if name not in shapes:
            raise BundleError(field, name, f"The graph's outputs are: {', '.join(shapes)}.")
    if manifest.embedding is not None:
        _check_embedding(manifest.embedding, shapes)
    if manifest.task is Task.DETECTION and manifest.detection is not None:
        _check_detection(manifest, manifest.detection, shapes)
        return
    output = manifest.classification if manifest.task is Task.CLASSIFICATION else manifest.scores
    if output is not None:
        _expect(f"manifest.{manifest.task.value}.name", output.name, shapes[output.name], 2)
        _expect_labels(manifest, shapes[output.name][-1], 0)


def _named(manifest: ModelManifest) -> list[tuple[str, str]]:
    if manifest.task is Task.DETECTION and manifest.detection is not None:
        detection = manifest.detection
        named = [("boxes", detection.boxes)]
        if detection.format == "boxes_scores":
            optional = [("classes", detection.classes), ("count", detection.count)]
            named += [("scores", detection.scores), *((field, name) for field, name in optional if name is not None)]
        return [(f"manifest.detection.{field}", name) for field, name in named]
    if manifest.task is Task.CLASSIFICATION and manifest.classification is not None:
        return [("manifest.classification.name", manifest.classification.name)]
    return [("manifest.scores.name", manifest.scores.name)] if manifest.scores is not None else []


def _check_detection(manifest: ModelManifest, output: DetectionOutput, shapes: Mapping[str, Shape]) -> None:
    batch = 1 if output.batched else 0
    boxes, field = shapes[output.boxes], "manifest.detection.boxes"
    _expect(field, output.boxes, boxes, 2 + batch)
    if output.format == "yolo":
        numbers = boxes[-1] if output.anchors_first else boxes[-2]
        others = boxes[-2] if output.anchors_first else boxes[-1]
        first = 5 if output.objectness else 4
        if isinstance(numbers, int) and isinstance(others, int) and numbers > others:
            raise BundleError(
                "manifest.detection.anchors_first",
                output.anchors_first,
                f"{output.boxes} has shape {list(boxes)}: more numbers than anchors. Write {not output.anchors_first}.",
            )
        if isinstance(numbers, int) and numbers != first + len(manifest.labels) + (output.background is not None):
            other = 4 if output.objectness else 5
            if numbers == other + len(manifest.labels):
                raise BundleError(
                    "manifest.detection.objectness",
                    output.objectness,
                    f"{output.boxes} has {numbers} numbers for {len(manifest.labels)} labels: write {not output.objectness}.",
                )
            _expect_labels(manifest, numbers - first, int(output.background is not None))
        return
    width = 6 if output.format == "rows" else 4
    if isinstance(boxes[-1], int) and boxes[-1] != width:
        raise BundleError(
            "manifest.detection.format", output.format, f"{output.boxes} has shape {list(boxes)}, not (..., {width})."
        )
    if output.format == "boxes_scores":
        scores = shapes[output.scores]
        if scores and len(scores) not in {1 + batch, 2 + batch}:
            raise BundleError("manifest.detection.scores", output.scores, f"It has shape {list(scores)}.")
        if len(scores) == 2 + batch:
            _expect_labels(manifest, scores[-1], int(output.background is not None))


def _check_embedding(output: EmbeddingOutput, shapes: Mapping[str, Shape]) -> None:
    if output.name not in shapes:
        raise BundleError("manifest.embedding.name", output.name, f"The graph's outputs are: {', '.join(shapes)}.")
    shape = shapes[output.name]
    _expect("manifest.embedding.name", output.name, shape, 2)
    if shape and isinstance(shape[-1], int) and shape[-1] != len(output.mean):
        raise BundleError(
            "manifest.embedding.mean", f"{len(output.mean)} numbers", f"The graph's {output.name} has {shape[-1]}."
        )


def _expect(field: str, name: str, shape: Shape, rank: int) -> None:
    if shape and len(shape) != rank:  # a graph may leave the rank open
        raise BundleError(field, name, f"It has shape {list(shape)}; {rank} dimensions are read.")


def _expect_labels(manifest: ModelManifest, classes: int | str | None, background: int) -> None:
    if isinstance(classes, int) and classes != len(manifest.labels) + background:
        raise BundleError(
            "manifest.labels",
            f"{len(manifest.labels)} labels",
            f"The graph gives {classes - background} classes. Name all of them, in the graph's order.",
        )
