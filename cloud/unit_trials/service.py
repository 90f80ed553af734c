"""Trials in some units: asking, watching, comparing, ending, adopting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal
from uuid import UUID, uuid4

from anyio import to_thread

from cloud.auth.dependencies import Principal
from cloud.db.audit import EVENT
from cloud.errors import BadRequestError, ConflictError, InvalidCursorError, NotFoundError
from cloud.kit.ids import decode_cursor, decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.rollouts import service as rollouts
from cloud.rollouts.schemas import NewRollout, RolloutView
from cloud.unit_trials.plan import TrialGate, TrialPlan
from cloud.unit_trials.repository import UnitTrialRepository
from cloud.unit_trials.rules import SEED, Paired, choose, differences, judge, units_of, why_not, why_too_many
from cloud.unit_trials.schemas import (
    NewUnitTrial,
    TrialAdoption,
    TrialApproval,
    TrialBox,
    TrialBoxPage,
    TrialComparison,
    TrialDifference,
    TrialEnd,
    TrialGateStanding,
    TrialUnit,
    UnitTrialPage,
    UnitTrialSummary,
    UnitTrialView,
)
from contracts.deployments import MOST_TRIAL_UNITS

HEARTBEATS = timedelta(days=7)
"""A heartbeat older than this is not read: nobody knows what such a box runs now."""
HALF = 0.5
ALPHA = 0.05
_ONE_MORE = ("proposed", "asked", "running")


async def ask(
    writer: WriteConnection, user: Principal, new: NewUnitTrial, now: datetime, *, two_people: bool = False
) -> UnitTrialSummary:
    """Ask for a trial; the conductor begins it within seconds, or refuses it with the reason.

    Raises:
        NotFoundError: a site or group is not theirs.
        BadRequestError: more units of one box than it can be told.
    """
    repository = UnitTrialRepository(writer, user.scope)
    named = sorted({one.split("/", 1)[0] for one in new.units or ()})
    sites = (named or None) if new.sites is None else new.sites
    site_ids = await rollouts.reach(repository, user, sites, new.groups)
    for slug in set(named) - set(sites or ()):
        raise NotFoundError(
            f"units: {slug} is none of the sites {', '.join(sites or ())}; name it there, or leave sites out"
        )
    await _fits(repository, new, site_ids)
    trial_id = uuid4()
    await repository.add(
        {
            "id": trial_id,
            **new.model_dump(include={"name", "model", "version", "units", "groups", "tags", "days", "seed"}),
            "share": None if new.units is not None else new.share or HALF,
            "plan": (new.plan or TrialPlan()).model_dump(mode="json"),
            "site_ids": site_ids,
            "status": "proposed" if two_people or new.second_person else "asked",
            "created_at": now,
            "created_by": user.email,
        }
    )
    await _enter(writer, trial_id, new.model_dump_json())
    return await get(writer, user, trial_id)


async def approve(
    writer: WriteConnection, user: Principal, trial_id: UUID, approval: TrialApproval, now: datetime
) -> UnitTrialSummary:
    """A second person agrees; the conductor begins it within seconds.

    Raises:
        NotFoundError: there is no such trial of theirs.
        ConflictError: it waits for nobody, or for somebody else than its author.
    """
    repository = UnitTrialRepository(writer, user.scope)
    row = await _found(repository, trial_id)
    if row["status"] != "proposed":
        raise ConflictError(f"This trial is {row['status']}; it waits for nobody's approval")
    if row["created_by"] == user.email:
        raise ConflictError("Whoever proposed a trial cannot approve it; ask another fleet admin")
    if not await repository.change(trial_id, ("proposed",), status="asked", approved_by=user.email, approved_at=now):
        raise ConflictError("Somebody else has just decided on this trial")
    await _enter(writer, trial_id, json.dumps({"approved": True, "reason": approval.reason}))
    return await get(writer, user, trial_id)


async def end(
    writer: WriteConnection, user: Principal, trial_id: UUID, wanted: TrialEnd, now: datetime
) -> UnitTrialSummary:
    """Give the units back to the models of their boxes.

    Raises:
        NotFoundError: there is no such trial of theirs.
        ConflictError: it has ended.
    """
    repository = UnitTrialRepository(writer, user.scope)
    row = await _found(repository, trial_id)
    begun = row["status"] == "running"
    status, ended_at = ("ending", None) if begun else ("ended", now)
    values = {"status": status, "reason": wanted.reason, "ended_by": user.email, "ended_at": ended_at}
    if row["status"] not in _ONE_MORE:
        raise ConflictError(f"This trial is {row['status']}; it cannot be ended any more")
    if not await repository.change(trial_id, (row["status"],), **values):
        raise ConflictError(
            f"This trial was {row['status']} and has changed in this moment; look at it and order it again"
        )
    await _enter(writer, trial_id, json.dumps({"ended": True, "reason": wanted.reason}))
    return await get(writer, user, trial_id)


async def adopt(
    writer: WriteConnection,
    user: Principal,
    trial_id: UUID,
    wanted: TrialAdoption,
    now: datetime,
    *,
    two_people: bool = False,
) -> RolloutView:
    """Roll its release out to all units of the boxes that it was for: an ordinary rollout, for which boxes end the trial.

    Raises:
        NotFoundError: there is no such trial of theirs.
        ConflictError: it has never begun.
    """
    repository = UnitTrialRepository(writer, user.scope)
    row = await _found(repository, trial_id)
    if row["began_at"] is None:
        raise ConflictError(f"This trial is {row['status']}: nothing has been tried that could be adopted")
    sites = None if row["site_ids"] is None else await repository.site_slugs(row["site_ids"])
    rollout = NewRollout(
        name=f"{row['name']}: adopted"[:200],
        model=row["model"],
        version=row["version"],
        back_to=wanted.back_to,
        sites=sites,
        groups=row["groups"],
        tags=row["tags"],
        # What two people had to agree to for part of the tanks goes to all of them by one person's word only where that is said.
        second_person=row["approved_by"] is not None if wanted.second_person is None else wanted.second_person,
    )
    await _enter(writer, trial_id, json.dumps({"adopted": True}))
    return await rollouts.ask(writer, user, rollout, now, two_people=two_people)


async def get(reader: ReadConnection | WriteConnection, user: Principal, trial_id: UUID) -> UnitTrialSummary:
    """One trial.

    Raises:
        NotFoundError: there is none of theirs.
    """
    return _summary(await _found(UnitTrialRepository(reader, user.scope), trial_id))


async def show(reader: ReadConnection, user: Principal, trial_id: UUID) -> UnitTrialView:
    """One trial with its plan.

    Raises:
        NotFoundError: there is none of theirs.
    """
    row = await _found(UnitTrialRepository(reader, user.scope), trial_id)
    return UnitTrialView(**_summary(row).model_dump(), plan=TrialPlan.model_validate(row["plan"]))


async def list_trials(reader: ReadConnection, user: Principal, page: PageQuery) -> UnitTrialPage:
    """Newest first."""
    before = None
    if page.cursor is not None:
        moment, key = decode_moment_cursor(page.cursor)
        try:
            before = (moment, UUID(key))
        except ValueError:
            raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from None
    rows = await UnitTrialRepository(reader, user.scope).trials(before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["created_at"].isoformat(), str(row["id"])))
    return UnitTrialPage(items=[_summary(row) for row in shown], next_cursor=cursor)


async def list_boxes(
    reader: ReadConnection, user: Principal, trial_id: UUID, page: PageQuery, now: datetime
) -> TrialBoxPage:
    """Boxes by site and name: what should look at each unit, and what does."""
    repository = UnitTrialRepository(reader, user.scope)
    trial = await _found(repository, trial_id)
    after = None
    if page.cursor is not None:
        site, device = decode_cursor(page.cursor, 2)
        after = (site, device)
    rows = await repository.boxes(trial_id, since=now - HEARTBEATS, after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["site"], row["device"]))
    return TrialBoxPage(items=[_box(row, trial) for row in shown], next_cursor=cursor)


async def compare(reader: ReadConnection, user: Principal, trial_id: UUID, now: datetime) -> TrialComparison:
    """Units with the release against the other units of the same boxes.

    Raises:
        NotFoundError: there is no such trial of theirs.
    """
    repository = UnitTrialRepository(reader, user.scope)
    trial = await _found(repository, trial_id)
    sha256 = trial["sha256"] or ""
    hours = await repository.hours(trial_id, sha256, now)
    labelled = await repository.labelled(trial_id, sha256, now)
    during = [row for row in hours if row["during"]]
    found = await to_thread.run_sync(partial(differences, hours, labelled, seed=SEED))  # seconds for a thousand boxes
    return TrialComparison(
        trial_id=trial_id,
        version=trial["version"],
        boxes=len(during),
        hours=sum(row["hours"] for row in during),
        labelled=sum(row["pictures"] for row in labelled),
        differences=[
            _difference("count", found.count, 1.0, ("lower", "higher")),
            _difference("confidence", found.confidence, 0.0, ("lower", "higher")),
            _difference("count_error", found.count_error, 0.0, ("better", "worse")),
        ],
        gates=[_standing(gate, found.of(gate.metric)) for gate in TrialPlan.model_validate(trial["plan"]).gates],
    )


async def _fits(repository: UnitTrialRepository, new: NewUnitTrial, site_ids: list[int] | None) -> None:
    """A trial that some box could never be told is refused before anybody waits for it."""
    rows = await repository.large_boxes(site_ids=site_ids, groups=new.groups, tags=new.tags, most=MOST_TRIAL_UNITS)
    share = None if new.units is not None else new.share or HALF
    named = set(new.units or ())
    for row in rows:
        box, units = f"{row['site']}/{row['device']}", units_of(row["inventory"])
        here = {unit for unit in units if f"{row['site']}/{unit}" in named}
        chosen = choose(units, share=share, named=here, box=box, seed=new.seed)
        why = why_too_many(chosen, of=len(units), box=box, named=share is None)
        if why is not None and why_not(row["inventory"]) is None:  # one that cannot take part is left out
            raise BadRequestError(why)


async def _found(repository: UnitTrialRepository, trial_id: UUID) -> Row:
    row = await repository.trial(trial_id)
    if row is None:
        raise NotFoundError(f"There is no trial {trial_id}")
    return row


async def _enter(writer: WriteConnection, trial_id: UUID, detail: str) -> None:
    await writer.execute(EVENT, {"subject": "unit_trial", "key": f'{{"id": "{trial_id}"}}', "detail": detail})


def _standing(gate: TrialGate, found: Paired) -> TrialGateStanding:
    return TrialGateStanding(
        **gate.model_dump(),
        verdict=judge(gate, found),
        devices=found.boxes,
        mean=found.mean,
        low=found.low,
        high=found.high,
    )


def _summary(row: Row) -> UnitTrialSummary:
    return UnitTrialSummary(**{name: row[name] for name in UnitTrialSummary.model_fields})


def _box(row: Row, trial: Row) -> TrialBox:
    units = [
        _unit(row, unit, in_trial=in_trial)
        for in_trial, of in ((True, row["units"]), (False, row["others"]))
        for unit in of
    ]
    known = all(unit.running_sha256 is not None for unit in units)
    over = row["ended_at"] is not None or trial["ended_at"] is not None
    right = all((unit.running_sha256 == trial["sha256"]) is (unit.in_trial and not over) for unit in units)
    return TrialBox(
        **{name: row[name] for name in ("site", "device", "state", "reason", "active_at", "ended_at", "heard_at")},
        units=sorted(units, key=lambda unit: unit.unit),
        agrees=right if known else None,
    )


def _unit(row: Row, unit: str, *, in_trial: bool) -> TrialUnit:
    model: Mapping[str, Any] = row["unit_models"].get(unit) or row["model"] or {}
    name = f"{model.get('name', '')} {model.get('version', '')}".strip()
    return TrialUnit(unit=unit, in_trial=in_trial, running_sha256=model.get("sha256"), running=name)


def _difference(
    measure: Literal["count", "confidence", "count_error"],
    found: Paired,
    none: float,
    words: tuple[Literal["lower", "better"], Literal["higher", "worse"]],
) -> TrialDifference:
    verdict: Literal["better", "worse", "higher", "lower", "not_told"] = "not_told"
    apart = found.low is not None and found.high is not None and not found.low <= none <= found.high
    # The interval alone would be too sure of a handful of boxes; five can never be so even that it could not be chance.
    if apart and found.p is not None and found.p < ALPHA and found.mean is not None:
        verdict = words[0] if found.mean < none else words[1]
    return TrialDifference(
        measure=measure, boxes=found.boxes, mean=found.mean, low=found.low, high=found.high, p=found.p, verdict=verdict
    )
