"""SQL of labels, reviews and marks. Every query names the scope that asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, delete, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from cloud.auth.scope import Scope
from cloud.devices.tables import Camera, Device
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection
from cloud.labels.tables import LabelLease, LabelMark, LabelReview, LabelRow, LabelSetting
from cloud.observations.tables import Image, ObservationRow
from cloud.predictions.tables import PredictionRow
from cloud.samples.rules import MARKED
from cloud.samples.tables import SampleRow

LOCK_CLASS = 5410
"""First half of the advisory lock under which frames are handed out; the second is the organization."""
MAX_PRIORITY = 3.5
_CURRENT = and_(LabelRow.sample_id == SampleRow.id, LabelRow.withdrawn_at.is_(None))
_LABELS = select(func.count()).select_from(LabelRow).where(_CURRENT).correlate(SampleRow).scalar_subquery()
_MARKS = (
    select(func.count())
    .select_from(LabelMark)
    .where(LabelMark.sample_id == SampleRow.id)
    .correlate(SampleRow)
    .scalar_subquery()
)
_TASKS = select(
    SampleRow.id, Site.slug.label("site"), SampleRow.site_id, SampleRow.unit, SampleRow.device, SampleRow.camera,
    SampleRow.captured_at, SampleRow.sha256, SampleRow.media_type, SampleRow.width, SampleRow.height, SampleRow.bytes,
    SampleRow.source, SampleRow.reason, SampleRow.priority, SampleRow.uncertainty, SampleRow.novelty,
    SampleRow.model_name, SampleRow.model_version, SampleRow.model_sha256, SampleRow.detections, SampleRow.status,
    SampleRow.agreement, SampleRow.accepted_label_id, SampleRow.review_note, SampleRow.reviewed_by,
    _LABELS.label("labels"), _MARKS.label("marks"),
).join(Site, Site.id == SampleRow.site_id)  # fmt: skip
_GIVEN = (
    LabelRow.id, LabelRow.sample_id, LabelRow.annotator, LabelRow.labelled_at, LabelRow.seconds, LabelRow.source,
    LabelRow.body, LabelRow.note,
)  # fmt: skip
_MARK = select(
    LabelMark.id, LabelMark.subject, LabelMark.subject_id, LabelMark.fault, LabelMark.right_answer, LabelMark.note,
    LabelMark.model_name, LabelMark.model_version, LabelMark.model_sha256, LabelMark.sample_id, LabelMark.marked_at, LabelMark.marked_by,
)  # fmt: skip


class LabelRepository(Repository):
    """The label queue of one scope."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self._own = own_sites(scope)

    # -- settings ------------------------------------------------------------------------------------------------

    async def settings(self) -> Row | None:
        """What the organization has set."""
        found = await self._one(
            select(LabelSetting.body).where(LabelSetting.organization_id == self._scope.organization_id)
        )
        return None if found is None else found["body"]

    async def set_settings(self, body: dict[str, Any], *, actor: str, now: datetime) -> None:
        """Replace them."""
        values = {"body": body, "changed_at": now, "changed_by": actor}
        statement = insert(LabelSetting).values(organization_id=self._scope.organization_id, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["organization_id"], set_=values))

    # -- the queue -----------------------------------------------------------------------------------------------

    async def tasks(
        self,
        *,
        site_id: int | None = None,
        status: str | None = None,
        camera: str | None = None,
        after: tuple[float, UUID] | None = None,
        rows: int | None = None,
    ) -> list[Row]:
        """Frames, most urgent first; every None leaves a filter out."""
        statement = _TASKS.where(self._own).order_by(SampleRow.priority.desc(), SampleRow.id).limit(rows)
        if site_id is not None:
            statement = statement.where(SampleRow.site_id == site_id)
        if status is not None:
            statement = statement.where(SampleRow.status == status)
        if camera is not None:
            statement = statement.where(SampleRow.camera == camera)
        if after is not None:
            behind = and_(SampleRow.priority == after[0], SampleRow.id > after[1])
            statement = statement.where(or_(SampleRow.priority < after[0], behind))
        return await self._all(statement)

    async def task(self, sample_id: UUID, *, lock: bool = False) -> Row | None:
        """One frame; locked, nobody else labels or reviews it meanwhile."""
        statement = _TASKS.where(self._own, SampleRow.id == sample_id)
        return await self._one(statement.with_for_update(of=SampleRow) if lock else statement)

    async def tasks_of(self, hashes: Collection[str], *, lock: bool = False) -> dict[str, Row]:
        """Frames by their content; locked, nobody else labels or reviews them meanwhile."""
        statement = _TASKS.where(self._own, SampleRow.sha256.in_(hashes))
        rows = await self._all(statement.order_by(SampleRow.id).with_for_update(of=SampleRow) if lock else statement)
        return {row["sha256"]: row for row in rows}

    async def lock_queue(self) -> None:
        """Nobody else of the organization is given a frame until the transaction ends."""
        statement = text("SELECT pg_advisory_xact_lock(:kind, :organization)")
        await self._connection.execute(statement, {"kind": LOCK_CLASS, "organization": self._scope.organization_id})

    async def candidates(
        self, *, site_id: int | None, annotator: str, wanted: int, skip: Collection[UUID], now: datetime, rows: int
    ) -> list[Row]:
        """Open frames that this person has not labelled and that not enough others have or hold, most urgent first."""
        mine = select(LabelRow.id).where(_CURRENT, LabelRow.annotator == annotator).exists()
        held = (
            select(func.count())
            .select_from(LabelLease)
            .where(LabelLease.sample_id == SampleRow.id, LabelLease.annotator != annotator, LabelLease.expires_at > now)
            .correlate(SampleRow)
            .scalar_subquery()
        )
        statement = (
            select(SampleRow.id, SampleRow.site_id, SampleRow.device, SampleRow.camera, SampleRow.priority)
            .join(Site, Site.id == SampleRow.site_id)
            .where(self._own, SampleRow.status == "open", ~mine, _LABELS + held < wanted)
            .order_by(SampleRow.priority.desc(), SampleRow.id)
            .limit(rows)
        )
        if skip:
            statement = statement.where(SampleRow.id.not_in(skip))
        if site_id is not None:
            statement = statement.where(SampleRow.site_id == site_id)
        return await self._all(statement)

    async def recent_cameras(self, *, rows: int) -> list[Row]:
        """Cameras of the labels that were given last."""
        return await self._all(
            select(SampleRow.site_id, SampleRow.device, SampleRow.camera)
            .join(LabelRow, LabelRow.sample_id == SampleRow.id)
            .join(Site, Site.id == SampleRow.site_id)
            .where(self._own, LabelRow.withdrawn_at.is_(None))
            .order_by(LabelRow.labelled_at.desc())
            .limit(rows)
        )

    async def lease(self, sample_id: UUID, *, annotator: str, until: datetime, now: datetime) -> None:
        """Give a frame to somebody for a while; what they held before is let go, and what has run out is forgotten."""
        gone = or_(
            LabelLease.expires_at <= now, and_(LabelLease.annotator == annotator, LabelLease.sample_id != sample_id)
        )
        await self._connection.execute(delete(LabelLease).where(gone))
        statement = insert(LabelLease).values(sample_id=sample_id, annotator=annotator, expires_at=until)
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=["sample_id", "annotator"], set_={"expires_at": until})
        )

    async def release(self, sample_id: UUID, *, annotator: str) -> None:
        """Let a frame go."""
        await self._connection.execute(
            delete(LabelLease).where(LabelLease.sample_id == sample_id, LabelLease.annotator == annotator)
        )

    async def holders(self, sample_id: UUID, now: datetime) -> dict[str, datetime]:
        """Who looks at a frame, and until when it is theirs."""
        rows = await self._all(
            select(LabelLease.annotator, LabelLease.expires_at).where(
                LabelLease.sample_id == sample_id, LabelLease.expires_at > now
            )
        )
        return {row["annotator"]: row["expires_at"] for row in rows}

    # -- labels --------------------------------------------------------------------------------------------------

    async def labels(self, sample_ids: Collection[UUID]) -> list[Row]:
        """Labels that count, oldest first."""
        return await self._all(
            select(*_GIVEN)
            .where(LabelRow.sample_id.in_(sample_ids), LabelRow.withdrawn_at.is_(None))
            .order_by(LabelRow.labelled_at, LabelRow.id)
        )

    async def label(self, label_id: UUID) -> Row | None:
        """A label, withdrawn or not, of whomever."""
        return await self._one(
            select(LabelRow.id, LabelRow.sample_id, LabelRow.annotator, LabelRow.withdrawn_at).where(
                LabelRow.id == label_id
            )
        )

    async def known_labels(self, label_ids: Collection[UUID]) -> set[UUID]:
        """Those of these keys that there are."""
        return {row["id"] for row in await self._all(select(LabelRow.id).where(LabelRow.id.in_(label_ids)))}

    async def withdraw(
        self, sample_id: UUID, *, because: str, now: datetime, annotator: str | None = None
    ) -> list[UUID]:
        """Take labels back, of one person or of all; returns their keys."""
        statement = update(LabelRow).where(LabelRow.sample_id == sample_id, LabelRow.withdrawn_at.is_(None))
        if annotator is not None:
            statement = statement.where(LabelRow.annotator == annotator)
        done = statement.values(withdrawn_at=now, withdrawn_because=because).returning(LabelRow.id)
        return [row["id"] for row in await self._all(done)]

    async def add_labels(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store labels."""
        if rows:
            await self._connection.execute(insert(LabelRow), list(rows))

    async def set_task(self, sample_id: UUID, **values: Any) -> None:
        """Change where a frame is."""
        await self._connection.execute(update(SampleRow).where(SampleRow.id == sample_id).values(**values))

    async def raise_priority(self, sample_id: UUID, by: float) -> None:
        """Bring a frame forward, once for each kind of reason."""
        raised = case(
            (SampleRow.priority >= by, SampleRow.priority),
            else_=func.least(SampleRow.priority + by, MAX_PRIORITY),
        )
        await self._connection.execute(update(SampleRow).where(SampleRow.id == sample_id).values(priority=raised))

    async def add_review(self, values: dict[str, Any]) -> None:
        """Add a decision to the history."""
        await self._connection.execute(insert(LabelReview).values(**values))

    # -- marks ---------------------------------------------------------------------------------------------------

    async def add_mark(self, values: dict[str, Any]) -> bool:
        """Store a mark; False when it is here already."""
        statement = insert(LabelMark).values(organization_id=self._scope.organization_id, **values)
        return await self._one(statement.on_conflict_do_nothing().returning(LabelMark.id)) is not None

    async def mark(self, mark_id: UUID) -> Row | None:
        """One mark of the organization."""
        return await self._one(_MARK.where(LabelMark.id == mark_id, self._own_marks()))

    async def marks(
        self,
        *,
        sample_id: UUID | None = None,
        model: str | None = None,
        before: tuple[datetime, UUID] | None = None,
        rows: int,
    ) -> list[Row]:
        """Marks, newest first."""
        statement = _MARK.where(self._own_marks()).order_by(LabelMark.marked_at.desc(), LabelMark.id.desc()).limit(rows)
        if sample_id is not None:
            statement = statement.where(LabelMark.sample_id == sample_id)
        if model is not None:
            statement = statement.where(LabelMark.model_name == model)
        if before is not None:
            statement = statement.where(tuple_(LabelMark.marked_at, LabelMark.id) < before)
        return await self._all(statement)

    async def observation(self, camera_id: int, observed_at: datetime) -> Row | None:
        """An observation with its place and, if it has arrived, its image."""
        row = ObservationRow
        return await self._one(
            select(
                Site.id.label("site_id"), Site.slug.label("site"), Unit.slug.label("unit"), Camera.name.label("camera"),
                Device.slug.label("device"), row.observed_at, row.image_observed_at, row.detections, row.model_name,
                row.model_version, row.model_sha256, Image.sha256, Image.width, Image.height,
            )
            .join(Unit, Unit.id == row.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .join(Camera, Camera.id == row.camera_id)
            .join(Device, Device.id == Camera.device_id)
            .outerjoin(Image, Image.sha256 == row.image_sha256)
            .where(self._own, row.camera_id == camera_id, row.observed_at == observed_at)
        )  # fmt: skip

    async def prediction(self, prediction_id: int) -> Row | None:
        """A prediction with its place and, where it was made of one, its evidence image."""
        row, of_image = PredictionRow, aliased(Unit)
        allowed = [row.organization_id == self._scope.organization_id, row.id == prediction_id]
        if self._scope.site_ids is not None:
            allowed.append(or_(Unit.site_id.in_(self._scope.site_ids), row.unit_id.is_(None)))
        return await self._one(
            select(
                Site.id.label("site_id"), Site.slug.label("site"), of_image.slug.label("unit"),
                Camera.name.label("camera"), Device.slug.label("device"), row.image_sha256, row.model_name,
                row.model_version, row.model_sha256, Image.sha256, Image.width, Image.height, Image.observed_at,
            )
            .outerjoin(Unit, Unit.id == row.unit_id)
            .outerjoin(Image, Image.sha256 == row.image_sha256)
            .outerjoin(of_image, of_image.id == Image.unit_id)
            .outerjoin(Site, and_(Site.id == of_image.site_id, self._own))
            .outerjoin(Camera, Camera.id == Image.camera_id)
            .outerjoin(Device, Device.id == Camera.device_id)
            .where(*allowed)
        )  # fmt: skip

    # -- figures -------------------------------------------------------------------------------------------------

    async def counts(self) -> Row:
        """Frames by status, and how many of the open ones are marked."""
        statuses = ("open", "review", "accepted", "rejected")
        row = await self._one(
            select(
                *[func.count().filter(SampleRow.status == each).label(each) for each in statuses],
                func.count().filter(SampleRow.status == "open", SampleRow.priority >= MARKED).label("marked"),
            )
            .select_from(SampleRow)
            .join(Site, Site.id == SampleRow.site_id)
            .where(self._own)
        )
        assert row is not None  # noqa: S101  (counts always are one row)
        return row

    async def annotators(self, since: datetime, *, rows: int) -> list[Row]:
        """The work of each person since a moment."""
        median = func.percentile_cont(0.5).within_group(LabelRow.seconds)
        accepted = and_(SampleRow.accepted_label_id == LabelRow.id, SampleRow.status == "accepted")
        return await self._all(
            select(
                LabelRow.annotator,
                func.count().filter(LabelRow.withdrawn_at.is_(None)).label("labels"),
                func.count().filter(accepted).label("accepted"),
                func.count().filter(LabelRow.withdrawn_because == "returned").label("returned"),
                median.label("seconds_median"),
            )
            .join(SampleRow, SampleRow.id == LabelRow.sample_id)
            .join(Site, Site.id == SampleRow.site_id)
            .where(self._own, LabelRow.labelled_at >= since)
            .group_by(LabelRow.annotator)
            .order_by(func.count().desc(), LabelRow.annotator)
            .limit(rows)
        )

    async def mine_since(self, annotator: str, since: datetime) -> int:
        """Labels of one person since a moment."""
        row = await self._one(
            select(func.count().label("n")).where(
                LabelRow.annotator == annotator, LabelRow.labelled_at >= since, LabelRow.withdrawn_at.is_(None)
            )
        )
        return 0 if row is None else int(row["n"])

    async def twice_labelled(self, *, rows: int) -> list[Row]:
        """Labels of the newest frames that several people have labelled."""
        frames = (
            select(LabelRow.sample_id)
            .join(SampleRow, SampleRow.id == LabelRow.sample_id)
            .join(Site, Site.id == SampleRow.site_id)
            .where(self._own, LabelRow.withdrawn_at.is_(None))
            .group_by(LabelRow.sample_id)
            .having(func.count() > 1)
            .order_by(func.max(LabelRow.labelled_at).desc())
            .limit(rows)
        )
        return await self._all(
            select(*_GIVEN)
            .where(LabelRow.sample_id.in_(frames), LabelRow.withdrawn_at.is_(None))
            .order_by(LabelRow.sample_id, LabelRow.annotator)
        )

    async def labelled(
        self, statuses: Collection[str], *, after: UUID | None = None, rows: int, site_id: int | None = None
    ) -> list[Row]:
        """Frames by key, for an export."""
        statement = _TASKS.where(self._own, SampleRow.status.in_(statuses)).order_by(SampleRow.id)
        if after is not None:
            statement = statement.where(SampleRow.id > after)
        if site_id is not None:
            statement = statement.where(SampleRow.site_id == site_id)
        return await self._all(statement.limit(rows))

    def _own_marks(self) -> Any:
        mine = LabelMark.organization_id == self._scope.organization_id
        if self._scope.site_ids is None:
            return mine
        return and_(mine, or_(LabelMark.site_id.in_(self._scope.site_ids), LabelMark.site_id.is_(None)))
