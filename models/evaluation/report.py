"""An evaluation as one HTML page that needs nothing else: figures, slices with intervals, plots, worst cases, where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from contracts.bundles import Task
from contracts.datasets import DatasetSnapshot
from models.evaluation.document import ALL, Evaluation, Figure, SliceFigures
from models.evaluation.plots import plots
from models.evaluation.worst import draw, worst_cases

WORDS = {
    "accuracy": "share of pictures whose class was said",
    "macro_f1": "F1 of each class, averaged: rare classes count as much as common ones",
    "balanced_accuracy": "accuracy of each class, averaged",
    "ece": "expected calibration error: how far confidence and accuracy lie apart; lower is better",
    "auroc_unknown": "chance that a known class gets more confidence than one the model never saw",
    "told": "share of pictures that are not answered 'unknown'",
    "accuracy_of_told": "accuracy of those",
    "map50": "mean average precision, boxes that overlap by half",
    "map50_95": "the same over overlaps of 0.50 to 0.95, as COCO",
    "f1": "of boxes at the bundle's threshold",
    "count_mae": "mean error of the number of fish in a picture; lower is better",
    "count_bias": "mean of counted minus there: above 0 counts too many",
    "density_mae": "mean error of the share of the picture that fish cover; lower is better",
    "macro_auroc": "chance that a picture with a finding scores above one without, averaged over findings",
}

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2126; background: #fff; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #dfe3e8; padding-bottom: .2rem }
.from { color: #5b636e } code { font-size: .85em }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 }
.card { border: 1px solid #dfe3e8; border-radius: 8px; padding: .6rem .9rem; min-width: 8.5rem; flex: 1 }
.card b { display: block; font-size: 1.45rem } .card small { color: #5b636e }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px } .wide { overflow-x: auto }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #eceff2; white-space: nowrap } th:first-child, td:first-child { text-align: left }
td small { color: #5b636e; display: block } tr.all { font-weight: 600 }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem } figure { margin: 0 } figcaption { font-weight: 600; margin-bottom: .3rem } svg { max-width: 100%; height: auto }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 1rem } .worst img { width: 100%; border-radius: 4px; background: #eceff2 }
.worst p { margin: .2rem 0; font-size: 13px; overflow-wrap: anywhere }
.missed { color: #b3201c } .found { color: #2e7d32 } .false { color: #b15a00 }
"""


def write_report(
    evaluation: Evaluation, snapshot: DatasetSnapshot, roots: Sequence[Path], path: Path, *, cases: int = 12
) -> None:
    """Write the page. Pictures of worst cases are copied into it, smaller: mind their licence before passing it on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report(evaluation, snapshot, roots, cases=cases), encoding="utf-8")


def report(evaluation: Evaluation, snapshot: DatasetSnapshot, roots: Sequence[Path], *, cases: int = 12) -> str:
    """The page as text."""
    model, dataset = evaluation.model, evaluation.dataset
    whole = evaluation.slices[ALL]
    title = f"{model.name} {model.version} on {dataset.name}"
    licences = sorted({image.licence for image in snapshot.images})
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="from">Model <code>{model.sha256[:12]}</code>, data set <code>{dataset.sha256[:12]}</code> '
        f"({escape(', '.join(dataset.splits))}): {whole.images} pictures in {whole.groups_in_words}. Judged through the runtime on the "
        f"exported bundle, {evaluation.created_at:%Y-%m-%d %H:%M} UTC.<br>Intervals: 95 %, whole groups drawn {evaluation.resamples} "
        f"times, seed {evaluation.seed}.</p>",
        '<div class="cards">' + "".join(_card(name, figure) for name, figure in whole.figures.items()) + "</div>",
        "<h2>By slice</h2>",
        "<p>light and turbidity are told from the picture itself. A slice of fewer than five groups has no interval.</p>",
        _table(evaluation.slices),
        "<h2>Plots</h2>",
        '<div class="plots">'
        + "".join(
            f"<figure><figcaption>{escape(name)}</figcaption>{svg}</figure>" for name, svg in plots(evaluation).items()
        )
        + "</div>",
        "<h2>Worst cases</h2>",
        _worst(evaluation, snapshot, roots, cases),
        "<h2>Data</h2>",
        f"<p>Licences of the pictures: {escape('; '.join(licences))}. "
        f"Split: {escape(', '.join(f'{k} {v}' for k, v in snapshot.rule.items()) or 'none')}. "
        f"Near-duplicate guard: {escape(', '.join(f'{k} {v}' for k, v in snapshot.guard.items()) or 'not asked')}.</p>",
        "<h2>Words</h2>",
        "<ul>" + "".join(f"<li><b>{escape(n)}</b>: {escape(WORDS.get(n, ''))}</li>" for n in whole.figures) + "</ul>",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>" + "\n".join(parts) + "</body></html>\n"
    )


def _card(name: str, figure: Figure) -> str:
    return f'<div class="card" title="{escape(WORDS.get(name, ""))}"><small>{escape(name)}</small><b>{_number(figure)}</b><small>{_interval(figure)}</small></div>'


def _table(slices: dict[str, SliceFigures]) -> str:
    metrics = list(slices[ALL].figures)
    head = "".join(f"<th>{escape(name)}</th>" for name in ["slice", "pictures", "groups", *metrics])
    rows = []
    for name, told in slices.items():
        cells = "".join(
            f"<td>{_number(told.figures[m])}<small>{_interval(told.figures[m])}</small></td>" for m in metrics
        )
        kind = ' class="all"' if name == ALL else ""
        rows.append(f"<tr{kind}><td>{escape(name)}</td><td>{told.images}</td><td>{told.groups}</td>{cells}</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _worst(evaluation: Evaluation, snapshot: DatasetSnapshot, roots: Sequence[Path], cases: int) -> str:
    found = worst_cases(evaluation, most=cases)
    if not found:
        return "<p>None: every picture was judged right.</p>"
    images = {image.path: image for image in snapshot.images}
    blocks = []
    for case in found:
        url = draw(case, evaluation.model, images, roots)
        shown = f'<img src="{url}" alt="{escape(case.text)}" loading="lazy">' if url else "<p>(the file is gone)</p>"
        slices = ", ".join(f"{k} {v}" for k, v in case.image.slices.items())
        blocks.append(
            f"<div>{shown}<p><b>{escape(case.text)}</b></p><p>{escape(case.image.path)}<br>{escape(slices)}</p></div>"
        )
    legend = (
        '<p><span class="found">green: a fish that was found</span>, <span class="missed">red: one that was missed</span>, '
        '<span class="false">orange: a box without a fish</span>. The worst picture of each group.</p>'
        if evaluation.model.task is Task.DETECTION
        else "<p>The surest mistake of each group.</p>"
    )
    return legend + '<div class="worst">' + "".join(blocks) + "</div>"


def _number(figure: Figure) -> str:
    return "&ndash;" if figure.value is None else f"{figure.value:.3f}"


def _interval(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{figure.low:.3f} to {figure.high:.3f}"
