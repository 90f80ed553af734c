"""The validation report of a run: one HTML page without scripts or anything from elsewhere, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape

from contracts.bundles import ModelManifest
from models.serving.batch.rules import FLAGS, Check, Summary

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#123}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{border-bottom:1px solid #cdd;padding:.25rem .75rem;text-align:left}
.good{color:#176b3a}.bad{color:#a11;font-weight:600}.bar{background:#2a7f9e;height:.8rem;display:inline-block}
"""


def write_report(summary: Summary, checks: Sequence[Check], model: ModelManifest) -> tuple[str, str]:
    """HTML and JSON of a run."""
    passed = all(check.passed for check in checks)
    document = {
        "passed": passed,
        "model": {"name": model.name, "version": model.version, "sha256": model.sha256},
        "rows": summary.rows,
        "checks": [{"name": check.name, "passed": check.passed, "detail": check.detail} for check in checks],
        "flags": dict(summary.flags),
        "labels": dict(summary.labels),
        "errors": dict(summary.errors.most_common(50)),
        "confidence_histogram": summary.confidences,
        "units": {unit: dict(counts) for unit, counts in sorted(summary.units.items())},
    }
    most = max([*summary.confidences, 1])
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Batch predictions</title>",
        f"<style>{_STYLE}</style><h1>Batch predictions</h1>",
        f"<p>{escape(model.name)} {escape(model.version)}, sha256 <code>{model.sha256}</code>; {summary.rows} pictures.</p>",
        f"<p class='{'good' if passed else 'bad'}'>{'Can be believed' if passed else 'Look before you use them'}</p>",
        "<h2>Checks</h2>",
        _table(
            ("check", "", "found"),
            ([escape(c.name), _mark(passed=c.passed), escape(c.detail)] for c in checks),
        ),
        "<h2>Flags</h2>",
        _table(
            ("flag", "pictures", "meaning"),
            ([flag, str(summary.flags[flag]), escape(meaning)] for flag, meaning in FLAGS.items()),
        ),
        "<h2>Confidence</h2>",
        _table(
            ("from", "pictures", ""),
            (
                [
                    f"{n / 10:.1f}",
                    str(count),
                    f"<span class='bar' style='width:{round(20 * count / most, 1)}rem'></span>",
                ]
                for n, count in enumerate(summary.confidences)
            ),
        ),
        "<h2>Units</h2>",
        _table(
            ("unit", "pictures", "flagged", "fish seen", "per picture"),
            (
                [
                    escape(unit),
                    str(c["pictures"]),
                    str(c["flagged"]),
                    str(c["fish"]),
                    f"{c['fish'] / c['pictures']:.1f}",
                ]
                for unit, c in sorted(summary.units.items())
            ),
        ),
    ]
    if summary.labels:
        rows = ([escape(label), str(count)] for label, count in summary.labels.most_common())
        parts += ["<h2>Labels</h2>", _table(("label", "pictures"), rows)]
    if summary.examples:
        examples = (
            [escape(r["image"]), escape(r["unit"] or "-"), ", ".join(r["flags"]), escape(str(r["error"] or ""))]
            for r in summary.examples
        )
        parts += [
            "<h2>Flagged pictures (the first hundred)</h2>",
            _table(("picture", "unit", "flags", "error"), examples),
        ]
    return "\n".join(parts) + "\n", json.dumps(document, indent=2) + "\n"


def _mark(*, passed: bool) -> str:
    return "<span class='good'>passed</span>" if passed else "<span class='bad'>failed</span>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["<table><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])
