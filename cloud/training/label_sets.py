"""The label set that a run learns from: accepted labels, frozen when the run is asked for, and found by it in the storage."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from cloud.auth.principal import Principal
from cloud.auth.rules import Role
from cloud.errors import ConflictError
from cloud.farms.tables import Organization
from cloud.kit.repository import Repository, WriteConnection
from cloud.labels import datasets
from cloud.labels.dataset_repository import DatasetRepository
from cloud.labels.schemas import NewDataset
from cloud.samples.service import Store
from cloud.training.steps import POINTER

WHO = "training"
"""As whom a label set is frozen."""


async def freeze_for(
    writer: WriteConnection, labels: str, split: tuple[str, ...], *, model: str, storage: Path, now: datetime
) -> dict[str, Any]:
    """Freeze what is accepted as the next version, or take the newest when nothing is new; for the order of a run.

    Args:
        writer: of the transaction in which the run is asked for.
        labels: ``ORGANIZATION/NAME``.
        split: who judges, in words of ``shoal models dataset fetch``.
        model: that is to be trained.
        storage: of the platform.
        now: the wall clock.

    Raises:
        ConflictError: there is no such organization, nothing was ever accepted, or there is too much.
    """
    slug, _, name = labels.partition("/")
    organization_id = await _Organizations(writer).id_of(slug)
    if organization_id is None:
        raise ConflictError(f"The recipe of {model} learns from {labels}, and there is no organization {slug}")
    user = Principal(0, WHO, WHO, Role.FARM_MANAGER, organization_id, slug)
    try:
        frozen = await datasets.freeze(
            writer, user, NewDataset(name=name, note=f"For training {model}"), Store(storage, 0), now
        )
        row = frozen.model_dump()
    except datasets.NothingNewError:
        repository = DatasetRepository(writer, user.scope)
        newest = await repository.newest(name)
        found = None if newest is None else await repository.dataset(newest["id"])
        if found is None:
            raise
        row = dict(found)
    kept = {key: row[key] for key in ("name", "number", "sha256", "images", "bytes")}
    return {
        **kept, "id": str(row["id"]), "organization": slug, "organization_id": organization_id, "split": list(split),
    }  # fmt: skip


def write_pointer(folder: Path, labels: dict[str, Any], storage: Path) -> None:
    """Say in the folder of a run where the files of its label set lie. Paths are relative: a Job has the storage somewhere else."""
    places = {
        "document": storage / "datasets" / f"{labels['id']}.json",
        "image_folder": storage / "samples" / str(labels["organization_id"]),
    }
    told = {key: labels[key] for key in ("name", "number", "sha256", "images", "bytes")}
    told |= {key: os.path.relpath(place, folder) for key, place in places.items()}
    partial = folder / f"{POINTER}.partial"
    partial.write_text(json.dumps(told, indent=1))
    partial.replace(folder / POINTER)


class _Organizations(Repository):
    async def id_of(self, slug: str) -> int | None:
        row = await self._one(select(Organization.id).where(Organization.slug == slug))
        return None if row is None else int(row["id"])
