"""Plots of an evaluation as SVG text: figures by slice with intervals, and what is particular to the task. matplotlib, no display."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Canvas

from contracts.bundles import Task
from models.evaluation.document import Evaluation
from models.evaluation.figures import ECE_BINS, ClassificationJudge, DetectionJudge, judge_for

BLUE, ORANGE, GREY = "#1f6fb4", "#d1651f", "#8a8f98"
"""Told apart by the colour-blind, too."""
HEADLINES = {
    Task.DETECTION: ("map50", "count_mae"),
    Task.CLASSIFICATION: ("accuracy", "macro_f1"),
    Task.SCORES: ("macro_auroc", "macro_f1"),
}
MOST_ROWS = 40


def plots(evaluation: Evaluation) -> dict[str, str]:
    """Title to SVG, in the order of reading."""
    drawn = {f"{metric} by slice": _by_slice(evaluation, metric) for metric in HEADLINES[evaluation.model.task]}
    judge = judge_for(evaluation.model, evaluation.images)
    if isinstance(judge, DetectionJudge):
        drawn["Precision and recall at IoU 0.50"] = _precision_recall(judge)
        drawn["Fish counted and fish there"] = _counts(judge)
    if isinstance(judge, ClassificationJudge):
        drawn["What was said of which class"] = _confusion(judge, evaluation.model.labels)
        drawn["Is a confidence worth what it says?"] = _reliability(judge)
    return drawn


def _by_slice(evaluation: Evaluation, metric: str) -> str:
    rows = [(name, told.figures[metric], told.groups_in_words) for name, told in evaluation.slices.items()][:MOST_ROWS]
    rows = [row for row in rows if row[1].value is not None]
    canvas, axes = _canvas(7.6, 0.9 + 0.26 * len(rows))
    for place, (_, figure, _) in enumerate(rows):
        colour = ORANGE if place == 0 else BLUE
        if figure.low is not None and figure.high is not None:
            axes.plot([figure.low, figure.high], [place, place], color=colour, linewidth=2, alpha=0.6)
        hollow = figure.low is None
        axes.plot(figure.value, place, "o", color=colour, markersize=6, markerfacecolor="none" if hollow else colour)
    axes.set_yticks(range(len(rows)), [f"{name}  ({groups})" for name, _, groups in rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"{metric}, with 95 % interval; a hollow mark has too few groups for one")
    axes.grid(axis="x", alpha=0.3)
    return _svg(canvas)


def _precision_recall(judge: DetectionJudge) -> str:
    canvas, axes = _canvas(5.2, 4.0)
    curves = judge.curve(np.ones(len(judge.true)))
    for label, (recall, precision) in curves.items():
        axes.plot(*_thinned(recall, precision), label=label, linewidth=1.8, color=BLUE if len(curves) == 1 else None)
    axes.set(
        xlabel="recall: share of the fish that were found",
        ylabel="precision: share of the boxes that are fish",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend()
    return _svg(canvas)


def _counts(judge: DetectionJudge) -> str:
    canvas, axes = _canvas(5.2, 4.0)
    pairs, times = np.unique(np.stack([judge.true, judge.counted]), axis=1, return_counts=True)
    top = max(float(pairs.max(initial=1)), 1.0)
    axes.plot([0, top], [0, top], color=GREY, linewidth=1, linestyle="--")
    axes.scatter(pairs[0], pairs[1], s=12 + 160 * times / times.max(), color=BLUE, alpha=0.5, edgecolors="none")
    axes.set(xlabel="fish there", ylabel="fish counted; a larger dot stands for more pictures")
    axes.grid(alpha=0.3)
    return _svg(canvas)


def _confusion(judge: ClassificationJudge, labels: Sequence[str]) -> str:
    counts = judge.confusion(np.ones(len(judge.truth)))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.4 + 0.36 * len(labels)
    canvas, axes = _canvas(side + 1.2, side)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for row, column in np.argwhere(counts > 0):
        dark = share[row, column] > 0.5  # noqa: PLR2004 - the ink must stand out
        axes.text(
            column,
            row,
            f"{counts[row, column]:.0f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else "black",
        )
    axes.set(xlabel="said", ylabel="true")
    return _svg(canvas)


def _reliability(judge: ClassificationJudge) -> str:
    known = judge.truth >= 0
    confidence, right = judge.confidence[known], judge.right[known]
    place = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    count = np.bincount(place, minlength=ECE_BINS)
    inside = count > 0
    canvas, axes = _canvas(5.2, 4.0)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    mean = np.bincount(place, weights=confidence, minlength=ECE_BINS)[inside] / count[inside]
    share = np.bincount(place, weights=right, minlength=ECE_BINS)[inside] / count[inside]
    axes.scatter(
        mean, share, s=14 + 160 * count[inside] / max(1, count.max()), color=BLUE, alpha=0.7, edgecolors="none"
    )
    axes.set(
        xlabel="confidence",
        ylabel="share that is right; a larger dot stands for more pictures",
        xlim=(0, 1.02),
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    return _svg(canvas)


def _thinned(x: Any, y: Any, most: int = 1500) -> tuple[Any, Any]:
    """A curve of some thousand steps looks the same with fewer points."""
    step = max(1, len(x) // most)
    return x[::step], y[::step]


def _canvas(width: float, height: float) -> tuple[Canvas, Any]:
    canvas = Canvas(figsize=(width, height), layout="constrained")
    axes = canvas.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return canvas, axes


def _svg(canvas: Canvas) -> str:
    text = io.StringIO()
    # A fixed salt makes the same figures the same file; no date for the same reason.
    with mpl.rc_context({"svg.hashsalt": "shoal", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}):
        canvas.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
