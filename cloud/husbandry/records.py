"""Records of the diary: one model per kind, told apart by ``kind``.

Numbers that cannot be are refused here, by name; what needs the other records (are there that many fish?) in ``rules``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field, TypeAdapter, model_validator

from aquaculture.causes import cause_fault
from aquaculture.welfare import INDICATORS, welfare_share
from cloud.kit.schemas import ApiModel
from contracts.base import Slug, UtcDatetime

PLAIN = r"^[^\x00]*$"
"""PostgreSQL stores no NUL character."""
Fish: TypeAlias = Annotated[int, Field(ge=1, le=100_000_000)]
Grams: TypeAlias = Annotated[float, Field(gt=0, le=200_000)]
Text: TypeAlias = Annotated[str, Field(max_length=2000, pattern=PLAIN)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=PLAIN)]
Remark: TypeAlias = Annotated[str, Field(max_length=200, pattern=PLAIN)]
Code: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]


class _Record(ApiModel):
    """What every record says."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: UtcDatetime
    note: Text = ""


class _OfBatch(_Record):
    batch: Code
    """Code of the batch."""
    unit: Slug
    """Slug of the unit."""
    count: Fish
    mean_weight_g: Grams | None = None
    """Mean weight in grams; null keeps the weight that the book has."""


class Stocking(_OfBatch):
    """Fish come into a unit."""

    kind: Literal["stocking"] = "stocking"
    supplier: Remark = ""


class Transfer(_OfBatch):
    """Fish move to another unit of the site; grading and splitting are transfers."""

    kind: Literal["transfer"] = "transfer"
    to_unit: Slug

    @model_validator(mode="after")
    def _moves(self) -> Transfer:
        if self.to_unit == self.unit:
            raise ValueError(f"to_unit = {self.to_unit!r} is the unit itself; name another one")
        return self


class Harvest(_OfBatch):
    """Fish are taken out for sale. Refused while a treatment's withdrawal is not over."""

    kind: Literal["harvest"] = "harvest"
    destination: Remark = ""


class Cull(_OfBatch):
    """Fish are killed and taken out on purpose."""

    kind: Literal["cull"] = "cull"
    reason: Name


class Escape(_OfBatch):
    """Fish are lost alive."""

    kind: Literal["escape"] = "escape"
    reason: Name


class Mortality(_OfBatch):
    """Dead and moribund fish, with their cause in two levels (``aquaculture.causes``)."""

    kind: Literal["mortality"] = "mortality"
    cause: str
    """Main cause; ``unknown`` is allowed and is itself watched."""
    detail: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Mortality:
        fault = cause_fault(self.cause, self.detail)
        if fault is not None:
            raise ValueError(fault)
        return self


class Adjustment(_Record):
    """A count differs from the book."""

    kind: Literal["adjustment"] = "adjustment"
    batch: Code
    unit: Slug
    count: Annotated[int, Field(ge=-100_000_000, le=100_000_000)]
    """Counted minus booked fish: negative when fish are missing."""
    reason: Name

    @model_validator(mode="after")
    def _changes(self) -> Adjustment:
        if self.count == 0:
            raise ValueError("count = 0 changes nothing; leave the adjustment out")
        return self


class Feeding(_Record):
    """Feed given to a unit, by lot."""

    kind: Literal["feeding"] = "feeding"
    unit: Slug
    product: Name
    lot: Name
    """Lot number on the bag: traceability needs it."""
    amount_kg: Annotated[float, Field(gt=0, le=1_000_000)]
    uneaten_kg: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0

    @model_validator(mode="after")
    def _eaten(self) -> Feeding:
        if self.uneaten_kg > self.amount_kg:
            raise ValueError(f"uneaten_kg = {self.uneaten_kg} is more than amount_kg = {self.amount_kg}; check both")
        return self


class WeightSample(_Record):
    """Fish weighed (and measured)."""

    kind: Literal["weight_sample"] = "weight_sample"
    batch: Code
    unit: Slug
    fish: Fish
    mean_weight_g: Grams
    sd_weight_g: Annotated[float, Field(ge=0, le=200_000)] | None = None
    mean_length_cm: Annotated[float, Field(gt=0, le=500)] | None = None


class Treatment(_Record):
    """A treatment of all fish in a unit, with the withdrawal that its prescription asks for."""

    kind: Literal["treatment"] = "treatment"
    unit: Slug
    product: Name
    active_substance: Name
    dose: Name
    reason: Name
    prescriber: Name
    ended_at: UtcDatetime
    """End of the treatment; the withdrawal counts from here."""
    withdrawal_degree_days: Annotated[float, Field(ge=0, le=10_000)]
    """K.d that must pass before harvest; 0 has to be said."""
    withdrawal_days: Annotated[float, Field(ge=0, le=1000)] = 0.0

    @model_validator(mode="after")
    def _ends(self) -> Treatment:
        if self.ended_at < self.occurred_at:
            raise ValueError("ended_at is before occurred_at, the start of the treatment; check both")
        return self


class LiceCount(_Record):
    """Sea lice on a sample of fish of one pen, as totals over the sample."""

    kind: Literal["lice_count"] = "lice_count"
    unit: Slug
    fish: Annotated[int, Field(ge=1, le=100_000)]
    adult_females: Annotated[int, Field(ge=0, le=10_000)]
    mobile: Annotated[int, Field(ge=0, le=10_000)]
    attached: Annotated[int, Field(ge=0, le=10_000)]
    sea_temperature_c: Annotated[float, Field(ge=-3, le=35)] | None = None


class WelfareSample(_Record):
    """How many fish of a sample had each score of one indicator (FISHWELL, ``aquaculture.welfare``)."""

    kind: Literal["welfare_sample"] = "welfare_sample"
    unit: Slug
    indicator: str
    scores: dict[Literal["0", "1", "2", "3"], Annotated[int, Field(ge=0, le=100_000)]]

    @model_validator(mode="after")
    def _known(self) -> WelfareSample:
        if self.indicator not in INDICATORS:
            raise ValueError(f"unknown indicator {self.indicator!r}; use one of {', '.join(INDICATORS)}")
        welfare_share({int(score): fish for score, fish in self.scores.items()})
        return self


class CalibrationRecord(_Record):
    """A sensor was checked or calibrated against a reference."""

    kind: Literal["calibration"] = "calibration"
    unit: Slug
    sensor: Name
    """Serial number or channel."""
    reference: float
    before: float
    after: float | None = None
    """What it showed after the calibration; null when it was only checked."""


class Note(_Record):
    """Anything else worth knowing later: cleaning, net change, visitors, weather."""

    kind: Literal["note"] = "note"
    unit: Slug | None = None
    topic: Literal[
        "note", "cleaning", "net_change", "grading", "vaccination", "visitor", "maintenance", "diagnosis"
    ] = "note"

    @model_validator(mode="after")
    def _says_something(self) -> Note:
        if not self.note.strip():
            raise ValueError("note is empty; write what happened")
        return self


AnyRecord: TypeAlias = Annotated[
    Stocking
    | Transfer
    | Harvest
    | Cull
    | Escape
    | Mortality
    | Adjustment
    | Feeding
    | WeightSample
    | Treatment
    | LiceCount
    | WelfareSample
    | CalibrationRecord
    | Note,
    Field(discriminator="kind"),
]
"""One record of the diary."""

RECORDS: TypeAdapter[Any] = TypeAdapter(AnyRecord)
Kind: TypeAlias = Literal[
    "stocking", "transfer", "harvest", "cull", "escape", "mortality", "adjustment", "feeding", "weight_sample", "treatment",
    "lice_count", "welfare_sample", "calibration", "note",
]  # fmt: skip
COMMON = frozenset({"id", "kind", "occurred_at", "unit", "to_unit", "batch"})
"""Fields that are columns of their own."""
