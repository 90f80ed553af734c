"""The farm's records: the book of a stock, the withdrawal clock, lice with their interval, welfare scores."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture.causes import cause_fault
from aquaculture.lice import Verdict, lice_limit, lice_limits, lice_mean
from aquaculture.ranges import OutOfRangeError
from aquaculture.stock import Book, Move, StockEntry, StockError, Weighing, book
from aquaculture.welfare import INDICATORS, welfare_share
from aquaculture.withdrawal import Withdrawal, withdrawal_state

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


def entry(day: int, move: Move, unit: str, count: int, **more: object) -> StockEntry:
    return StockEntry(f"{day}-{move.value}-{unit}", NOON + timedelta(days=day), move, unit, count, **more)  # type: ignore[arg-type]


STOCKED = entry(0, Move.STOCKING, "pen-1", 1000, mean_weight_g=100)


def test_movements_minus_deaths_minus_harvest_are_the_fish_in_the_pens() -> None:
    entries = [
        STOCKED,
        entry(1, Move.MORTALITY, "pen-1", 20),
        entry(2, Move.TRANSFER, "pen-1", 400, to_unit="pen-2"),
        entry(3, Move.HARVEST, "pen-2", 100, mean_weight_g=120),
        entry(4, Move.ADJUSTMENT, "pen-1", -5),
    ]
    state = book(entries, [Weighing(NOON + timedelta(days=5), "pen-2", 150)])
    assert {unit: held.count for unit, held in state.holdings.items()} == {"pen-1": 575, "pen-2": 300}
    assert state.imbalance == 0
    assert state.holdings["pen-2"].biomass_kg == pytest.approx(45)
    assert state.biomass_kg[Move.HARVEST] == pytest.approx(12)
    assert state.biomass_kg[Move.MORTALITY] == pytest.approx(2)


def test_more_dead_fish_than_the_pen_holds_are_refused_by_name() -> None:
    with pytest.raises(StockError, match=r"mortality of 1001 fish from pen-1 .* holds 1000 there then\. Correct"):
        book([STOCKED, entry(1, Move.MORTALITY, "pen-1", 1001)])


def test_a_late_record_is_judged_at_its_own_time() -> None:
    harvest = entry(5, Move.HARVEST, "pen-1", 1000)
    assert book([harvest, STOCKED]).present == 0
    with pytest.raises(StockError, match=r"harvest of 1000 fish .* holds 990"):
        book([STOCKED, harvest, entry(2, Move.CULL, "pen-1", 10)])


def test_fish_of_unknown_weight_make_the_mean_unknown() -> None:
    state = book([STOCKED, entry(1, Move.STOCKING, "pen-1", 10)])
    assert state.holdings["pen-1"].biomass_kg is None
    mixed = book([STOCKED, entry(1, Move.STOCKING, "pen-1", 1000, mean_weight_g=200)])
    assert mixed.holdings["pen-1"].mean_weight_g == pytest.approx(150)


@st.composite
def diaries(draw: st.DrawFn) -> list[StockEntry]:
    units = st.sampled_from(["pen-1", "pen-2", "pen-3"])
    found = [entry(0, Move.STOCKING, unit, draw(st.integers(1, 500)), mean_weight_g=50) for unit in ("pen-1", "pen-2")]
    for number in range(draw(st.integers(0, 15))):
        move, unit, count = draw(st.sampled_from(list(Move))), draw(units), draw(st.integers(1, 200))
        signed = -count if move is Move.ADJUSTMENT and draw(st.booleans()) else count
        to_unit = draw(units) if move is Move.TRANSFER else None
        day = draw(st.integers(0, 40))
        found.append(
            StockEntry(
                str(number),
                NOON + timedelta(days=day),
                move,
                unit,
                signed,
                to_unit,
                draw(st.none() | st.floats(1, 5000)),
            )
        )
    return found


@given(diaries(), st.randoms())
def test_any_accepted_book_balances_and_does_not_depend_on_the_order_of_entry(
    found: list[StockEntry], random: object
) -> None:
    def kept(entries: list[StockEntry]) -> Book | str:
        try:
            return book(entries)
        except StockError as error:
            return str(error)

    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    state = kept(found)
    assert kept(shuffled) == state
    if isinstance(state, Book):
        assert state.imbalance == 0
        assert all(held.count >= 0 for held in state.holdings.values())


def days_of(mean_c: float, first: date, count: int) -> dict[date, float]:
    return {first + timedelta(days=n): mean_c for n in range(count)}


def test_cold_water_makes_treated_fish_wait_longer() -> None:
    needed = Withdrawal(degree_days=500, days=0)
    warm = withdrawal_state(needed, NOON, days_of(14, date(2026, 6, 2), 36), NOON + timedelta(days=37))
    cold = withdrawal_state(needed, NOON, days_of(8, date(2026, 6, 2), 36), NOON + timedelta(days=37))
    assert warm.cleared
    assert warm.degree_days == 504
    assert not cold.cleared
    assert cold.degree_days == 288
    assert cold.clears_on == date(2026, 7, 8) + timedelta(days=27)


def test_days_without_a_temperature_count_nothing() -> None:
    days = days_of(14, date(2026, 6, 2), 36)
    for day in list(days)[10:20]:
        del days[day]
    state = withdrawal_state(Withdrawal(500, 0), NOON, days, NOON + timedelta(days=37))
    assert (state.cleared, state.unmeasured_days, state.degree_days) == (False, 10, 364)


def test_without_any_temperature_nobody_can_say_when() -> None:
    state = withdrawal_state(Withdrawal(500, 0), NOON, {}, NOON + timedelta(days=400))
    assert not state.cleared
    assert state.clears_on is None


def test_both_degree_days_and_days_must_pass() -> None:
    days = days_of(20, date(2026, 6, 2), 30)
    assert not withdrawal_state(Withdrawal(100, 28), NOON, days, NOON + timedelta(days=20)).cleared
    assert withdrawal_state(Withdrawal(100, 28), NOON, days, NOON + timedelta(days=28)).cleared
    assert withdrawal_state(Withdrawal(0, 0), NOON, {}, NOON).cleared


def test_a_temperature_in_fahrenheit_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="daily_mean_c"):
        withdrawal_state(Withdrawal(500, 0), NOON, days_of(57, date(2026, 6, 2), 3), NOON + timedelta(days=9))


def test_twenty_fish_are_sure_only_to_a_fifth_of_a_louse() -> None:
    mean = lice_mean(4, 20)
    assert mean.mean == pytest.approx(0.2)
    # Exact Poisson limits of 4 events: 1.0899 and 10.2416 (Garwood 1936, table).
    assert mean.low == pytest.approx(1.0899 / 20, abs=1e-4)
    assert mean.high == pytest.approx(10.2416 / 20, abs=1e-4)
    assert mean.against(0.2) is Verdict.UNSURE
    assert lice_mean(0, 20).high == pytest.approx(3.6889 / 20, abs=1e-4)
    assert lice_mean(0, 20).low == 0
    assert lice_mean(60, 20).against(0.5) is Verdict.ABOVE
    assert lice_mean(2, 200).against(0.5) is Verdict.BELOW


def test_the_spring_limit_is_lower_and_comes_later_in_the_north() -> None:
    def limit(region: str, day: date) -> float | None:
        row = lice_limit(region, day)
        return None if row is None else row.adult_females

    assert limit("norway-south", date(2026, 4, 20)) == 0.2
    assert limit("norway-north", date(2026, 4, 20)) == 0.5
    assert limit("norway-north", date(2026, 6, 1)) == 0.2
    assert limit("norway-south", date(2026, 6, 1)) == 0.5
    assert limit("scotland", date(2026, 6, 1)) is None
    assert all(row.source and row.evidence for row in lice_limits())


def test_a_welfare_sample_shows_how_sure_it_is() -> None:
    share = welfare_share({0: 12, 1: 5, 2: 2, 3: 1})
    assert (share.fish, share.affected) == (20, 0.15)
    assert share.mean_score == pytest.approx(0.6)
    # Wilson interval of 3 in 20: 0.0524 to 0.3604.
    assert share.low == pytest.approx(0.0524, abs=2e-4)
    assert share.high == pytest.approx(0.3604, abs=2e-4)
    assert "wounds" in INDICATORS


@pytest.mark.parametrize("scores", [{4: 1}, {0: -1}, {}, {0: 0}])
def test_impossible_scores_are_refused(scores: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="score"):
        welfare_share(scores)


def test_a_cause_of_death_is_one_of_the_list() -> None:
    assert cause_fault("environment", "oxygen") is None
    assert cause_fault("unknown", None) is None
    assert cause_fault("stress", None) is not None
    assert "use transport" in str(cause_fault("handling", "oxygen"))
