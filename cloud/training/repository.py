"""SQL of training. Models are the platform's, and so are their runs; what learnt from the labels of one organization is told to that one alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, case, cast, func, literal, null, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from cloud.drift.tables import DriftAlert
from cloud.farms.tables import Organization, Site
from cloud.kit.repository import Repository, Row
from cloud.training.tables import RetrainRuleRow, TrainingRun

# A frame of unknown model teaches every model.
_OWN = "(CAST(:organization AS text) IS NULL OR organization_id = (SELECT id FROM organization WHERE slug = :organization))"
_NEW_LABELS = text(f"""
SELECT count(*) AS n FROM sample
WHERE status = 'accepted' AND reviewed_at > :since AND (model_name = :model OR model_name IS NULL) AND {_OWN}
""")  # noqa: S608  (our own words)
_WRONG_MARKS = text(
    f"SELECT count(*) AS n FROM label_mark WHERE model_name = :model AND marked_at > :since AND {_OWN}"  # noqa: S608
)
_LABELS_OF = TrainingRun.order["labels"]["organization_id"].astext


def _seen_by(organization_id: int) -> ColumnElement[bool]:
    """Runs that this organization may know of: on the platform's data, on labels that are shared, and on its own."""
    shared = TrainingRun.order["labels"]["shared"].astext == "true"
    return or_(_LABELS_OF.is_(None), shared, str(organization_id) == _LABELS_OF)


class TrainingRepository(Repository):
    """Runs and rules."""

    async def ask(self, row: dict[str, Any]) -> bool:
        """Ask for a run; False when one of this model is under way."""
        statement = insert(TrainingRun).values(row).on_conflict_do_nothing().returning(TrainingRun.id)
        return await self._one(statement) is not None

    async def run(self, run_id: UUID) -> Row | None:
        """One run."""
        return await self._one(select(*TrainingRun.__table__.columns).where(TrainingRun.id == run_id))

    async def seen(self, run_id: UUID, organization_id: int) -> Row | None:
        """One run, where the organization may know of it."""
        return await self._one(select(TrainingRun.id).where(TrainingRun.id == run_id, _seen_by(organization_id)))

    async def runs(
        self,
        *,
        model: str | None,
        states: Collection[str],
        before: tuple[datetime, UUID] | None,
        rows: int,
        seen_by: int | None = None,
    ) -> list[Row]:
        """Newest runs, those before (asked_at, id); of an organization those that it may know of, None for all."""
        statement = select(*TrainingRun.__table__.columns).order_by(TrainingRun.asked_at.desc(), TrainingRun.id.desc())
        if seen_by is not None:
            statement = statement.where(_seen_by(seen_by))
        if model is not None:
            statement = statement.where(TrainingRun.model == model)
        if states:
            statement = statement.where(TrainingRun.state.in_(states))
        if before is not None:
            statement = statement.where(tuple_(TrainingRun.asked_at, TrainingRun.id) < before)
        return await self._all(statement.limit(rows))

    async def unfinished(self) -> list[Row]:
        """Runs that are not over; one for each model at most."""
        statement = select(*TrainingRun.__table__.columns).where(TrainingRun.finished_at.is_(None))
        return await self._all(statement.order_by(TrainingRun.asked_at))

    async def ended(self, before: datetime) -> list[UUID]:
        """Runs that were over before a moment."""
        rows = await self._all(select(TrainingRun.id).where(TrainingRun.finished_at < before))
        return [row["id"] for row in rows]

    async def change(self, run_id: UUID, **values: Any) -> bool:
        """Write how a run stands; False when it is over."""
        statement = update(TrainingRun).where(TrainingRun.id == run_id, TrainingRun.finished_at.is_(None))
        return bool((await self._connection.execute(statement.values(**values))).rowcount)

    async def learnt_labels(self, model: str) -> str | None:
        """sha256 of the label set that the last run learnt from to its end; None when it learnt from something else."""
        ended = ("proposed", "inconclusive", "refused")
        statement = select(TrainingRun.order["labels"]["sha256"].astext.label("sha256"))
        statement = statement.where(TrainingRun.model == model, TrainingRun.state.in_(ended))
        row = await self._one(statement.order_by(TrainingRun.asked_at.desc(), TrainingRun.id.desc()).limit(1))
        return None if row is None else row["sha256"]

    async def count(self, model: str) -> int:
        """Runs of a model so far."""
        row = await self._one(
            select(func.count().label("n")).select_from(TrainingRun).where(TrainingRun.model == model)
        )
        return 0 if row is None else int(row["n"])

    async def facts(self, model: str, now: datetime, day_ago: datetime, *, organization: str | None = None) -> Row:
        """What the rules ask of a model; where it learns from the labels of one organization, labels, marks and drift of that one alone."""
        asked = await self._all(
            select(TrainingRun.trigger, func.max(TrainingRun.asked_at).label("at"))
            .where(TrainingRun.model == model)
            .group_by(TrainingRun.trigger)
        )
        counted = await self._one(
            select(
                func.count().filter(TrainingRun.finished_at.is_(None)).label("running"),
                func.count().filter(TrainingRun.asked_at > day_ago).label("within_a_day"),
                func.max(TrainingRun.asked_at).label("last"),
            ).where(TrainingRun.model == model)
        )
        drifted = select(func.count(DriftAlert.unit_id.distinct()).label("n")).where(
            DriftAlert.ended_at.is_(None),
            DriftAlert.model_name == model,
            DriftAlert.family.in_(("prediction", "performance")),
        )
        if organization is not None:
            drifted = drifted.where(
                DriftAlert.site_id.in_(select(Site.id).join(Organization).where(Organization.slug == organization))
            )
        drift = await self._one(drifted)
        assert counted is not None  # noqa: S101  (an aggregate always answers with one row)
        assert drift is not None  # noqa: S101
        since = {
            "model": model,
            "since": counted["last"] or datetime.min.replace(tzinfo=now.tzinfo),
            "organization": organization,
        }
        labels, marks = await self._one(_NEW_LABELS, since), await self._one(_WRONG_MARKS, since)
        return {
            "fired_at": {row["trigger"]: row["at"] for row in asked},
            "running": counted["running"] > 0,
            "runs_within_a_day": counted["within_a_day"],
            "last_run_at": counted["last"],
            "drift_units": drift["n"],
            "new_labels": 0 if labels is None else labels["n"],
            "wrong_marks": 0 if marks is None else marks["n"],
        }

    async def rules(self) -> dict[str, Row]:
        """What has been set and said, by model."""
        return {row["model"]: row for row in await self._all(select(*RetrainRuleRow.__table__.columns))}

    async def set_rule(self, model: str, body: dict[str, Any], who: str, now: datetime) -> None:
        """Replace a model's rule."""
        values = {"body": body, "changed_at": now, "changed_by": who}
        statement = insert(RetrainRuleRow).values(model=model, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["model"], set_=values))

    async def said(self, model: str, words: str, now: datetime) -> None:
        """Remember what a look at a model said."""
        values = {"looked_at": now, "said": words}
        statement = insert(RetrainRuleRow).values(model=model, body={}, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["model"], set_=values))


_URL = "/api/v1/training/runs/"
_MEANT = {"waiting": "queued", "proposed": "succeeded", "inconclusive": "succeeded", "refused": "succeeded"}
"""States of the list of tasks, where the name is another."""


def listed_runs(organization_id: int) -> Select[Any]:
    """Every run that an organization may know of, as a task (``cloud.tasks.repository.OtherTasks``)."""
    row = TrainingRun
    made = func.jsonb_build_object(
        "decision", row.state, "version", row.version, "sha256", row.sha256,
        "status_url", literal(_URL).concat(cast(row.id, String)), type_=JSONB,
    )  # fmt: skip
    listed = (
        select(
            row.id,
            literal("training").label("kind"),
            literal("ml").label("queue"),
            func.jsonb_build_object(
                "model", row.model, "trigger", row.trigger, "reason", row.reason, type_=JSONB
            ).label("params"),
            case(_MEANT, value=row.state, else_=row.state).label("state"),
            row.progress,
            row.message,
            case((row.state.in_(("proposed", "inconclusive", "refused")), made), else_=null()).label("result"),
            row.error,
            row.starts.label("attempts"),
            row.asked_at.label("created_at"),
            row.asked_by.label("created_by"),
            row.started_at,
            row.finished_at,
            (row.state == "cancelled").label("cancel_requested"),
        )
        .where(_seen_by(organization_id))
        .subquery()
    )
    return select(*listed.c)
