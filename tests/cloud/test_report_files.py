"""What a report's file promises whatever stands in it."""

from __future__ import annotations

import io
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from pypdf import PdfReader

from cloud.reports import csv_file, pdf_file
from cloud.reports.document import Report, Table, text_of

NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)


def report(*tables: Table) -> Report:
    return Report(
        "Daily log",
        "Fjord",
        "fjord",
        ZoneInfo("Europe/Oslo"),
        "Europe/Oslo",
        NOON,
        NOON,
        NOON,
        "a@b.example",
        tables,
        (),
    )


def test_a_moment_stands_in_local_time_and_utc() -> None:
    told = report(Table("T", ("Time", "Unit"), [(NOON, "pen-1"), (None, "pen-2")]))
    header, rows = told.shown(told.tables[0])
    assert header == ["Time (local)", "Time (UTC)", "Unit"]
    assert rows == [["2026-07-01 14:00", "2026-07-01 12:00", "pen-1"], ["", "", "pen-2"]]


def test_the_same_report_is_the_same_bytes() -> None:
    told = report(Table("T", ("A",), [("x",)] * 100))
    assert pdf_file.render(told) == pdf_file.render(told)
    assert csv_file.render(told) == csv_file.render(told)


def test_a_long_report_tells_how_much_of_it_is_drawn() -> None:
    heard: list[float] = []
    told = report(*[Table(f"T{number}", ("A",), [("x",)] * 150) for number in range(4)])
    pdf_file.render(told, heard.append)
    assert heard == sorted(heard)
    assert len(heard) > 4
    assert 0 <= heard[0] < 0.3
    assert 0.9 < heard[-1] <= 1


def test_a_spreadsheet_is_given_nothing_to_run() -> None:
    told = report(Table("T", ("A", "B"), [("=1+1", -2.5), ("@cmd", "-x")]))
    assert csv_file.render(told).decode("utf-8-sig").splitlines()[-2:] == ["'=1+1,-2.5", "'@cmd,'-x"]


def test_markup_in_a_note_is_text_and_a_long_one_breaks_over_pages() -> None:
    note = "<para><b>&amp; " + "very long " * 2000
    assert pdf_file.render(report(Table("<i>", ("A",), [(note,)]))).startswith(b"%PDF")


def test_numbers_are_written_as_people_read_them() -> None:
    cells = [0.05449, 12.3456, 123456.7, -2.5, 3, None]
    assert [text_of(cell) for cell in cells] == ["0.05449", "12.35", "123457", "-2.5", "3", ""]


def test_a_long_table_repeats_its_header_on_every_page() -> None:
    told = report(Table("T", ("Pen", "Fish"), [(f"pen-{n}", n) for n in range(250)]))
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf_file.render(told))).pages]
    assert len(pages) > 5
    assert all("Pen" in page and f"of {len(pages)}" in page for page in pages)
    assert "pen-249" in pages[-1]
