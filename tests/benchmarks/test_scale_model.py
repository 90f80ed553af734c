from __future__ import annotations

import pytest

from tests.benchmarks.scale_model import level_after_h, played_outage_h, sizes
from tests.servers.presence import ROOT


def row(name: str) -> list[str]:
    line = next(line for line in (ROOT / "docs/capacity.md").read_text().splitlines() if line.startswith(f"| {name}"))
    return [cell.strip().replace(",", "") for cell in line.strip("|").split("|")][1:]


def test_the_table_of_the_document_is_what_the_sums_give() -> None:
    for units, readings, messages, bridges in zip(
        row("units"), row("readings/s"), row("messages/s"), row("bridge"), strict=True
    ):
        made = sizes(int(units))
        assert made.readings_per_s == pytest.approx(float(readings))
        assert made.messages_per_s == pytest.approx(float(messages), rel=0.11)
        if bridges.isdigit():
            assert made.bridges == int(bridges)
    assert sizes(20).raw_gb == pytest.approx(12, rel=0.05)
    assert sizes(500).raw_gb == pytest.approx(300, rel=0.05)
    assert sizes(10_000).raw_as_columns_gb == pytest.approx(480, rel=0.05)
    assert sizes(500).pictures_gb_per_year == pytest.approx(1600, rel=0.05)


@pytest.mark.parametrize("drain", [5.0, 14.0])
def test_an_outage_that_is_played_is_level_when_the_sum_says_so(drain: float) -> None:
    assert played_outage_h(8, drain=drain) == pytest.approx(level_after_h(8, drain=drain), rel=0.01)
