"""SQL of data sets. Every query names the scope that asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.labels.tables import Dataset, DatasetImage
from cloud.samples.tables import SampleRow

LOCK_CLASS = 5411
"""First half of the advisory lock that orders the versions of an organization; the second is the organization."""


class DatasetRepository(Repository):
    """Data sets of one scope: those of whose sites it covers every one."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        mine = Dataset.organization_id == scope.organization_id
        covered = None if scope.site_ids is None else Dataset.site_ids.contained_by(list(scope.site_ids))
        self._own = mine if covered is None else and_(mine, covered)

    async def lock(self) -> None:
        """Nobody else of the organization freezes a version until the transaction ends."""
        statement = text("SELECT pg_advisory_xact_lock(:kind, :organization)")
        await self._connection.execute(statement, {"kind": LOCK_CLASS, "organization": self._scope.organization_id})

    async def accepted(
        self,
        *,
        site_ids: Collection[int] | None,
        captured_from: datetime | None,
        captured_before: datetime | None,
        rows: int,
    ) -> list[Row]:
        """Accepted frames by their content; until the transaction ends nobody takes back what is accepted of them."""
        table = SampleRow
        statement = (
            select(
                table.id, table.site_id, Site.slug.label("site"), table.unit, table.device, table.camera,
                table.captured_at, table.sha256, table.media_type, table.width, table.height, table.bytes, table.source,
                table.reason, table.detections, table.model_name, table.model_version, table.status, table.agreement,
                table.accepted_label_id, table.reviewed_by,
            )
            .join(Site, Site.id == table.site_id)
            .where(own_sites(self._scope), table.status == "accepted")
            .order_by(table.sha256)
            .limit(rows)
        )  # fmt: skip
        if site_ids is not None:
            statement = statement.where(table.site_id.in_(site_ids))
        if captured_from is not None:
            statement = statement.where(table.captured_at >= captured_from)
        if captured_before is not None:
            statement = statement.where(table.captured_at < captured_before)
        return await self._all(statement.with_for_update(read=True, of=table))

    async def newest(self, name: str) -> Row | None:
        """The highest version under a name, whatever its sites."""
        return await self._one(
            select(Dataset.id, Dataset.number, Dataset.sha256, Dataset.content_sha256)
            .where(Dataset.organization_id == self._scope.organization_id, Dataset.name == name)
            .order_by(Dataset.number.desc())
            .limit(1)
        )

    async def add(self, values: dict[str, Any], members: Sequence[tuple[UUID, UUID]]) -> None:
        """Store a version with its frames."""
        await self._connection.execute(insert(Dataset).values(organization_id=self._scope.organization_id, **values))
        rows = [{"dataset_id": values["id"], "sample_id": sample, "label_id": label} for sample, label in members]
        await self._connection.execute(insert(DatasetImage), rows)

    async def dataset(self, dataset_id: UUID) -> Row | None:
        """One version."""
        return await self._one(select(Dataset.__table__).where(self._own, Dataset.id == dataset_id))

    async def datasets(self, *, name: str | None, before: tuple[datetime, UUID] | None, rows: int) -> list[Row]:
        """Versions, newest first."""
        statement = (
            select(Dataset.__table__)
            .where(self._own)
            .order_by(Dataset.created_at.desc(), Dataset.id.desc())
            .limit(rows)
        )
        if name is not None:
            statement = statement.where(Dataset.name == name)
        if before is not None:
            statement = statement.where(tuple_(Dataset.created_at, Dataset.id) < before)
        return await self._all(statement)

    async def members(self, dataset_id: UUID) -> list[Row]:
        """Frames and labels of a version."""
        table = DatasetImage
        return await self._all(select(table.sample_id, table.label_id).where(table.dataset_id == dataset_id))

    async def images(self, dataset_id: UUID, *, after: str | None = None, rows: int | None = None) -> list[Row]:
        """Files of a version in the order of their content; those behind one, and so many, where that is asked for."""
        statement = (
            select(SampleRow.sha256, SampleRow.media_type)
            .join(DatasetImage, DatasetImage.sample_id == SampleRow.id)
            .where(DatasetImage.dataset_id == dataset_id)
            .order_by(SampleRow.sha256)
        )
        if after is not None:
            statement = statement.where(SampleRow.sha256 > after)
        return await self._all(statement if rows is None else statement.limit(rows))
