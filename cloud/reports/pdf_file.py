"""A report as PDF, A4 across: heading on the first page, farm, stamp and page number on every one.

The fonts every PDF reader has know Western European letters only; others stand as ``?`` and the report says so.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from cloud.reports.document import Report, Table, utc

_TEXT = ParagraphStyle("text", fontName="Helvetica", fontSize=7.5, leading=9.5)
_HEAD = ParagraphStyle("head", parent=_TEXT, fontName="Helvetica-Bold")
_TITLE = ParagraphStyle("title", parent=_TEXT, fontName="Helvetica-Bold", fontSize=16, leading=22)
_SECTION = ParagraphStyle("section", parent=_TEXT, fontName="Helvetica-Bold", fontSize=11, leading=18, spaceBefore=8)
_MARGIN = 14 * mm
_LOOK = TableStyle(
    [
        ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#dde9ee")),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.HexColor("#9aa7ad")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ]
)
_PADDING = 6
"""Points that a frame keeps free on each side."""
_PART_ROWS = 100
"""Rows of one table of the library, whose time grows with the square of a table's length; the next continues below it."""
_LEAST, _MOST = 7, 60
"""Characters that a column is made wide for, whatever stands in it."""


def render(report: Report, drawn: Callable[[float], None] = lambda _share: None) -> bytes:
    """The file. The same report is the same bytes. ``drawn`` hears from time to time which part of it, from 0 to 1, is on a page."""
    file = io.BytesIO()
    page = landscape(A4)
    document = SimpleDocTemplate(
        file,
        pagesize=page,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN + 5 * mm,
        title=_plain(report.title),
        author=_plain(report.farm),
        invariant=1,
    )
    story: list[Any] = [Paragraph(_markup(report.title), _TITLE)]
    for name, words in report.heading():
        story.append(Paragraph(f"<b>{_markup(name)}</b> {_markup(words)}", _TEXT))
    if any(_plain(text) != text for text in _texts(report)):
        story.append(Paragraph("Letters that this file cannot show stand as ?; the CSV has them.", _TEXT))
    for table in report.tables:
        story.append(Paragraph(_markup(table.title), _SECTION))
        story += _tables(report, table, page[0] - 2 * (_MARGIN + _PADDING))
        story.append(Spacer(1, 3 * mm))
    foot = f"{_plain(report.farm)} · {_plain(report.title)} · made {utc(report.made_at)} UTC"

    class Numbered(Canvas):  # type: ignore[misc]  # reportlab has no types
        """Writes the foot of every page when it is known how many there are."""

        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802  (reportlab's name)
            """Keep the page open."""
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            """Finish every page, then the file."""
            for number, state in enumerate(self._pages, start=1):
                self.__dict__.update(state)
                self.setFont("Helvetica", 7)
                self.drawString(_MARGIN, 9 * mm, foot)
                self.drawRightString(page[0] - _MARGIN, 9 * mm, f"Page {number} of {len(self._pages)}")
                super().showPage()
            super().save()

    parts = len(story)

    def heard(what: str, value: int) -> None:
        if what == "PROGRESS":  # of the parts that there were; the library splits them on its way
            drawn(min(1.0, max(0.0, value / parts)))

    document.setProgressCallBack(heard)
    document.build(story, canvasmaker=Numbered)
    return file.getvalue()


def _tables(report: Report, table: Table, width: float) -> list[Any]:
    if not table.rows:
        return [Paragraph("None.", _TEXT)]
    header, rows = report.shown(table)
    lengths = [max(len(row[n]) for row in rows) for n in range(len(header))]
    words = [max(len(word) for word in name.split()) for name in header]
    shares = [min(_MOST, max(_LEAST, length, word + 2)) for length, word in zip(lengths, words, strict=True)]
    widths = [width * share / sum(shares) for share in shares]
    head = [Paragraph(_markup(name), _HEAD) for name in header]
    parts = []
    for first in range(0, len(rows), _PART_ROWS):
        cells = [[Paragraph(_markup(cell), _TEXT) for cell in row] for row in rows[first : first + _PART_ROWS]]
        parts.append(LongTable([head, *cells], colWidths=widths, repeatRows=1, style=_LOOK, splitInRow=1))
    return parts


def _texts(report: Report) -> list[str]:
    texts = [words for _, words in report.heading()]
    return texts + [cell for table in report.tables for row in report.shown(table)[1] for cell in row]


def _plain(text: str) -> str:
    return text.encode("cp1252", "replace").decode("cp1252")


def _markup(text: str) -> str:
    """The text for a paragraph, in which it can be no markup."""
    return escape(_plain(text))
