"""A report as CSV: the heading as comment-like rows, then every table under its name."""

from __future__ import annotations

import csv
import io

from cloud.reports.document import Report

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(report: Report) -> bytes:
    """UTF-8 with a byte order mark, without which spreadsheets take it for Latin."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([report.title])
    writer.writerows([name, _inert(words)] for name, words in report.heading())
    for table in report.tables:
        header, rows = report.shown(table)
        writer.writerow([])
        writer.writerow([table.title])
        writer.writerow(header)
        writer.writerows([_inert(cell) for cell in row] for row in rows)
    return ("\ufeff" + text.getvalue()).encode()


def _inert(cell: str) -> str:
    """A text that a spreadsheet would run as a formula gets an apostrophe; negative numbers stay numbers."""
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
