"""Figures of classifiers from probabilities and truth. Pure numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RIGHT_WHEN_SURE = 0.97
"""Share of right answers that ``unknown_below`` is chosen for."""


def told_figures(judged_NK: npt.NDArray[np.float32], y_N: npt.NDArray[np.int_]) -> tuple[dict[str, float], float]:
    """Figures, and the lowest confidence from which answers are right often enough (chosen on the same pictures)."""
    best, sure = judged_NK.argmax(1), judged_NK.max(1)
    right = best == y_N
    threshold = 0.95
    for candidate in np.arange(0.3, 0.96, 0.01):
        told = sure >= candidate
        if told.any() and right[told].mean() >= RIGHT_WHEN_SURE:
            threshold = round(float(candidate), 2)
            break
    told = sure >= threshold
    return {
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(macro_f1(y_N, best), 4),
        "told": round(float(told.mean()), 4),
        "accuracy_of_told": round(float(right[told].mean()) if told.any() else 0.0, 4),
    }, threshold


def macro_f1(y_N: npt.NDArray[np.int_], best_N: npt.NDArray[np.int_]) -> float:
    """Mean over the classes that are there of 2 * right / (there + said)."""
    return float(
        np.mean([2 * ((y_N == k) & (best_N == k)).sum() / ((y_N == k).sum() + (best_N == k).sum()) for k in set(y_N)])
    )


def auroc(score_N: npt.NDArray[np.float32], is_true_N: npt.NDArray[np.bool_]) -> float:
    """Chance that a true one scores above a false one, ties half; nan without both."""
    true, false = score_N[is_true_N], np.sort(score_N[~is_true_N])
    if not len(true) or not len(false):
        return float("nan")
    below = np.searchsorted(false, true, "left") + np.searchsorted(false, true, "right")
    return float(below.mean() / 2 / len(false))
