"""The kinds of work that there are: reports, exports, judging of models, and the upkeep of what they leave behind."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from anyio import Path as AsyncPath
from pydantic import ConfigDict, Field

from cloud.auth.principal import Principal
from cloud.auth.rules import Role
from cloud.drift.judging import drift_kind
from cloud.kit.schemas import ApiModel
from cloud.model_health.work import health_kinds
from cloud.reports import service as reports
from cloud.settings import TrainingSettings
from cloud.tasks.kinds import Kind, Kinds, NoParams, Progress, Work
from cloud.tasks.repository import QueueRepository
from cloud.telemetry import exports
from cloud.telemetry import service as telemetry
from cloud.telemetry.rules import Resolution
from cloud.training.kubernetes import KubernetesLauncher
from cloud.training.launchers import CeleryLauncher, Launcher, ProcessLauncher
from cloud.training.work import Training, training_kinds
from contracts.base import Slug, UtcDatetime

KEPT = timedelta(days=7)
"""How long a task and its file are kept after its end."""
_Code = Annotated[str, Field(max_length=64, pattern=r"^[\w./ -]+$")]


class ReportParams(ApiModel):
    """What a report is of."""

    model_config = ConfigDict(extra="forbid")

    site: Slug
    name: reports.Name
    format: reports.Format = reports.Format.PDF
    start: UtcDatetime
    end: UtcDatetime
    batch: _Code | None = None
    region: _Code | None = None


class ExportParams(ApiModel):
    """Readings of a site."""

    model_config = ConfigDict(extra="forbid")

    site: Slug
    quantities: Annotated[tuple[_Code, ...], Field(max_length=50)] = ()
    """None: all."""
    format: exports.Format = exports.Format.CSV
    start: UtcDatetime
    end: UtcDatetime
    resolution: Resolution = Resolution.RAW


async def make_report(work: Work, params: ReportParams) -> dict[str, Any]:
    """The report as a file."""
    order = reports.Order(params.name, params.site, params.start, params.end, params.batch, params.region)
    made = await reports.make(
        work.database,
        _asker(work),
        order,
        params.format,
        limiter=CapacityLimiter(1),
        now=work.now,
        progress=work.progress,
    )
    work.progress(0.95, "Writing the file")
    name = f"{params.site}-{params.name.value}-{_days(params.start, params.end)}.{params.format.value}"
    await _write_whole(work.folder / name, made)
    return {"file": name, "bytes": len(made), "media_type": params.format.media_type}


async def export_site(work: Work, params: ExportParams) -> dict[str, Any]:
    """The readings as a file, written page by page."""
    user = _asker(work)
    async with work.database.read() as reader:
        selection = await telemetry.select_site(
            reader, user, params.site, quantities=params.quantities, start=params.start, end=params.end
        )
    name = f"{params.site}-{_days(params.start, params.end)}-{params.resolution.value}.{params.format.value}"
    encoder = exports.encoder(params.format, params.resolution)
    partial, size = work.folder / f"{name}.partial", 0
    async with await AsyncPath(partial).open("wb") as file:
        for position, channel in enumerate(selection.channels):
            far = _Channels(work.progress, params, position, len(selection.channels), str(channel["channel"]))
            far(params.start)
            pieces = exports.pages(
                work.database, channel, params.resolution, encoder, start=params.start, end=params.end,
                limiter=CapacityLimiter(1), on_page=far,
            )  # fmt: skip
            async for piece in pieces:
                size += await file.write(piece)
        size += await file.write(await to_thread.run_sync(encoder.end))
    await AsyncPath(partial).replace(work.folder / name)
    return {"file": name, "bytes": size, "media_type": params.format.media_type}


@dataclass(frozen=True)
class _Channels:
    """How far an export is: channel by channel, and within one by the time that has been read."""

    progress: Progress
    params: ExportParams
    position: int
    channels: int
    channel: str

    def __call__(self, until: datetime) -> None:
        within = (until - self.params.start) / max(self.params.end - self.params.start, timedelta(seconds=1))
        words = f"{self.channel} ({self.position + 1} of {self.channels}), until {until:%Y-%m-%d %H:%M} UTC"
        self.progress((self.position + min(1.0, within)) / self.channels, words)


def clean_up(folder: Path) -> Kind[NoParams]:
    """Forgets tasks that ended a week ago, with their files."""

    async def run(work: Work, params: NoParams) -> dict[str, Any]:
        del params
        async with work.database.write() as writer:
            gone = await QueueRepository(writer).forget(work.now - KEPT)
        for position, task_id in enumerate(gone):
            work.progress(position / len(gone))
            await to_thread.run_sync(lambda path=folder / str(task_id): shutil.rmtree(path, ignore_errors=True))  # type: ignore[misc]
        stray = await to_thread.run_sync(_forget_strays, folder, work.now - 2 * KEPT)
        return {"tasks": len(gone), "stray_folders": stray}

    return Kind("clean_up", "data", NoParams, run, timedelta(minutes=10), every=timedelta(hours=1))


def training_from(settings: TrainingSettings, storage_dir: Path) -> Training:
    """How an installation trains, by its settings; folders of runs lie below ``storage_dir``."""
    program = settings.training_program or (sys.executable, "-m", "shoal")
    return Training(settings, storage_dir, program, _launcher(settings))


def _launcher(settings: TrainingSettings) -> Launcher:
    if settings.training_launcher == "celery":
        return CeleryLauncher()
    if settings.training_launcher == "process":
        return ProcessLauncher()
    assert settings.training_image is not None  # noqa: S101  (the settings have checked it)
    return KubernetesLauncher(
        url=settings.training_kubernetes_url,
        credentials=settings.training_kubernetes_credentials,
        instance=settings.training_instance,
        image=settings.training_image,
        claim=settings.training_claim,
        namespace=settings.training_namespace,
        gpus=settings.training_gpus,
        pull_secrets=settings.training_pull_secrets,
    )


def kinds(folder: Path, training: Training | None = None) -> Kinds:
    """Every kind by name; ``folder`` holds one folder a task. Without ``training`` nothing is trained."""
    every: tuple[Kind[Any], ...] = (
        Kind("report", "data", ReportParams, make_report, timedelta(minutes=10), role=Role.VIEWER),
        Kind("export", "data", ExportParams, export_site, timedelta(hours=1), role=Role.VIEWER),
        clean_up(folder),
        drift_kind(),
        *health_kinds(),
        *(() if training is None else training_kinds(training)),
    )
    return {kind.name: kind for kind in every}


def _asker(work: Work) -> Principal:
    assert work.user is not None  # noqa: S101  (only people ask for these kinds)
    return work.user


async def _write_whole(path: Path, data: bytes) -> None:
    """All of a file or nothing, however often."""
    partial = AsyncPath(path.with_name(path.name + ".partial"))
    await partial.write_bytes(data)
    await partial.replace(path)


def _forget_strays(folder: Path, before: datetime) -> int:
    """Folders whose task is gone: a crash came between the row and the file."""
    stray = [each for each in folder.iterdir() if each.is_dir() and each.stat().st_mtime < before.timestamp()]
    for each in stray:
        shutil.rmtree(each, ignore_errors=True)
    return len(stray)


def _days(start: datetime, end: datetime) -> str:
    return f"{start:%Y%m%d}-{end:%Y%m%d}"
