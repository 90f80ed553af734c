"""Carries trials in some units out: chooses units, has assignments signed, follows what boxes say, ends them.

Works within the rounds of the rollout controller, which holds the key that signs and sends what devices are told. What it decides is in
the database before a box hears of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection

from cloud.rollouts import holds
from cloud.rollouts import store as shadows
from cloud.rollouts.assigner import ReleaseDesk
from cloud.rollouts.plan import Artifact
from cloud.rollouts.rules import why_not as why_not_it
from cloud.unit_trials import store
from cloud.unit_trials.plan import TrialPlan
from cloud.unit_trials.rules import SEED, choose, differences, units_of, why_not, why_stop, why_too_many, why_worse
from contracts.deployments import TRIAL_SHADOW, ArtifactKind, DeploymentState
from models.releases.errors import ReleaseError

log = structlog.get_logger()

LEASE = timedelta(days=3)
"""How long a box may take to begin, within the time of the trial."""
TELL_AGAIN = timedelta(minutes=5)
"""A box that has not answered for so long is told again: hearing it twice does no harm."""
GRACE = timedelta(days=1)
"""After its signed end a trial is over, whether or not every box could say so: it ends there by itself."""
COMPARE_EVERY = timedelta(hours=1)
"""Between two looks at what a trial shows: whole hours are compared."""
STUCK = "the conductor cannot go on with it: "
NAMED = 5
_S = DeploymentState
_OVER = frozenset({_S.REFUSED.value, _S.ROLLED_BACK.value, _S.WITHDRAWN.value})


class TrialDesk(ReleaseDesk, Protocol):
    """What the conductor needs to have signed."""

    def desired_in_units(
        self,
        release: Artifact,
        *,
        site: str,
        device: str,
        deployment: str,
        units: tuple[str, ...],
        ends_at: datetime,
        lease: timedelta,
        now: datetime,
    ) -> dict[str, Any]:
        """``state.desired`` of the shadow ``trial`` for one device, signed."""


class Conductor:
    """Every organization's trials.

    Args:
        desk: approved releases and signed assignments.
    """

    def __init__(self, desk: TrialDesk) -> None:
        self._desk = desk
        self._compared_at: dict[UUID, datetime] = {}

    def round(self, database: Connection[Any], now: datetime) -> None:
        """One look at all of them, within a transaction; what one of them brings down stops no other."""
        for asked in store.under_way(database):
            with _apart(database, asked, now):
                before = _before(asked)
                if before != asked.reason:
                    store.remark(database, asked.id, before)
                self._look(database, replace(asked, reason=before), now)

    def _look(self, database: Connection[Any], asked: store.Asked, now: datetime) -> None:
        if asked.status == "asked":
            try:
                self._begin(database, asked, now)
            except (CannotBeginError, ReleaseError) as error:
                store.close(database, asked.id, "refused", str(error), now)
            return
        for said in store.hear(database, asked.id):
            store.note(database, asked.id, said, over=said.state in _OVER)
        waiting = store.open_boxes(database, asked.id)
        why = asked.reason if asked.status == "ending" else self._why_stop(database, asked, now)
        if why is not None:
            if asked.status == "running":
                store.stop(database, asked.id, why)
                asked = replace(asked, status="ending", reason=why)
            store.end(database, waiting, why, now)
        if not waiting or (asked.ends_at is not None and now >= asked.ends_at + GRACE):
            parts = ", ".join(f"{state} {count}" for state, count in store.part(database, asked.id).items())
            store.close(database, asked.id, "ended", f"{asked.reason}; boxes: {parts}", now)
            self._compared_at.pop(asked.id, None)
            return
        found = holds.held(database, list(waiting), now)
        told = {device: found[device].holds if device in found else () for device in waiting}
        shadows.tell_holds(database, TRIAL_SHADOW, told, now)
        self._tell_again(database, asked.id, waiting, now)

    def _why_stop(self, database: Connection[Any], asked: store.Asked, now: datetime) -> str | None:
        """Boxes that went back by themselves, at once; and every hour what the trial shows."""
        plan = TrialPlan.model_validate(asked.plan)
        why = why_stop(store.part(database, asked.id), plan)
        if why is not None or now - self._compared_at.get(asked.id, now - COMPARE_EVERY) < COMPARE_EVERY:
            return why
        self._compared_at[asked.id] = now
        return why_worse(differences(*store.compared(database, asked, now), seed=SEED), plan)

    def _begin(self, database: Connection[Any], asked: store.Asked, now: datetime) -> None:
        release = self._desk.release(ArtifactKind.MODEL, asked.model, asked.version)
        if not release.approved:
            raise CannotBeginError(f"the repository has not published {asked.model} {asked.version}")
        if reason := shadows.not_theirs(database, release, asked.organization_id):
            raise CannotBeginError(reason)
        needs = self._desk.needs(release)
        ends_at = now + timedelta(days=asked.days)
        named = {tuple(one.split("/", 1)) for one in asked.units or ()}
        out: dict[str, list[str]] = {}
        chosen: list[tuple[store.Box, tuple[str, ...]]] = []
        for box in store.boxes(database, asked):
            here = {unit for site, unit in named if site == box.site}
            if asked.share is None and not here & set(units_of(box.inventory)):
                continue
            reason = why_not(box.inventory) or why_not_it(needs, box.inventory)
            reason = reason or ("it takes part in a rollout of a model" if box.in_rollout else None)
            reason = reason or ("it takes part in another trial" if box.in_trial else None)
            units = choose(units_of(box.inventory), share=asked.share, named=here, box=box.name, seed=asked.seed)
            if reason is None and not units:
                reason = "every unit of it is named, none would be left to compare with"
            if reason is None:
                if too_many := why_too_many(
                    units, of=len(units_of(box.inventory)), box=box.name, named=asked.share is None
                ):  # the box has grown since it was asked
                    raise CannotBeginError(too_many)
                chosen.append((box, units))
            else:
                out.setdefault(reason, []).append(box.name)
        left = "; ".join(f"{_some(names)}: {reason}" for reason, names in sorted(out.items()))
        if not chosen:
            raise CannotBeginError(f"no box can take part{': ' + left if left else ''}")
        for box, units in chosen:
            desired = self._desk.desired_in_units(
                release,
                site=box.site,
                device=box.device,
                deployment=str(asked.id),
                units=units,
                ends_at=ends_at,
                lease=min(LEASE, ends_at - now),
                now=now,
            )
            others = [unit for unit in units_of(box.inventory) if unit not in units]
            store.tell(database, asked.id, box.id, desired, units=units, others=others, now=now)
        count = sum(len(units) for _, units in chosen)
        words = f"{count} units of {len(chosen)} boxes" + (f"; left out: {left}" if left else "")
        store.begin(database, asked.id, sha256=release.sha256, reason=words[:1000], now=now, ends_at=ends_at)

    def _tell_again(
        self, database: Connection[Any], key: UUID, waiting: dict[int, tuple[str, datetime]], now: datetime
    ) -> None:
        silent = [
            device for device, (state, told_at) in waiting.items() if state == "told" and now - told_at >= TELL_AGAIN
        ]
        if silent:
            shadows.send_again(database, TRIAL_SHADOW, silent)
            store.told_again(database, key, silent, now)


@contextmanager
def _apart(database: Connection[Any], asked: store.Asked, now: datetime) -> Iterator[None]:
    """What one trial brings down is told, tried again in the next round, and stops no other; boxes keep to its signed end."""
    try:
        with database.transaction():
            yield
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except Exception as error:
        before = _before(asked)[:500]
        words = f"{before}{'; ' if before else ''}{STUCK}{type(error).__name__}: {error}".replace("\x00", "")
        if words[:1000] != asked.reason:
            log.exception("unit_trials.failed", trial=str(asked.id), at=now.isoformat())
            store.remark(database, asked.id, words)


def _before(asked: store.Asked) -> str:
    """Why it stands as it does, without what held it up in the last round."""
    return asked.reason.partition(STUCK)[0].removesuffix("; ")


class CannotBeginError(Exception):
    """A trial that no box can take part in."""


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
