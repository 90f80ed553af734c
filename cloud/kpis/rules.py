"""Figures of a farm from its books, feed, water and streams. Pure: what was read goes in, judged figures come out.

A figure that cannot be told is not guessed: it comes without a value and says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from aquaculture.compliance import TARGET_PERCENT
from aquaculture.growth import condition_factor, specific_growth_rate_percent_day, thermal_growth_coefficient
from aquaculture.production import BiomassChange, cumulative_mortality_percent, fcr_biological, fcr_economic
from aquaculture.ranges import OutOfRangeError
from cloud.kpis.account import Account, Growth

MEASURED_DAYS = 0.8
"""Share of days with a measured temperature from which degree-days are told; the others count as the mean of these."""


class KpiVerdict(str, Enum):
    """How a figure stands to its target."""

    MET = "met"
    MISSED = "missed"
    NO_TARGET = "no_target"
    MISSING = "missing"


@dataclass(frozen=True)
class Target:
    """What a figure shall be: below ``value``, or at least."""

    value: float
    below: bool

    def met_by(self, value: float) -> bool:
        """Whether it is."""
        return value < self.value if self.below else value >= self.value


@dataclass(frozen=True)
class Figure:
    """One figure: ``value`` None comes with ``missing``, the reason in words."""

    name: str
    label: str
    ucum: str
    value: float | None
    target: Target | None
    computed_from: tuple[str, ...]
    missing: str | None = None

    @property
    def verdict(self) -> KpiVerdict:
        """Against the target."""
        if self.value is None:
            return KpiVerdict.MISSING
        if self.target is None:
            return KpiVerdict.NO_TARGET
        return KpiVerdict.MET if self.target.met_by(self.value) else KpiVerdict.MISSED


@dataclass(frozen=True)
class Sample:
    """Fish that were weighed and measured."""

    fish: int
    weight_g: float
    length_cm: float


@dataclass(frozen=True)
class Feed:
    """Feed of a period; ``unclear`` says why it cannot be told for this batch."""

    given_kg: float
    uneaten_kg: float
    feedings: int
    unclear: str | None = None


@dataclass(frozen=True)
class Share:
    """Part of a time: ``told`` of ``of`` buckets, in ``bucket`` words; of this many channels."""

    told: int
    of: int
    bucket: str
    channels: int
    judged_by: tuple[str, ...] = ()
    """In words, whose limits decided."""
    unjudged: tuple[str, ...] = ()
    """Quantities measured without a limit."""


@dataclass(frozen=True)
class Facts:
    """Everything that the figures of one period are made of."""

    account: Account
    feed: Feed
    samples: Sequence[Sample]
    temperatures_c: Mapping[tuple[str, date], float]
    """Daily mean by unit slug and UTC day."""
    water: Share
    streams: Share
    volume_m3: float | None
    days: float
    cost: float | None


def figures(facts: Facts) -> list[Figure]:
    """Every figure, in the order in which people read them."""
    return [
        *_survival(facts.account),
        *_conversion(facts),
        _sgr(facts.account.growth),
        _tgc(facts.account.growth, facts.temperatures_c),
        _condition(facts.samples),
        *_production(facts),
        _share("water_quality_compliance", "Water within its limits", facts.water, Target(TARGET_PERCENT, below=False)),
        _share("stream_uptime", "Hours with readings", facts.streams, None),
    ]


def _survival(account: Account) -> list[Figure]:
    target = Target(5.0, below=True)
    made = (
        f"{account.dead} dead of {account.exposed} fish: {account.opening} at the start and {account.came} that came",
    )
    if account.exposed:
        mortality = _try(
            "mortality",
            "Mortality",
            "%",
            lambda: cumulative_mortality_percent(account.dead, account.exposed),
            made,
            target,
        )
    else:
        mortality = Figure("mortality", "Mortality", "%", None, target, made, "no fish in this time")
    survival = Figure(
        "survival",
        "Survival",
        "%",
        None if mortality.value is None else 100 - mortality.value,
        None,
        made,
        mortality.missing,
    )
    return [mortality, survival]


def _conversion(facts: Facts) -> list[Figure]:
    account, feed = facts.account, facts.feed
    change = account.change
    target = Target(1.2, below=True)
    made = [
        f"{feed.given_kg:g} kg of feed given in {feed.feedings} feedings, {feed.uneaten_kg:g} kg of it seen uneaten",
    ]
    if change is not None:
        made.append(f"{change.gain_kg:.1f} kg gained; {account.lost_kg:.1f} kg of fish died or escaped")
    names = (("fcr_biological", "Feed conversion, biological"), ("fcr_economic", "Feed conversion, economic"))
    reason = feed.unclear or ("no feeding was recorded" if not feed.feedings else _weights_missing(account))
    if reason or change is None:
        return [Figure(name, label, "kg/kg", None, target, tuple(made), reason) for name, label in names]
    ratios = (
        lambda: fcr_biological(feed.given_kg, change, account.lost_kg),
        lambda: fcr_economic(feed.given_kg, change),
    )
    return [_try(name, label, "kg/kg", ratio, made, target) for (name, label), ratio in zip(names, ratios, strict=True)]


def _production(facts: Facts) -> list[Figure]:
    account, feed, change = facts.account, facts.feed, facts.account.change
    made: list[str] = []
    if change is not None:
        made = [
            f"{change.opening_kg:.1f} kg at the start, {change.closing_kg:.1f} kg at the end, {change.harvested_kg:.1f} kg"
            f" harvested, {change.culled_kg:.1f} kg culled, {change.moved_out_kg:.1f} kg out, {change.moved_in_kg:.1f} kg in"
        ]
    missing = _weights_missing(account)
    gain = Figure(
        "biomass_gain", "Biomass gained", "kg", change.gain_kg if change else None, None, tuple(made), missing
    )
    given = Figure(
        "feed",
        "Feed given",
        "kg",
        None if feed.unclear else feed.given_kg,
        None,
        (f"{feed.feedings} feedings",),
        feed.unclear,
    )
    volume = facts.volume_m3
    efficiency = Figure(
        "production_efficiency",
        "Biomass gained per volume and day",
        "kg/m3/d",
        change.gain_kg / volume / facts.days if change and volume else None,
        None,
        (*made, f"{volume:g} m³, {facts.days:.1f} days") if volume else tuple(made),
        missing or (None if volume else "the volume of a unit is not known"),
    )
    return [gain, given, efficiency, _cost(facts.cost, change, made, missing)]


def _cost(total: float | None, change: BiomassChange | None, made: Sequence[str], missing: str | None) -> Figure:
    value = None
    if total is None:
        missing = "no costs were given; the API takes those of the period as cost=, in your currency"
    elif change is not None and change.gain_kg > 0:
        value = total / change.gain_kg
        made = (*made, f"costs of {total:g}, as given with the question")
    else:
        missing = missing or "nothing was gained to divide by"
    return Figure("cost_per_kg", "Cost per kg gained", "1/kg", value, None, tuple(made), missing)


def _sgr(growth: Sequence[Growth]) -> Figure:
    rates = [(each.fish, specific_growth_rate_percent_day(each.start_g, each.end_g, _days(each))) for each in growth]
    made = tuple(_words(each) for each in growth)
    missing = None if growth else "fish were not weighed twice"
    return Figure("sgr", "Specific growth rate", "%/d", _mean(rates), None, made, missing)


def _tgc(growth: Sequence[Growth], temperatures_c: Mapping[tuple[str, date], float]) -> Figure:
    rates, made, faults = [], [], []
    for each in growth:
        days = [each.start.date() + timedelta(days=n) for n in range(round(_days(each)))]
        measured = [temperatures_c[each.unit, day] for day in days if (each.unit, day) in temperatures_c]
        if not days or len(measured) < MEASURED_DAYS * len(days):
            faults.append(f"the temperature of {each.unit} was measured on {len(measured)} of {len(days)} days")
            continue
        degree_days = sum(max(0.0, mean_c) for mean_c in measured) / len(measured) * len(days)
        try:
            rates.append((each.fish, thermal_growth_coefficient(each.start_g, each.end_g, degree_days)))
        except OutOfRangeError as error:
            faults.append(str(error))
            continue
        made.append(f"{_words(each)}, {degree_days:.0f} degree-days measured on {len(measured)} of {len(days)} days")
    missing = None if rates else "; ".join(faults) or "fish were not weighed twice"
    return Figure("tgc", "Thermal growth coefficient (grams)", "1", _mean(rates), None, tuple(made), missing)


def _condition(samples: Sequence[Sample]) -> Figure:
    fish = sum(sample.fish for sample in samples)

    def mean() -> float:
        return sum(each.fish * condition_factor(each.weight_g, each.length_cm) for each in samples) / fish

    name, label = "condition_factor", "Condition factor"
    if not fish:
        return Figure(name, label, "1", None, None, (), "no fish were both weighed and measured")
    return _try(name, label, "1", mean, (f"{fish} fish in {len(samples)} samples",), None)


def _share(name: str, label: str, share: Share, target: Target | None) -> Figure:
    value = 100 * share.told / share.of if share.of else None
    made = [f"{share.told} of {share.of} {share.bucket} of {share.channels} channels", *share.judged_by]
    if share.unjudged:
        made.append(f"without a limit: {', '.join(share.unjudged)}")
    return Figure(name, label, "%", value, target, tuple(made), None if share.of else f"no {share.bucket} to judge")


def _try(
    name: str, label: str, ucum: str, compute: Callable[[], float], made: Iterable[str], target: Target | None
) -> Figure:
    try:
        return Figure(name, label, ucum, compute(), target, tuple(made))
    except OutOfRangeError as error:
        return Figure(name, label, ucum, None, target, tuple(made), str(error))


def _weights_missing(account: Account) -> str | None:
    if not account.exposed:
        return "no fish in this time"
    return "; ".join(account.unknown[:5]) or None


def _mean(parts: Sequence[tuple[int, float]]) -> float | None:
    fish = sum(count for count, _ in parts)
    return sum(count * value for count, value in parts) / fish if fish else None


def _days(growth: Growth) -> float:
    return (growth.end - growth.start) / timedelta(days=1)


def _words(growth: Growth) -> str:
    return (
        f"{growth.batch} in {growth.unit}: {growth.start_g:g} g on {_day(growth.start)}, {growth.end_g:g} g on"
        f" {_day(growth.end)}"
    )


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
