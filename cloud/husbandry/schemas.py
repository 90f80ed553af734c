"""Batches and the diary on the HTTP API."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from aquaculture.lice import Verdict
from cloud.husbandry.records import AnyRecord, Code, Name, Remark
from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime


class Recorded(ApiModel):
    """A record as it stands in the diary."""

    site: str
    record: AnyRecord
    recorded_at: UtcDatetime
    recorded_by: str
    struck_at: UtcDatetime | None = None
    """Struck out: it counts nothing, and stays readable."""
    struck_by: str | None = None
    struck_because: str | None = None


class RecordPage(Page[Recorded]):
    """Some records, newest first."""


class Change(ApiModel):
    """One line of a record's history."""

    change: str
    changed_at: UtcDatetime
    actor: str
    origin: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class RecordHistory(ApiModel):
    """A record and everything that was done to it."""

    recorded: Recorded
    changes: list[Change]


class Strike(ApiModel):
    """Why a record is struck out."""

    model_config = ConfigDict(extra="forbid")

    reason: Name


class NewBatch(ApiModel):
    """A batch to follow."""

    model_config = ConfigDict(extra="forbid")

    code: Code
    species: Annotated[str, Field(pattern=r"^[a-z][a-z_]{1,63}$")]
    """Code as in the limits for fish, e.g. ``salmo_salar``."""
    origin: Remark = ""


class Holding(ApiModel):
    """Fish of one batch in one unit."""

    site: str
    unit: str
    batch: str
    count: int
    mean_weight_g: float | None
    biomass_kg: float | None
    density_kg_m3: float | None
    """Null without a weight or a volume."""


class Batch(ApiModel):
    """A batch and where its fish are."""

    id: int
    code: str
    species: str
    origin: str
    stocked: int
    dead: int
    harvested: int
    present: int
    holdings: list[Holding]
    """Units that hold some of it now."""


class BatchPage(Page[Batch]):
    """Some batches, by code."""


class Withdrawal(ApiModel):
    """A treatment whose withdrawal binds fish of the unit or of those they were moved to."""

    treatment: UUID
    product: str
    unit: str
    """Where the treatment was."""
    holds: list[str]
    """Units whose fish may not be harvested for it."""
    ended_at: UtcDatetime
    needed_degree_days: float
    degree_days: float
    """Counted so far, from measured temperatures."""
    needed_days: float
    days: float
    unmeasured_days: int
    """Days without a temperature, which count nothing."""
    cleared: bool
    clears_on: date | None


class LiceStatus(ApiModel):
    """Lice of one pen against the limit of its region."""

    record: UUID
    unit: str
    occurred_at: UtcDatetime
    fish: int
    adult_females: float
    """Per fish."""
    low: float
    """Lower end of the 95 % interval (Poisson, Garwood)."""
    high: float
    mobile: float
    attached: float
    limit: float | None
    limit_source: str | None
    verdict: Verdict | None
    enough_fish: bool
    """At least 20, as the authority asks."""


class RowFault(ApiModel):
    """What is wrong with one row of a file."""

    row: int
    """Line in the file; the header is 1."""
    field: str
    value: str
    message: str


class Imported(ApiModel):
    """What an import did, or would do. Either every row is in, or none."""

    rows: int
    recorded: int
    repeated: int
    """Rows that were in the diary already."""
    faults: list[RowFault]
    """The first hundred."""
    dry_run: bool
