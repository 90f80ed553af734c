"""What the dashboard's forms repeat of the server's rules is what the server has."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest

from aquaculture.causes import CAUSES
from aquaculture.lice import MIN_FISH
from aquaculture.welfare import INDICATORS, SCORES
from cloud.husbandry.records import (
    Feeding,
    Harvest,
    LiceCount,
    Mortality,
    Note,
    Stocking,
    Transfer,
    Treatment,
    WeightSample,
    WelfareSample,
)
from cloud.rollouts.plan import Plan
from tests.servers.presence import ROOT

FORMS = (ROOT / "cloud" / "dashboard" / "src" / "features" / "husbandry" / "forms.ts").read_text(encoding="utf-8")

KINDS = {
    model.model_fields["kind"].default: model
    for model in (
        Mortality,
        Feeding,
        Treatment,
        WeightSample,
        LiceCount,
        WelfareSample,
        Stocking,
        Transfer,
        Harvest,
        Note,
    )
}


def constant(name: str) -> Any:
    """A literal of the file, as JSON has it. What is no plain literal any more fails here rather than comparing nothing."""
    found = re.search(
        rf"^(?:export )?const {name}\b[^=]*= ([\[{{].*?^[\]}}])(?: as const)?;$", FORMS, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"forms.ts has no constant {name} any more"
    text = re.sub(r"^(\s*)(\w+):", r'\1"\2":', found[1].replace("'", '"'), flags=re.MULTILINE)
    return json.loads(re.sub(r",(\s*[\]}])", r"\1", text))


def test_causes_of_death_are_offered_in_both_levels_as_records_take_them() -> None:
    offered = constant("CAUSES")
    assert {cause: tuple(details) for cause, details in offered.items()} == dict(CAUSES)
    assert list(offered) == list(CAUSES), "in the same order"


def test_indicators_of_welfare_are_those_that_records_take() -> None:
    assert constant("INDICATORS") == list(INDICATORS)


def test_topics_of_notes_are_those_that_records_take() -> None:
    assert constant("TOPICS") == list(get_args(Note.model_fields["topic"].annotation))


def test_fish_are_counted_by_the_scores_that_there_are() -> None:
    scores = re.search(r"function scoresOf.*?= \[(.*?)\]\.map", FORMS, re.DOTALL)
    assert scores is not None
    assert [int(score.strip(" '")) for score in scores[1].split(",")] == list(SCORES)


def form(kind: str) -> str:
    """What a form asks for, as the file has it."""
    forms = FORMS[FORMS.index("export const FORMS = {") : FORMS.index("} as const satisfies")]
    found = re.search(rf"^  {kind}: (.*?)(?=^  \w+: \[|\Z)", forms, re.MULTILINE | re.DOTALL)
    assert found is not None, f"forms.ts has no form of a {kind} any more"
    return found[1]


def test_a_count_of_lice_starts_with_as_many_fish_as_make_it_count() -> None:
    start = re.search(r"\{ name: 'fish'.*?start: '(\d+)'", form("lice_count"))
    assert start is not None
    assert int(start[1]) == MIN_FISH


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_form_asks_for_what_its_record_has_and_for_all_that_it_needs(kind: str) -> None:
    text = form(kind)
    asked = set(re.findall(r"name: '(\w+)'", text))
    asked |= {name.lower() for name in re.findall(r"\b(UNIT|BATCH|NOTE)\b", text)}
    fields = KINDS[kind].model_fields
    assert asked <= set(fields), "the record has no such field"
    needed = {name for name, field in fields.items() if field.is_required()} - {"id", "occurred_at"}
    assert needed <= asked, "the server refuses a record without it"


def test_every_form_is_looked_at() -> None:
    forms = FORMS[FORMS.index("export const FORMS = {") : FORMS.index("} as const satisfies")]
    assert set(re.findall(r"^  (\w+): \[", forms, re.MULTILINE)) == set(KINDS)


def test_a_rollout_of_ones_own_plan_begins_with_the_shipped_one() -> None:
    rules = (ROOT / "cloud" / "dashboard" / "src" / "features" / "rollouts" / "rules.ts").read_text(encoding="utf-8")
    text = rules[rules.index("export const DEFAULT_PLAN") : rules.index("as const satisfies PlanDraft")]
    plan = Plan()
    assert re.search(r"shadowH: '([\d.]+)'", text)[1] == f"{plan.shadow_s / 3600:g}"  # type: ignore[index]
    waves = [(name, float(share), float(hours)) for name, share, hours in re.findall(_WAVE, text)]
    assert waves == [(wave.name, wave.share * 100, wave.bake_s / 3600) for wave in plan.waves]
    gates = [tuple(each) for each in re.findall(_GATE, text)]
    assert gates == [
        (gate.metric.value, *("" if limit is None else f"{limit:g}" for limit in (gate.at_least, gate.at_most)))
        for gate in plan.gates
    ]


_WAVE = r"name: '(\w+)', percent: '([\d.]+)', bakeH: '([\d.]+)'"
_GATE = r"metric: '(\w+)', atLeast: '([\d.]*)', atMost: '([\d.]*)'"
