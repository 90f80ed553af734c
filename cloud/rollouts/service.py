"""Asking for rollouts, watching them, and ordering what the controller then does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

from cloud.auth.dependencies import Principal
from cloud.db.audit import EVENT
from cloud.errors import ConflictError, InvalidCursorError, InvalidRangeError, NotFoundError
from cloud.farms.service import find_site_id, get_unit
from cloud.kit.ids import decode_cursor, decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.rollouts.back_cast import Change, Count, bucket
from cloud.rollouts.plan import Plan
from cloud.rollouts.repository import ReachRepository, RolloutRepository
from cloud.rollouts.schemas import (
    Approval,
    CountBucket,
    CountResolution,
    CountSeries,
    DecisionPage,
    DecisionView,
    DesiredView,
    DeviceStanding,
    DeviceStandingPage,
    DeviceView,
    GateStanding,
    ModelChange,
    ModelChanges,
    NewRollout,
    Order,
    OrderKind,
    ReportedView,
    RolloutDevicePage,
    RolloutPage,
    RolloutSummary,
    RolloutView,
    RunningView,
    StandingView,
    WaveView,
)
from cloud.rollouts.standings import Runs, Said, Standing, Wish, standings, wish
from contracts.deployments import SHADOW_OF, ArtifactKind, agent_sha256

MOST_CHANGES = 500
"""Changes of models that one answer holds."""
WIDTH = {
    CountResolution.FIVE_MINUTES: timedelta(minutes=5),
    CountResolution.HOUR: timedelta(hours=1),
    CountResolution.DAY: timedelta(days=1),
}
LONGEST = {
    CountResolution.FIVE_MINUTES: timedelta(days=3),
    CountResolution.HOUR: timedelta(days=31),
    CountResolution.DAY: timedelta(days=92),
}
"""Of a chart of counts: a camera tells one every ten seconds, and all of them are gone through."""
REPORTS_READ = 50
"""Status reports of a device that are gone through for what it has verified: those of its last few deployments."""
HEARTBEATS = timedelta(days=7)
"""A heartbeat older than this is not read: nobody knows what such a device runs now."""
_KIND_OF = {shadow: kind for kind, shadow in SHADOW_OF.items()}
_OVER = frozenset({"refused", "rolled_back", "canceled"})


async def ask(
    writer: WriteConnection, user: Principal, new: NewRollout, now: datetime, *, two_people: bool = False
) -> RolloutView:
    """Ask for a rollout; the controller begins it within seconds, or refuses it with the reason.

    With ``two_people``, or where its author wishes it, it waits for somebody else's approval first.

    Raises:
        NotFoundError: a site or group is not theirs.
    """
    repository = RolloutRepository(writer, user.scope)
    site_ids = await reach(repository, user, new.sites, new.groups)
    rollout_id = uuid4()
    await repository.add(
        {
            "id": rollout_id,
            "name": new.name,
            "kind": new.kind.value,
            "model": new.model,
            "version": new.version,
            "back_to": new.back_to,
            "plan": new.plan.model_dump(mode="json"),
            "site_ids": site_ids,
            "groups": new.groups,
            "tags": new.tags,
            "leave_out": new.leave_out_incompatible,
            "seed": new.seed,
            "status": "proposed" if two_people or new.second_person else "asked",
            "created_at": now,
            "created_by": user.email,
        }
    )
    await writer.execute(
        EVENT,
        {"subject": "rollout", "key": f'{{"id": "{rollout_id}"}}', "detail": new.model_dump_json()},
    )
    return await _view(repository, await _found(repository, rollout_id))


async def reach(
    repository: ReachRepository, user: Principal, sites: list[str] | None, groups: list[str] | None
) -> list[int] | None:
    """Sites that something is for, by what was asked; None for all of the organization.

    Raises:
        NotFoundError: a site or group is not theirs.
    """
    site_ids = None
    if sites is not None or user.site_ids is not None:
        known = await repository.sites(sites)
        for slug in sites or ():
            if slug not in known:
                raise NotFoundError(f"There is no site {slug}")
        site_ids = sorted(known.values())
    for group in set(groups or ()) - await repository.groups(groups or []):
        raise NotFoundError(f"There is no group {group}")
    return site_ids


async def approve(
    writer: WriteConnection, user: Principal, rollout_id: UUID, approval: Approval, now: datetime
) -> RolloutView:
    """A second person agrees; the controller begins it within seconds.

    Raises:
        NotFoundError: there is no such rollout of theirs.
        ConflictError: it waits for nobody, or for somebody else than its author.
    """
    repository = RolloutRepository(writer, user.scope)
    row = await _found(repository, rollout_id)
    if row["status"] != "proposed":
        raise ConflictError(f"This rollout is {row['status']}; it waits for nobody's approval")
    if row["created_by"] == user.email:
        raise ConflictError("Whoever proposed a rollout cannot approve it; ask another fleet admin")
    if not await repository.approve(rollout_id, user.email, now):
        raise ConflictError("Somebody else has just decided on this rollout")
    words = f"approved by {user.email}" + (f": {approval.reason}" if approval.reason else "")
    await repository.note(rollout_id, words, now)
    await writer.execute(
        EVENT,
        {"subject": "rollout", "key": f'{{"id": "{rollout_id}"}}', "detail": json.dumps({"approved": True})},
    )
    return await _view(repository, await _found(repository, rollout_id))


async def list_rollouts(reader: ReadConnection, user: Principal, page: PageQuery) -> RolloutPage:
    """Newest first."""
    before = None
    if page.cursor is not None:
        moment, key = decode_moment_cursor(page.cursor)
        try:
            before = (moment, UUID(key))
        except ValueError:
            raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from None
    rows = await RolloutRepository(reader, user.scope).rollouts(before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["created_at"].isoformat(), str(row["id"])))
    return RolloutPage(items=[RolloutSummary(**row) for row in shown], next_cursor=cursor)


async def show(reader: ReadConnection, user: Principal, rollout_id: UUID) -> RolloutView:
    """One rollout.

    Raises:
        NotFoundError: there is none of theirs.
    """
    repository = RolloutRepository(reader, user.scope)
    return await _view(repository, await _found(repository, rollout_id))


async def list_devices(reader: ReadConnection, user: Principal, rollout_id: UUID, page: PageQuery) -> RolloutDevicePage:
    """Devices by site and name."""
    repository = RolloutRepository(reader, user.scope)
    await _found(repository, rollout_id)
    after = None
    if page.cursor is not None:
        site, device = decode_cursor(page.cursor, 2)
        after = (site, device)
    rows = await repository.devices(rollout_id, after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["site"], row["device"]))
    return RolloutDevicePage(items=[_device(row) for row in shown], next_cursor=cursor)


async def model_changes(
    reader: ReadConnection, user: Principal, unit_id: int, start: datetime, end: datetime
) -> ModelChanges:
    """When another model began to look at a unit, for charts of what models count.

    Raises:
        NotFoundError: there is no such unit of theirs.
    """
    unit = await get_unit(reader, user, unit_id)
    repository = RolloutRepository(reader, user.scope)
    of_boxes = await repository.model_changes(unit.id, start, end, rows=MOST_CHANGES + 1)
    of_trials = await repository.trial_changes(unit.id, start, end, rows=MOST_CHANGES + 1)
    rows = sorted([*of_boxes, *of_trials], key=lambda row: row["at"], reverse=True)
    items = [_change(row) for row in reversed(rows[:MOST_CHANGES])]
    return ModelChanges(items=items, cut=len(rows) > MOST_CHANGES)


async def counts(
    reader: ReadConnection,
    user: Principal,
    unit_id: int,
    start: datetime,
    end: datetime,
    *,
    resolution: CountResolution,
    cast_back: bool,
) -> CountSeries:
    """What cameras counted at a unit, and on wish what the newest model would have counted.

    Raises:
        NotFoundError: there is no such unit of theirs.
        InvalidRangeError: the range is empty, reversed or too long.
    """
    if not start < end:
        raise InvalidRangeError(f"start = {start.isoformat()} is not before end = {end.isoformat()}")
    longest = LONGEST[resolution]
    if end - start > longest:
        raise InvalidRangeError(f"{end - start} is longer than {longest.days} days; ask for less at a time")
    marks = await model_changes(reader, user, unit_id, start, end)
    repository = RolloutRepository(reader, user.scope)
    rows = await repository.counts(unit_id, start, end, width=WIDTH[resolution])
    changes = [Change(mark.device, mark.at, mark.sha256, mark.count_ratio) for mark in marks.items]
    known_from = changes[0].at if marks.cut else None
    items = []
    for at, of_bucket in groupby(rows, key=lambda row: row["at"]):
        found = [Count(row["device"], row["last_at"], row["observations"], row["mean"]) for row in of_bucket]
        point = bucket(at, found, changes, known_from=known_from)
        items.append(CountBucket(**asdict(point) | ({} if cast_back else {"cast_back": None})))
    return CountSeries(unit_id=unit_id, resolution=resolution, items=items, changes=marks.items, derived=cast_back)


async def list_standings(
    reader: ReadConnection, user: Principal, site: str | None, page: PageQuery, now: datetime
) -> DeviceStandingPage:
    """Desired, reported, verified and running of every device.

    Raises:
        NotFoundError: there is no such site of theirs.
    """
    site_id = None if site is None else await find_site_id(reader, user, site)
    after = None
    if page.cursor is not None:
        site_slug, slug = decode_cursor(page.cursor, 2)
        after = (site_slug, slug)
    repository = RolloutRepository(reader, user.scope)
    rows = await repository.fleet(site_id=site_id, after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["site"], row["device"]))
    device_ids = [row["id"] for row in shown]
    wishes: dict[int, dict[ArtifactKind, Wish]] = {key: {} for key in device_ids}
    for row in await repository.told(device_ids):
        kind = _KIND_OF.get(row["shadow"])
        found = None if kind is None else wish(kind, row["desired"], row["changed_at"], sent=row["sent"])
        if kind is not None and found is not None:
            wishes[row["device_id"]][kind] = found
    said: dict[int, list[Said]] = {key: [] for key in device_ids}
    for row in await repository.said(device_ids, most=REPORTS_READ):
        one = Said(ArtifactKind(row["kind"]), row["occurred_at"], row["received_at"], row["detail"])
        said[row["device_id"]].append(one)
    running = _running(shown, await repository.runs(device_ids, now - HEARTBEATS), wishes)
    items = [
        DeviceStanding(
            site=row["site"],
            device=row["device"],
            last_seen_at=row["last_seen_at"],
            items=[_standing(one) for one in standings(wishes[row["id"]], said[row["id"]], running[row["id"]])],
        )
        for row in shown
    ]
    return DeviceStandingPage(items=items, next_cursor=cursor)


def _running(
    devices: Sequence[Row], beats: list[Row], wishes: dict[int, dict[ArtifactKind, Wish]]
) -> dict[int, dict[ArtifactKind, Runs]]:
    """By device and kind: by heartbeats, and an agent that nobody released by the version in its birth."""
    found: dict[int, dict[ArtifactKind, Runs]] = {row["id"]: {} for row in devices}
    for row in devices:
        version, at = row["agent_version"], row["status_sent_at"]
        if version is not None and at is not None:
            found[row["id"]][ArtifactKind.AGENT] = Runs(agent_sha256(version), f"agent {version}", at)
    for row in beats:
        of_device, at, model = found[row["device_id"]], row["observed_at"], row["model"]
        if isinstance(model, dict) and "sha256" in model:
            name = f"{model.get('name', '')} {model.get('version', '')}".strip()
            of_device[ArtifactKind.MODEL] = Runs(model["sha256"], name, at)
        if row["config"] is not None:
            of_device[ArtifactKind.CONFIG] = Runs(row["config"], "", at)
        agent, wanted = of_device.get(ArtifactKind.AGENT), wishes[row["device_id"]].get(ArtifactKind.AGENT)
        if agent is not None and row["agent"] is not None:
            a_mere_version = wanted is not None and wanted.sha256 == agent_sha256(wanted.version)
            if not a_mere_version:
                of_device[ArtifactKind.AGENT] = Runs(row["agent"], agent.name, at)
    return found


def _standing(one: Standing) -> StandingView:
    desired, reported, running = one.desired, one.reported, one.running
    words = {} if reported is None else reported.detail
    return StandingView(
        kind=one.kind,
        desired=None if desired is None else DesiredView(**asdict(desired)),
        reported=None
        if reported is None
        else ReportedView(
            at=reported.at,
            stored_at=reported.stored_at,
            deployment=str(words.get("deployment", "")),
            state=str(words.get("state", "")),
            sha256=words.get("sha256"),
            reason=str(words.get("reason") or ""),
            waiting_for=str(words.get("waiting_for") or ""),
            cause=words.get("cause"),
        ),
        running=None if running is None else RunningView(**asdict(running)),
        verified_sha256=one.verified_sha256,
        committed_sha256=one.committed_sha256,
        agrees=one.agrees,
    )


async def list_decisions(reader: ReadConnection, user: Principal, rollout_id: UUID, page: PageQuery) -> DecisionPage:
    """The decision log, newest first."""
    repository = RolloutRepository(reader, user.scope)
    await _found(repository, rollout_id)
    before = None if page.cursor is None else _number(page.cursor)
    rows = await repository.decisions(rollout_id, before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(str(row["id"])))
    return DecisionPage(items=[DecisionView(at=row["at"], words=row["words"]) for row in shown], next_cursor=cursor)


async def order(
    writer: WriteConnection, user: Principal, rollout_id: UUID, wanted: Order, now: datetime
) -> RolloutView:
    """Leave an order for the controller.

    Raises:
        NotFoundError: there is no such rollout of theirs.
        ConflictError: nothing can be ordered of it any more.
    """
    repository = RolloutRepository(writer, user.scope)
    row = await _found(repository, rollout_id)
    if row["status"] in _OVER:
        raise ConflictError(f"This rollout is {row['status']}; nothing can be ordered of it any more")
    if row["status"] == "proposed":
        if wanted.kind is not OrderKind.CANCEL:
            raise ConflictError("This rollout has not begun: a second person must approve it, or cancel it")
        await repository.withdraw(rollout_id, now)
        await repository.note(rollout_id, f"canceled before it began by {user.email}: {wanted.reason}", now)
        return await _view(repository, await _found(repository, rollout_id))
    await repository.order(
        {
            "rollout_id": rollout_id,
            "kind": wanted.kind.value,
            "reason": wanted.reason,
            "ordered_by": user.email,
            "ordered_at": now,
        }
    )
    return await _view(repository, row)


async def _found(repository: RolloutRepository, rollout_id: UUID) -> Row:
    row = await repository.rollout(rollout_id)
    if row is None:
        raise NotFoundError(f"There is no rollout {rollout_id}")
    return row


async def _view(repository: RolloutRepository, row: Row) -> RolloutView:
    plan = Plan.model_validate(row["plan"])
    state: dict[str, Any] = row["state"] or {"waves": [{} for _ in plan.waves], "gates": [], "harm_h": 0.0}
    counts: list[dict[str, int]] = [{} for _ in plan.waves]
    for count in await repository.steps(row["id"]):
        counts[count["wave"]][count["step"]] = count["devices"]
    waves = [
        WaveView(
            name=planned.name,
            share=planned.share,
            began_at=_moment(wave.get("began_at")),
            released_at=_moment(wave.get("released_at")),
            passed_at=_moment(wave.get("passed_at")),
            devices=sum(steps.values()),
            steps=steps,
        )
        for planned, wave, steps in zip(plan.waves, state["waves"], counts, strict=True)
    ]
    sites = None if row["site_ids"] is None else await repository.site_slugs(row["site_ids"])
    return RolloutView(
        **{key: row[key] for key in RolloutSummary.model_fields},
        plan=plan,
        sites=sites,
        groups=row["groups"],
        tags=row["tags"],
        wave=state.get("wave"),
        waves=waves,
        gates=[GateStanding(**gate) for gate in state["gates"]],
        harm_h=state["harm_h"],
    )


def _change(row: Row) -> ModelChange:
    back = row["state"] in {"rolled_back", "withdrawn"}
    forth = row["shadow_count_ratio"]  # candidate over what was active; whoever goes back crosses it the other way
    ratio = None if not forth or forth <= 0 else 1.0 / forth if back or row["back"] else forth
    # A box that went back by itself runs what it had before, which the rollout names; one that was told to, likewise.
    known = {"version": None, "model": row["model"]} if back else {}
    return ModelChange(
        **{key: value for key, value in {**row, **known}.items() if key in ModelChange.model_fields},
        change="rolled_back" if back else "activated",
        count_ratio=ratio,
    )


def _device(row: Row) -> DeviceView:
    numbers = {name: value for name, (value, _) in (row["numbers"] or {}).items()}
    return DeviceView(**{**row, "numbers": numbers})


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


def _number(cursor: str) -> int:
    (text,) = decode_cursor(cursor, 1)
    return int(text) if text.isdecimal() and len(text) <= 18 else 0  # noqa: PLR2004  (digits of a bigint)
