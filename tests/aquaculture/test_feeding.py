"""Feed tables between their lines and at their ends; what oxygen leaves of an appetite."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture.feeding import FeedTable, ration_kg_day, salmon_appetite_share, salmon_max_feed_percent_day
from aquaculture.ranges import OutOfRangeError

TABLE = FeedTable(
    product="trout 3 mm",
    source="a maker's sheet",
    valid_from=date(2026, 1, 1),
    weights_g=(50, 100, 200),
    temperatures_c=(6, 10, 14),
    percent_day=((1.0, 1.6, 2.2), (0.8, 1.3, 1.8), (0.6, 1.0, 1.4)),
)


def test_on_a_line_and_between_lines() -> None:
    assert TABLE.rate_percent_day(100, 10) == pytest.approx(1.3)
    assert TABLE.rate_percent_day(150, 12) == pytest.approx((1.3 + 1.8 + 1.0 + 1.4) / 4)
    assert TABLE.rate_percent_day(200, 14) == pytest.approx(1.4)


def test_beyond_its_lines_the_table_says_nothing() -> None:
    with pytest.raises(OutOfRangeError, match=r"weight_g = 250 .*trout 3 mm ends there"):
        TABLE.rate_percent_day(250, 10)
    with pytest.raises(OutOfRangeError, match="temperature_c = 20"):
        TABLE.rate_percent_day(100, 20)


def test_without_oxygen_at_the_outlet_nothing_is_fed() -> None:
    def ration(oxygen: float) -> float:
        return ration_kg_day(TABLE, biomass_kg=1000, mean_weight_g=100, temperature_c=10, outlet_do_mg_l=oxygen)

    assert ration(7.0) == pytest.approx(13)
    assert ration(6.9) == 0


def test_a_table_with_a_hole_is_refused_by_its_field() -> None:
    day, cells = date(2026, 1, 1), ((1.0, 1.0), (1.0, 1.0))
    with pytest.raises(ValueError, match=r"weights_g = .*each above the one before"):
        FeedTable("x", "y", day, (100, 50), (6, 10), cells)
    with pytest.raises(ValueError, match="percent_day: give 2 rows of 3 cells"):
        FeedTable("x", "y", day, (50, 100), (6, 10, 14), cells)
    with pytest.raises(OutOfRangeError, match="percent_day = 130"):
        FeedTable("x", "y", day, (50, 100), (6, 10), ((1.0, 130.0), (1.0, 1.0)))


@given(st.floats(50, 200), st.floats(6, 14))
def test_the_ration_never_leaves_the_cells_around_it(weight: float, temperature: float) -> None:
    assert 0.6 - 1e-9 <= TABLE.rate_percent_day(weight, temperature) <= 2.2 + 1e-9


def test_salmon_lose_their_appetite_long_before_they_suffer() -> None:
    assert salmon_appetite_share(24, 7) == 0
    assert salmon_appetite_share(42, 7) == 1
    assert salmon_appetite_share(42, 19) == pytest.approx(2 / 36)
    assert salmon_max_feed_percent_day(7) == pytest.approx(0.47)
    assert salmon_max_feed_percent_day(19) == pytest.approx(0.88)
