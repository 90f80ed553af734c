"""Withdrawal clocks of treatments, in degree-days of the water that was measured where the fish were."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Protocol

from aquaculture.withdrawal import Withdrawal as Prescription
from aquaculture.withdrawal import WithdrawalState, withdrawal_state
from cloud.auth.dependencies import Principal
from cloud.farms.service import find_site_id
from cloud.husbandry.books import entry_of
from cloud.husbandry.repository import HusbandryRepository
from cloud.husbandry.rules import Entry, bound_units
from cloud.husbandry.schemas import Withdrawal
from cloud.kit.repository import ReadConnection, WriteConnection

LOOK_BACK = timedelta(days=5 * 366)
"""How long treatments are looked at: medicine records are kept for five years (Regulation (EU) 2019/6 article 108) [K]."""


class DailyTemperatures(Protocol):
    """Measured mean water temperature by unit id and UTC day, in Cel; days without a measurement are absent."""

    async def __call__(
        self, connection: ReadConnection | WriteConnection, unit_ids: Collection[int], first: date, last: date
    ) -> dict[tuple[int, date], float]:
        """Of these units, from ``first`` to ``last``, both included."""
        ...


async def list_withdrawals(
    reader: ReadConnection, user: Principal, site: str, temperatures: DailyTemperatures, now: datetime
) -> list[Withdrawal]:
    """Treatments at a site whose withdrawal still runs, and what they hold back.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    repository = HusbandryRepository(reader, user.scope)
    running = await clocks(repository, reader, site_id, temperatures, now)
    return [clock for clock in running if not clock.cleared]


async def clocks(
    repository: HusbandryRepository,
    connection: ReadConnection | WriteConnection,
    site_id: int,
    temperatures: DailyTemperatures,
    at: datetime,
) -> list[Withdrawal]:
    """The withdrawal clocks of a site's treatments at a moment."""
    rows = await repository.valid(site_id, ("treatment", "transfer"), since=at - LOOK_BACK)
    entries = [entry_of(row) for row in rows]
    treatments = [entry for entry in entries if entry.kind == "treatment" and entry.occurred_at <= at]
    if not treatments:
        return []
    transfers = [entry for entry in entries if entry.kind == "transfer"]
    units = await repository.units(site_id)
    found = []
    for treatment in treatments:
        holds = sorted(bound_units(treatment, transfers, at))
        ended_at = datetime.fromisoformat(treatment.body["ended_at"])
        measured = await temperatures(connection, [units[unit]["id"] for unit in holds], ended_at.date(), at.date())
        state = _state(treatment, ended_at, measured, at)
        found.append(_withdrawal(treatment, holds, ended_at, state))
    return found


def _state(
    treatment: Entry, ended_at: datetime, measured: Mapping[tuple[int, date], float], at: datetime
) -> WithdrawalState:
    """Where fish of one treatment are in several units, each day counts as the coldest of them."""
    daily: dict[date, float] = {}
    for (_, day), mean_c in measured.items():
        daily[day] = min(mean_c, daily.get(day, mean_c))
    needed = Prescription(treatment.body["withdrawal_degree_days"], treatment.body["withdrawal_days"])
    return withdrawal_state(needed, ended_at, daily, at)


def _withdrawal(treatment: Entry, holds: list[str], ended_at: datetime, state: WithdrawalState) -> Withdrawal:
    return Withdrawal(
        treatment=treatment.id,
        product=treatment.body["product"],
        unit=treatment.unit or "",
        holds=holds,
        ended_at=ended_at,
        needed_degree_days=treatment.body["withdrawal_degree_days"],
        degree_days=state.degree_days,
        needed_days=treatment.body["withdrawal_days"],
        days=state.days,
        unmeasured_days=state.unmeasured_days,
        cleared=state.cleared,
        clears_on=state.clears_on,
    )
