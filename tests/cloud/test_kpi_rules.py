"""The account of a period and the figures made of it, without a database."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture.stock import Move, StockEntry, Weighing
from cloud.kpis.account import Account, Ledger, account, held_units, shared_units
from cloud.kpis.rules import Facts, Feed, Figure, KpiVerdict, Sample, Share, figures

START = datetime(2026, 10, 1, tzinfo=timezone.utc)
END = START + timedelta(days=30)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def entry(
    at: float, move: Move, count: int, *, unit: str = "s/pen-1", to_unit: str | None = None, g: float | None = None
) -> StockEntry:
    return StockEntry(f"{at}-{move.value}-{unit}", day(at), move, unit, count, to_unit, g)


def stocked(*more: StockEntry, weighings: tuple[Weighing, ...] = ()) -> dict[str, Ledger]:
    return {"A": ([entry(-1, Move.STOCKING, 1000, g=100), *more], weighings)}


def told(ledgers: dict[str, Ledger], units: tuple[str, ...] = ("s/pen-1",)) -> Account:
    return account(ledgers, units, START, END)


def gain_kg(found: Account) -> float:
    assert found.change is not None, found.unknown
    return found.change.gain_kg


def test_fish_that_only_move_gain_nothing() -> None:
    ledgers = stocked(
        entry(20, Move.TRANSFER, 400, to_unit="s/pen-2"),
        weighings=(Weighing(day(19), "s/pen-1", 100),),
    )
    assert gain_kg(told(ledgers)) == pytest.approx(0)
    arrived = told(ledgers, ("s/pen-2",))
    assert (arrived.opening, arrived.came, arrived.closing) == (0, 400, 400)
    assert gain_kg(arrived) == pytest.approx(0)
    both = told(ledgers, ("s/pen-1", "s/pen-2"))
    assert (both.came, both.counts.get(Move.TRANSFER)) == (0, None)


def test_a_count_that_was_wrong_is_no_growth() -> None:
    ledgers = stocked(entry(10, Move.ADJUSTMENT, 50), weighings=(Weighing(day(29), "s/pen-1", 100),))
    assert gain_kg(told(ledgers)) == pytest.approx(0)
    fewer = stocked(entry(10, Move.ADJUSTMENT, -50), weighings=(Weighing(day(29), "s/pen-1", 100),))
    assert gain_kg(told(fewer)) == pytest.approx(0)


def test_what_was_harvested_has_grown_here_too() -> None:
    ledgers = stocked(
        entry(20, Move.HARVEST, 500), weighings=(Weighing(day(20), "s/pen-1", 150), Weighing(day(29), "s/pen-1", 160))
    )
    # 500 at 100 g went out before the weighing of the same moment was booked: 50 kg; 500 of 160 g stayed
    assert gain_kg(told(ledgers)) == pytest.approx(50 + 80 - 100)


def test_a_weight_that_is_too_old_is_no_weight() -> None:
    old = told(stocked(weighings=(Weighing(day(10), "s/pen-1", 120),)))
    assert old.change is None
    assert old.unknown == ("A in pen-1 was weighed 20 days before 2026-10-31",)


def test_batches_that_met_in_a_pen_are_known() -> None:
    ledgers = stocked(entry(5, Move.TRANSFER, 1000, to_unit="s/pen-2"))
    ledgers["B"] = ([entry(8, Move.STOCKING, 10, unit="s/pen-2")], ())
    assert held_units({"A": ledgers["A"]}, START, END) == {"s/pen-1", "s/pen-2"}
    assert shared_units(ledgers, "A", START, END) == {"s/pen-2"}
    assert shared_units(ledgers, "A", START, day(7)) == set()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.sampled_from([Move.MORTALITY, Move.CULL, Move.ESCAPE, Move.HARVEST, Move.STOCKING, Move.ADJUSTMENT]),
            st.integers(1, 20),
        ),
        max_size=20,
    )
)
def test_heads_always_balance(moves: list[tuple[int, Move, int]]) -> None:
    lines = [
        StockEntry(str(n), day(at - 5), move, "s/pen-1", count, None, 100 if move is Move.STOCKING else None)
        for n, (at, move, count) in enumerate(moves)
    ]
    found = told({"A": ([entry(-9, Move.STOCKING, 1000, g=100), *lines], ())})
    out = sum(found.counts.get(move, 0) for move in (Move.MORTALITY, Move.CULL, Move.ESCAPE, Move.HARVEST))
    assert found.opening + found.came + found.counts.get(Move.ADJUSTMENT, 0) - out == found.closing


def facts(ledgers: dict[str, Ledger], **known: object) -> dict[str, Figure]:
    usual: dict[str, object] = {
        "feed": Feed(60, 0, 2),
        "samples": (),
        "temperatures_c": {},
        "water": Share(199, 200, "measured hours", 1),
        "streams": Share(1, 2, "whole hours", 1),
        "volume_m3": 100.0,
        "days": 30.0,
        "cost": None,
    }
    return {each.name: each for each in figures(Facts(account=told(ledgers), **(usual | known)))}  # type: ignore[arg-type]


GROWN = stocked(weighings=(Weighing(day(29), "s/pen-1", 150),))


def test_the_water_just_meets_or_misses_its_target() -> None:
    assert facts(GROWN)["water_quality_compliance"].verdict is KpiVerdict.MET  # at least 99.5 %
    missed = facts(GROWN, water=Share(198, 200, "measured hours", 1))
    assert missed["water_quality_compliance"].verdict is KpiVerdict.MISSED


def test_five_percent_mortality_is_not_below_five() -> None:
    dead = facts(stocked(entry(3, Move.MORTALITY, 50)))["mortality"]
    assert (dead.value, dead.verdict) == (5, KpiVerdict.MISSED)


def test_degree_days_need_four_days_of_five() -> None:
    enough = {("pen-1", day(n).date()): 10.0 for n in range(-1, 23)}
    tgc = facts(GROWN, temperatures_c=enough)["tgc"]
    assert tgc.value == pytest.approx(1000 * (150 ** (1 / 3) - 100 ** (1 / 3)) / 300)
    assert "300 degree-days measured on 24 of 30 days" in tgc.computed_from[0]
    few = dict(list(enough.items())[:23])
    assert facts(GROWN, temperatures_c=few)["tgc"].missing == "the temperature of pen-1 was measured on 23 of 30 days"


def test_a_fish_of_no_shape_is_refused_by_name() -> None:
    wrong = facts(GROWN, samples=(Sample(10, 150, 230),))["condition_factor"]  # millimetres
    assert wrong.value is None
    assert wrong.missing is not None
    assert "length_cm" in wrong.missing


def test_no_growth_makes_no_ratio_and_no_price() -> None:
    same = facts(stocked(weighings=(Weighing(day(29), "s/pen-1", 100),)), cost=100.0)
    assert same["fcr_economic"].missing is not None
    assert "gain_kg" in same["fcr_economic"].missing
    assert same["cost_per_kg"].missing == "nothing was gained to divide by"
