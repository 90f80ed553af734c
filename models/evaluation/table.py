"""Figures by slice for a terminal."""

from __future__ import annotations

from rich.table import Column, Table

from models.evaluation.document import ALL, Evaluation, Figure


def table(evaluation: Evaluation) -> Table:
    """One row for each slice, one column for each figure, the bounds of the interval below the value of ``all``."""
    metrics = list(evaluation.slices[ALL].figures)
    columns = [Column(name.replace("_", " "), no_wrap=False, min_width=5, justify="right") for name in metrics]
    out = Table(
        Column("slice", overflow="fold", max_width=24), "images", "groups", *columns, box=None, padding=(0, 1, 0, 0)
    )
    for name, told in evaluation.slices.items():
        cells = [_cell(told.figures[metric], interval=name == ALL) for metric in metrics]
        out.add_row(name, str(told.images), str(told.groups), *cells)
    return out


def _cell(figure: Figure, *, interval: bool) -> str:
    if figure.value is None:
        return "-"
    if not interval or figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f}\n{figure.low:.3f}\n{figure.high:.3f}"
