from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from models.evaluation.document import Figure
from models.evaluation.rules import Decision, GateRule, GateRules, Measured, Verdict, decide


def told(
    value: float | None, low: float | None = None, high: float | None = None, *, change: Figure | None = None,
    metric: str = "map50", where: str = "all", groups: int = 20,
) -> Measured:  # fmt: skip
    better = metric != "count_mae"
    return Measured(metric, where, groups, better, Figure(value=value, low=low, high=high), change)


def verdict(measured: Measured, **rule: Any) -> tuple[Decision, str]:
    rules = GateRules(name="r", rules=(GateRule(metric=measured.metric, **rule),))
    result = decide(rules, [measured])
    return result.decision, result.reasons[0].text


def test_a_floor_is_judged_on_the_figure_and_for_sure_on_the_interval() -> None:
    assert verdict(told(0.5, 0.3, 0.6), at_least=0.4)[0] is Decision.PROMOTE
    decision, text = verdict(told(0.3, 0.2, 0.5), at_least=0.4)
    assert (decision, text) == (Decision.REFUSE, "map50 on all is 0.300 (0.200 to 0.500), needed is at least 0.4")
    decision, text = verdict(told(0.5, 0.3, 0.6), at_least=0.4, sure=True)
    assert decision is Decision.INCONCLUSIVE
    assert "about 80 groups would tell (there are 20)" in text
    assert verdict(told(2.0, 1.0, 3.0, metric="count_mae"), at_most=1.5)[0] is Decision.REFUSE
    assert verdict(told(1.0, 0.5, 1.2, metric="count_mae"), at_most=1.5, sure=True)[0] is Decision.PROMOTE


def test_a_comparison_is_judged_on_the_interval_of_the_difference() -> None:
    def gain(value: float, low: float, high: float) -> Measured:
        return told(0.5, change=Figure(value=value, low=low, high=high))

    assert verdict(gain(0.0, -0.01, 0.01), worse_by_at_most=0.02)[0] is Decision.PROMOTE
    decision, text = verdict(gain(-0.1, -0.16, 0.01), worse_by_at_most=0.02)
    assert decision is Decision.INCONCLUSIVE
    assert "is worse by 0.100 (-0.010 to 0.160), needed is worse by at most 0.02: it may be either" in text
    assert verdict(gain(-0.1, -0.15, -0.05), worse_by_at_most=0.02)[0] is Decision.REFUSE
    decision, text = verdict(gain(0.02, -0.06, 0.1), worse_by_at_most=0.02)
    assert decision is Decision.INCONCLUSIVE
    assert "it may be either; about 80 groups would tell (there are 20)" in text
    assert verdict(gain(0.05, 0.02, 0.09), better_by_at_least=0.01)[0] is Decision.PROMOTE
    assert verdict(gain(0.05, 0.02, 0.09), better_by_at_least=0.1)[0] is Decision.REFUSE


def test_less_error_is_a_change_for_the_better() -> None:
    fewer = told(0.5, metric="count_mae", change=Figure(value=-0.2, low=-0.3, high=-0.1))
    decision, text = verdict(fewer, better_by_at_least=0.05)
    assert decision is Decision.PROMOTE
    assert "is better by 0.200 (0.100 to 0.300)" in text
    assert (
        verdict(fewer._replace(difference=Figure(value=0.2, low=0.1, high=0.3)), worse_by_at_most=0.05)[0]
        is Decision.REFUSE
    )


def test_what_cannot_be_told_is_never_passed() -> None:
    assert verdict(told(0.5), worse_by_at_most=0.1)[0] is Decision.INCONCLUSIVE
    few = told(0.5, change=Figure(value=0.1), groups=3)
    decision, text = verdict(few, worse_by_at_most=0.1)
    assert decision is Decision.INCONCLUSIVE
    assert "3 groups are too few" in text
    assert verdict(told(None), at_least=0.1)[0] is Decision.INCONCLUSIVE
    decision, text = verdict(told(0.9), at_least=0.1, slices=("site=pond",))
    assert (decision, text) == (Decision.INCONCLUSIVE, "map50 was not judged on site=pond")
    assert verdict(few, worse_by_at_most=0.1, inconclusive_passes=True)[0] is Decision.PROMOTE


def test_a_small_site_needs_no_proof_unless_it_looks_bad() -> None:
    small = told(0.5, change=Figure(value=-0.02), where="site=pond", groups=1)
    rule = {"slices": ("site=*",), "worse_by_at_most": 0.1, "inconclusive_passes": True}
    decision, text = verdict(small, **rule)
    assert decision is Decision.PROMOTE
    assert "one group is too few" in text
    assert verdict(small._replace(difference=Figure(value=-0.4)), **rule)[0] is Decision.INCONCLUSIVE
    unsure = small._replace(difference=Figure(value=-0.2, low=-0.5, high=0.1))
    assert verdict(unsure, **rule)[0] is Decision.INCONCLUSIVE


def test_one_bad_site_refuses_a_model_that_is_better_on_average() -> None:
    rules = GateRules(
        name="farm",
        rules=(
            GateRule(metric="map50", worse_by_at_most=0.0),
            GateRule(metric="map50", slices=("site=*",), worse_by_at_most=0.05, inconclusive_passes=True),
        ),
    )
    better, worse = Figure(value=0.1, low=0.05, high=0.15), Figure(value=-0.3, low=-0.4, high=-0.2)
    measured = [
        told(0.6, change=better),
        told(0.7, where="site=a", change=better),
        told(0.2, where="site=b", change=worse),
    ]
    result = decide(rules, measured)
    assert result.decision is Decision.REFUSE
    assert [(r.slice, r.verdict) for r in result.reasons] == [
        ("site=b", Verdict.FAILED), ("all", Verdict.PASSED), ("site=a", Verdict.PASSED)
    ]  # fmt: skip


def test_a_rule_demands_something() -> None:
    with pytest.raises(ValidationError, match="at_least"):
        GateRule(metric="map50")
