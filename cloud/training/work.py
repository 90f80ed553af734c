"""The scheduled work of training: look whether a model should be trained again, and see that runs get on.

    rules -> a run is asked for -> started where the settings say -> its folder is read -> proposed, refused or failed

Both looks may be done twice or by many: a model has one open run, starting a run twice is harmless, and its folder is the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog
from anyio import to_thread

from cloud.errors import ConflictError, UnavailableError
from cloud.kit.repository import Database, Row, WriteConnection
from cloud.kit.schemas import ApiModel
from cloud.settings import TrainingRecipe, TrainingSettings
from cloud.tasks.kinds import Kind, NoParams, Work
from cloud.training.label_sets import freeze_for, write_pointer
from cloud.training.launchers import RUN_KIND, Launcher, run_here
from cloud.training.program import CANCEL, ORDER, read_state
from cloud.training.report import ReportError, read_report
from cloud.training.repository import TrainingRepository
from cloud.training.rules import (
    ALIVE,
    DAY,
    Decision,
    Facts,
    Next,
    Outcome,
    Trigger,
    decide,
    idle_starts_of,
    next_of,
    outcome_of,
)
from cloud.training.schemas import RetrainRuleBody
from cloud.training.steps import LABELS, RUN

log = structlog.get_logger()

LOOK_EVERY = timedelta(minutes=15)
TEND_EVERY = timedelta(minutes=1)
TURN = timedelta(minutes=110)
"""A Celery worker trains so long at a stretch; what is not ready then goes on with the next task."""
TIDY_EVERY = timedelta(days=1)
KEPT = timedelta(days=30)
"""How long after its end checkpoints and pictures of a run are kept; bundle, figures, report and log stay."""
LEFT_OVER = (RUN, LABELS)
LISTEN_S = 2.0
FOLDER = "training"
"""Below the storage."""
_MAX_ERROR = 1000


@dataclass(frozen=True)
class Training:
    """What the work of training needs.

    Attributes:
        settings: recipes, and where to start.
        storage: folders of runs are ``training/<run>`` below it.
        program: words before ``models train``.
        launcher: starts runs.
    """

    settings: TrainingSettings
    storage: Path
    program: tuple[str, ...]
    launcher: Launcher

    def folder(self, run_id: UUID) -> Path:
        """Of a run."""
        return self.storage / FOLDER / str(run_id)


class RunParams(ApiModel):
    """Which run."""

    run_id: UUID


async def look(training: Training, database: Database, now: datetime) -> dict[str, Any]:
    """Ask for the runs that the rules want; what was decided by model."""
    said: dict[str, Any] = {}
    for model, recipe in training.settings.training_recipes.items():
        async with database.write() as writer:
            repository = TrainingRepository(writer)
            known = (await repository.rules()).get(model)
            rule = RetrainRuleBody.model_validate({} if known is None else known["body"]).rule()
            seen = await repository.facts(model, now, now - DAY, organization=recipe.organization)
            decision = decide(rule, _facts(seen), now)
            if decision.trigger is not None:
                try:
                    row = await order_of(writer, training, model, recipe, decision, asked_by="schedule", now=now)
                    labels = row["order"].get("labels")
                    if labels is not None and labels["sha256"] == await repository.learnt_labels(model):
                        told = f"{decision.reason}, but nothing was accepted for {recipe.labels} since the last run"
                        decision = Decision(None, told)
                    elif not await repository.ask(row):
                        decision = Decision(None, "a run is under way")
                except ConflictError as error:
                    decision = Decision(None, f"{decision.reason}, but: {error.detail}")
            words = decision.reason if decision.trigger is None else f"{decision.trigger.value}: {decision.reason}"
            await repository.said(model, words, now)
        said[model] = words
    return said


async def order_of(
    writer: WriteConnection,
    training: Training,
    model: str,
    recipe: TrainingRecipe,
    decision: Decision,
    *,
    asked_by: str,
    now: datetime,
) -> Row:
    """The row of a new run.

    Raises:
        ConflictError: its labels cannot be frozen.
    """
    assert decision.trigger is not None  # noqa: S101  (asked of decisions that fire)
    order: dict[str, Any] = {
        "program": list(training.program),
        "model": model,
        "config": str(recipe.config),
        "dataset": recipe.dataset,
        "prepare": list(recipe.prepare),
        "production": recipe.production,
        "rules": recipe.rules,
        "seed": recipe.seed + await TrainingRepository(writer).count(model),
    }
    if recipe.labels is not None:
        frozen = await freeze_for(writer, recipe.labels, recipe.split, model=model, storage=training.storage, now=now)
        order["labels"] = {**frozen, "shared": recipe.shared}
    return {
        "id": uuid4(),
        "model": model,
        "trigger": decision.trigger.value,
        "reason": decision.reason,
        "asked_at": now,
        "asked_by": asked_by,
        "order": order,
        "state": Outcome.WAITING.value,
        "starts": 0,
        "lineage": {},
        "metrics": {},
        "production_metrics": {},
        "gate": {},
    }


async def tend(training: Training, database: Database, now: datetime) -> dict[str, Any]:
    """See that every run that is not over gets on, and that nothing trains for one that is; how each stands."""

    async def unfinished() -> list[Row]:
        async with database.read() as reader:
            return await TrainingRepository(reader).unfinished()

    async def known() -> list[UUID]:
        return [run["id"] for run in await unfinished()]

    # First: a run that ends in this pass may still be on its way out, and is looked at in the next.
    try:
        await training.launcher.clear(known)
    except UnavailableError as error:
        log.warning("training_not_cleared", error=error.detail)  # the next pass finds the same again
    runs = await unfinished()
    return {str(run["id"]): await tend_one(training, database, run, now) for run in runs}


async def tend_one(training: Training, database: Database, run: Row, now: datetime) -> str:
    """Start a run, start it again, read what it says, or write down how it ended; its state."""
    folder = training.folder(run["id"])
    state = await to_thread.run_sync(_state, folder)
    heard_at = None if state is None else datetime.fromisoformat(state["heard_at"])
    step = None if state is None else state["step"]
    progress: float = run["progress"] if state is None else state.get("progress", run["progress"]) or 0.0
    idle = idle_starts_of(run["idle_starts"], run["progress_at_start"], progress)
    then = next_of(
        None if state is None else state["state"],
        heard_at,
        run["started_at"],
        idle,
        now,
        patience=training.launcher.patience if run["error"] is None else ALIVE,  # a start that failed waits nowhere
    )
    changes: dict[str, Any] = {"step": step, "heard_at": heard_at}
    if state is not None and "progress" in state:
        changes |= {"progress": state["progress"], "message": state["message"]}
    if then is Next.FINISH:
        assert state is not None  # noqa: S101  (only a folder that speaks has ended)
        changes |= await to_thread.run_sync(_ended, folder, run["order"], state, training.storage)
        changes["finished_at"] = now
    elif then is Next.GIVE_UP:
        died = f"it died {idle} times without getting further"
        with contextlib.suppress(OSError):  # a disk that cannot be written is why it is given up
            await to_thread.run_sync(say_cancel, folder)  # a start that still waits somewhere trains for nobody
        changes |= {"state": "failed", "finished_at": now, "error": f"Given up: {run['error'] or died}"}
    elif then is Next.START:
        counted = {"idle_starts": idle + 1, "progress_at_start": progress}
        changes |= await _start(training, database, run, folder, now, counted)
    else:
        changes["state"] = "running"
    async with database.write() as writer:
        await TrainingRepository(writer).change(run["id"], **changes)
    if "finished_at" in changes:
        log.info(
            "training_ended", run=str(run["id"]), model=run["model"], state=changes["state"], error=changes.get("error")
        )
    return str(changes.get("state", run["state"]))


async def tidy(training: Training, database: Database, now: datetime) -> dict[str, Any]:
    """Remove what no run needs any more: a training leaves some 50 MB of checkpoints, and there may be two a day of every model."""
    async with database.read() as reader:
        ended = await TrainingRepository(reader).ended(now - KEPT)

    def remove() -> int:
        gone = [folder for run_id in ended for name in LEFT_OVER if (folder := training.folder(run_id) / name).is_dir()]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
        return len(gone)

    return {"folders": await to_thread.run_sync(remove)}


def training_kinds(training: Training) -> tuple[Kind[Any], ...]:
    """The kinds of work, all but the run itself on a schedule."""

    async def look_(work: Work, params: NoParams) -> dict[str, Any]:
        del params
        return await look(training, work.database, work.now)

    async def tend_(work: Work, params: NoParams) -> dict[str, Any]:
        del params
        return await tend(training, work.database, work.now)

    async def tidy_(work: Work, params: NoParams) -> dict[str, Any]:
        del params
        return await tidy(training, work.database, work.now)

    async def run(work: Work, params: RunParams) -> dict[str, Any]:
        folder = training.folder(params.run_id)
        listening = asyncio.ensure_future(_listen(folder, work))
        try:
            return {"exit_status": await run_here(folder)}
        finally:
            listening.cancel()

    return (
        Kind("retrain", "data", NoParams, look_, timedelta(minutes=5), every=LOOK_EVERY),
        Kind("training", "data", NoParams, tend_, timedelta(minutes=5), every=TEND_EVERY),
        Kind("tidy_runs", "data", NoParams, tidy_, timedelta(minutes=10), every=TIDY_EVERY),
        Kind(RUN_KIND, "ml", RunParams, run, TURN),
    )


async def _listen(folder: Path, work: Work) -> None:
    """Pass on how far the run of this folder says it is."""
    while True:
        state = await to_thread.run_sync(_state, folder)
        if state is not None:
            work.progress(state.get("progress", 0.0), state.get("message", ""))
        await asyncio.sleep(LISTEN_S)


async def _start(
    training: Training, database: Database, run: Row, folder: Path, now: datetime, counted: Row
) -> dict[str, Any]:
    """Persisted before it is done, so that a run which kills its starter is not started for ever."""
    changes = {"state": "running", "starts": run["starts"] + 1, "started_at": now, **counted}
    async with database.write() as writer:
        if not await TrainingRepository(writer).change(run["id"], **changes):
            return {}
    try:
        await to_thread.run_sync(_prepare, folder, run["order"], training.storage)
        await training.launcher.start(run["id"], folder, database)
    except (UnavailableError, OSError) as error:
        words = error.detail if isinstance(error, UnavailableError) else f"{folder} cannot be written: {error.strerror}"
        log.warning("training_not_started", run=str(run["id"]), error=words)
        return changes | {"error": words[:_MAX_ERROR]}
    return changes | {"error": None}


def _ended(folder: Path, order: dict[str, Any], state: dict[str, Any], storage: Path) -> dict[str, Any]:
    if state["state"] == "failed":
        return {"state": "failed", "error": str(state["error"])[:_MAX_ERROR]}
    try:
        report = read_report(folder, order)
    except ReportError as error:
        return {"state": "failed", "error": str(error)[:_MAX_ERROR]}
    return {
        "state": outcome_of(report.decision).value,
        "error": None,
        "bundle": str((folder / "bundle").relative_to(storage)),
        **report.model_dump(mode="json"),
    }


def say_cancel(folder: Path) -> None:
    """A run in this folder ends within seconds, or as soon as it begins."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CANCEL).touch()


def _prepare(folder: Path, order: dict[str, Any], storage: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if order.get("labels"):
        write_pointer(folder, order["labels"], storage)
    partial = folder / f"{ORDER}.partial"
    partial.write_text(json.dumps(order, indent=1))
    partial.replace(folder / ORDER)


def _state(folder: Path) -> dict[str, Any] | None:
    return read_state(folder)


def _facts(row: Row) -> Facts:
    fired = {Trigger(name): at for name, at in row["fired_at"].items()}
    return Facts(**{**row, "fired_at": fired})
