"""Runs and rules over the API."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from anyio import to_thread

from cloud.auth.dependencies import Principal
from cloud.auth.rules import Role
from cloud.errors import ConflictError, InvalidCursorError, NotFoundError
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.settings import TrainingRecipe
from cloud.training.repository import TrainingRepository
from cloud.training.rules import Decision, Outcome, Trigger
from cloud.training.schemas import (
    NewTrainingRun,
    RetrainRuleBody,
    RetrainRuleOut,
    RetrainRules,
    TrainingRunDetail,
    TrainingRunOut,
    TrainingRunPage,
)
from cloud.training.work import Training, order_of, say_cancel

log = structlog.get_logger()


async def ask(
    writer: WriteConnection, user: Principal, training: Training, new: NewTrainingRun, now: datetime
) -> TrainingRunDetail:
    """Ask for a run; it is started within a minute.

    Raises:
        NotFoundError: there is no recipe for the model.
        ConflictError: a run of it is under way, or its labels cannot be frozen.
    """
    recipe = training.settings.training_recipes.get(new.model)
    if recipe is None:
        raise _no_recipe(training, new.model)
    repository = TrainingRepository(writer)
    under_way = ConflictError(f"A run of {new.model} is under way; wait for it, or cancel it")
    if any(run["model"] == new.model for run in await repository.unfinished()):  # before labels are frozen for nothing
        raise under_way
    decision = Decision(Trigger.ASKED, new.reason)
    row = await order_of(writer, training, new.model, recipe, decision, asked_by=user.email, now=now)
    if not await repository.ask(row):
        raise under_way
    log.info("training_asked", model=new.model, user=user.id)
    return await get_run(ReadConnection(writer), row["id"])


async def cancel(
    writer: WriteConnection, user: Principal, training: Training, run_id: UUID, now: datetime
) -> TrainingRunDetail:
    """End a run; its process ends within seconds, and what it has made is not read. One that is over stays as it is.

    Raises:
        NotFoundError: there is none.
    """
    await get_run(ReadConnection(writer), run_id)
    done = await TrainingRepository(writer).change(
        run_id, state=Outcome.CANCELLED.value, finished_at=now, error=f"Cancelled by {user.email}"
    )
    if done:
        await to_thread.run_sync(say_cancel, training.folder(run_id))
        log.info("training_cancelled", run=str(run_id), user=user.id)
    return await get_run(ReadConnection(writer), run_id)


async def get_run(reader: ReadConnection, run_id: UUID) -> TrainingRunDetail:
    """One run.

    Raises:
        NotFoundError: there is none.
    """
    row = await TrainingRepository(reader).run(run_id)
    if row is None:
        raise NotFoundError(f"There is no training run {run_id}")
    return TrainingRunDetail(
        **_shown(row),
        lineage=row["lineage"],
        slices=row["metrics"],
        production_slices=row["production_metrics"],
        reasons=row["gate"].get("reasons", []),
    )


async def list_runs(
    reader: ReadConnection, user: Principal, page: PageQuery, *, model: str | None, states: Collection[Outcome]
) -> TrainingRunPage:
    """Runs, newest first; of labels of another organization only to who runs the platform.

    Raises:
        InvalidCursorError: the cursor is not of this list.
    """
    before = None
    if page.cursor is not None:
        moment, key = decode_moment_cursor(page.cursor)
        try:
            before = (moment, UUID(key))
        except ValueError:
            raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from None
    repository = TrainingRepository(reader)
    wanted = [state.value for state in states]
    seen_by = None if _sees_all(user) else user.organization_id
    rows = await repository.runs(model=model, states=wanted, before=before, rows=page.rows, seen_by=seen_by)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["asked_at"].isoformat(), str(row["id"])))
    return TrainingRunPage(items=[TrainingRunOut(**_shown(row)) for row in shown], next_cursor=cursor)


async def list_rules(reader: ReadConnection, user: Principal, training: Training) -> RetrainRules:
    """Rules of the models that can be trained, or once could; what is said of another organization's labels is not for everybody."""
    known = await TrainingRepository(reader).rules()
    recipes = training.settings.training_recipes
    models = sorted({*known, *recipes})
    if not _sees_all(user):
        models = [model for model in models if model in recipes and _may_know(recipes[model], user)]
    return RetrainRules(items=[_rule(model, known.get(model), training) for model in models])


async def set_rule(
    writer: WriteConnection, user: Principal, training: Training, model: str, body: RetrainRuleBody, now: datetime
) -> RetrainRuleOut:
    """Replace the rule of a model.

    Raises:
        NotFoundError: there is no recipe for the model.
    """
    if model not in training.settings.training_recipes:
        raise _no_recipe(training, model)
    repository = TrainingRepository(writer)
    await repository.set_rule(model, body.model_dump(mode="json"), user.email, now)
    log.info("retrain_rule_changed", model=model, user=user.id)
    return _rule(model, (await repository.rules())[model], training)


def _sees_all(user: Principal) -> bool:
    return user.role.reaches(Role.PLATFORM_ADMIN)


def _may_know(recipe: TrainingRecipe, user: Principal) -> bool:
    return recipe.organization in {None, user.organization} or recipe.shared


def _rule(model: str, row: Row | None, training: Training) -> RetrainRuleOut:
    told = row or {}
    return RetrainRuleOut(
        model=model,
        rule=RetrainRuleBody.model_validate(told.get("body", {})),
        can_train=model in training.settings.training_recipes,
        **{name: told.get(name) for name in ("changed_at", "changed_by", "looked_at", "said")},
    )


def _shown(row: Row) -> dict[str, Any]:
    names = TrainingRunOut.model_fields.keys() - {"metrics", "production_metrics"}
    return {
        **{name: row[name] for name in names},
        "metrics": row["metrics"].get("all", {}),
        "production_metrics": row["production_metrics"].get("all", {}),
    }


def _no_recipe(training: Training, model: str) -> NotFoundError:
    known = ", ".join(sorted(training.settings.training_recipes)) or "none"
    return NotFoundError(f"There is no recipe to train {model} (there is: {known}); set SHOAL_TRAINING_RECIPES")
