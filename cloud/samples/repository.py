"""SQL of samples and their uploads. Every query names the scope that asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.samples.tables import SampleRow, SampleUpload

LOCK_CLASS = 5409
"""First half of the advisory lock under which a store makes room; the second is the organization."""
_EXPENDABLE = (
    SampleRow.status.in_(("open", "rejected")),
    # Labels live in the layer above, so their table is named and not imported.
    text("NOT EXISTS (SELECT 1 FROM label WHERE label.sample_id = sample.id)"),
)
"""A frame that is nobody's work."""


class SampleRepository(Repository):
    """Samples of one scope."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self._own = own_sites(scope)

    async def lock_store(self) -> None:
        """Nobody else makes room in the organization's store until the transaction ends."""
        statement = text("SELECT pg_advisory_xact_lock(:kind, :organization)")
        await self._connection.execute(statement, {"kind": LOCK_CLASS, "organization": self._scope.organization_id})

    # -- uploads -------------------------------------------------------------------------------------------------

    async def upload(self, upload_id: UUID, *, lock: bool = False) -> Row | None:
        """An upload that is under way; locked, nobody else adds to it meanwhile."""
        table = SampleUpload
        statement = (
            select(table.id, table.site_id, table.sha256, table.length, table.reached, table.sample)
            .join(Site, Site.id == table.site_id)
            .where(table.id == upload_id, self._own)
        )
        return await self._one(statement.with_for_update(of=table) if lock else statement)

    async def upload_of(self, sha256: str) -> Row | None:
        """The upload of this content that is under way."""
        table = SampleUpload
        return await self._one(
            select(table.id, table.length, table.reached)
            .join(Site, Site.id == table.site_id)
            .where(table.sha256 == sha256, self._own)
        )

    async def add_upload(self, values: Row) -> bool:
        """Store the beginning of an upload; False when there is one of this content."""
        statement = insert(SampleUpload).values(organization_id=self._scope.organization_id, **values)
        added = await self._one(statement.on_conflict_do_nothing().returning(SampleUpload.id))
        return added is not None

    async def reached(self, upload_id: UUID, offset: int, now: datetime) -> None:
        """Remember how much is on the disk."""
        await self._connection.execute(
            update(SampleUpload).where(SampleUpload.id == upload_id).values(reached=offset, touched_at=now)
        )

    async def end_upload(self, upload_id: UUID) -> None:
        """Forget an upload."""
        await self._connection.execute(delete(SampleUpload).where(SampleUpload.id == upload_id))

    async def forget_uploads(self, before: datetime, *, keep: int) -> list[UUID]:
        """Forget uploads untouched since ``before``, and the longest untouched beyond ``keep``; returns their keys."""
        mine = SampleUpload.organization_id == self._scope.organization_id
        newest = select(SampleUpload.id).where(mine).order_by(SampleUpload.touched_at.desc()).limit(keep)
        statement = delete(SampleUpload).where(
            mine, (SampleUpload.touched_at < before) | SampleUpload.id.not_in(newest.scalar_subquery())
        )
        return [row["id"] for row in await self._all(statement.returning(SampleUpload.id))]

    # -- samples -------------------------------------------------------------------------------------------------

    async def sample_of(self, sha256: str) -> Row | None:
        """The organization's sample of this content."""
        return await self._one(
            select(SampleRow.id, SampleRow.bytes, SampleRow.status)
            .join(Site, Site.id == SampleRow.site_id)
            .where(SampleRow.sha256 == sha256, self._own)
        )

    async def sample(self, sample_id: UUID) -> Row | None:
        """How many bytes a sample has."""
        return await self._one(
            select(SampleRow.id, SampleRow.bytes)
            .join(Site, Site.id == SampleRow.site_id)
            .where(SampleRow.id == sample_id, self._own)
        )

    async def looks(self, site_id: int, camera: str, *, rows: int) -> list[Sequence[float]]:
        """Looks of the newest samples of a camera."""
        found = await self._all(
            select(SampleRow.look)
            .where(SampleRow.site_id == site_id, SampleRow.camera == camera)
            .order_by(SampleRow.stored_at.desc())
            .limit(rows)
        )
        return [row["look"] for row in found]

    async def add(self, values: dict[str, Any]) -> bool:
        """Store a sample; False when the organization has one of this content."""
        statement = insert(SampleRow).values(organization_id=self._scope.organization_id, **values)
        return await self._one(statement.on_conflict_do_nothing().returning(SampleRow.id)) is not None

    async def pairs(self, model: str, version: str, *, rows: int) -> list[Row]:
        """Samples with the answer of this candidate beside the active model's, those that differ most first."""
        table = SampleRow
        return await self._all(
            select(
                table.id,
                table.unit,
                table.device,
                table.camera,
                table.captured_at,
                table.score,
                table.detections,
                table.model_name,
                table.model_version,
                table.model_sha256,
                table.other_detections,
                table.other_name,
                table.other_version,
                table.other_sha256,
                Site.slug.label("site"),
                Unit.name.label("unit_name"),
            )
            .join(Site, Site.id == table.site_id)
            .outerjoin(Unit, (Unit.site_id == table.site_id) & (Unit.slug == table.unit))
            .where(table.other_name == model, table.other_version == version, self._own)
            .order_by(table.score.desc(), table.id)
            .limit(rows)
        )

    async def kept_bytes(self) -> int:
        """Bytes of the organization's store: samples, and uploads at their full length."""
        organization = self._scope.organization_id
        samples = select(func.coalesce(func.sum(SampleRow.bytes), 0)).where(SampleRow.organization_id == organization)
        uploads = select(func.coalesce(func.sum(SampleUpload.length), 0)).where(
            SampleUpload.organization_id == organization
        )
        row = await self._one(
            select(samples.scalar_subquery().label("samples"), uploads.scalar_subquery().label("uploads"))
        )
        assert row is not None  # noqa: S101  (sums always are one row)
        return int(row["samples"]) + int(row["uploads"])

    async def expendable(self, *, rows: int) -> list[Row]:
        """Samples that nobody has labelled, the least worth first, of these the oldest."""
        return await self._all(
            select(SampleRow.id, SampleRow.bytes, SampleRow.sha256)
            .where(
                SampleRow.organization_id == self._scope.organization_id,
                *_EXPENDABLE,
            )
            .order_by(SampleRow.priority, SampleRow.stored_at)
            .limit(rows)
        )

    async def remove(self, sample_ids: Sequence[UUID]) -> list[Row]:
        """Forget those of these samples that still are nobody's work; returns their hashes."""
        these = SampleRow.id.in_(sample_ids)
        # Whoever labels a frame holds its row: locked first, so that the second statement sees what they have done.
        await self._all(select(SampleRow.id).where(these).order_by(SampleRow.id).with_for_update(of=SampleRow))
        return await self._all(delete(SampleRow).where(these, *_EXPENDABLE).returning(SampleRow.sha256))


class SampleImages(Repository):
    """Images of samples, for their organization or for whoever holds a signed address."""

    async def image(self, sample_id: UUID, *, scope: Scope | None) -> Row | None:
        """What is needed to send an image; ``scope`` None stands for the holder of a signed address."""
        table = SampleRow
        statement = select(table.sha256, table.media_type, table.organization_id).where(table.id == sample_id)
        if scope is not None:
            statement = statement.join(Site, Site.id == table.site_id).where(own_sites(scope))
        return await self._one(statement)
