"""SQL of enrolment. What a person asks names their scope; what a device asks is allowed by its token or its key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.enrolment.tables import DeviceCertificate, EnrolmentToken
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection


class CertificateRepository(Repository):
    """Certificates of one scope."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._own = own_sites(scope)

    async def certificates(self, *, site: str | None, before: tuple[datetime, str] | None, rows: int) -> list[Row]:
        """Newest first, those before (issued_at, serial)."""
        table = DeviceCertificate
        statement = (
            select(
                table.serial,
                Site.slug.label("site"),
                table.device,
                table.issued_at,
                table.expires_at,
                table.renews,
                table.revoked_at,
                table.revoked_because,
            )
            .join(Site, Site.id == table.site_id)
            .where(self._own)
            .order_by(table.issued_at.desc(), table.serial.desc())
            .limit(rows)
        )
        if site is not None:
            statement = statement.where(Site.slug == site)
        if before is not None:
            statement = statement.where(tuple_(table.issued_at, table.serial) < before)
        return await self._all(statement)

    async def revoke(self, serial: str, *, reason: str, now: datetime) -> bool:
        """Refuse a certificate from now on; False when there is none that is good."""
        own = select(Site.id).where(self._own)
        statement = update(DeviceCertificate).where(
            DeviceCertificate.serial == serial,
            DeviceCertificate.site_id.in_(own),
            DeviceCertificate.revoked_at.is_(None),
        )
        done = statement.values(revoked_at=now, revoked_because=reason).returning(DeviceCertificate.serial)
        return await self._one(done) is not None


class EnrolmentRepository(Repository):
    """Tokens, and what devices get for them."""

    async def add_token(self, values: Row) -> None:
        """Store a token."""
        await self._connection.execute(insert(EnrolmentToken).values(**values))

    async def take_token(self, token_hash: str, now: datetime) -> Row | None:
        """Use a token up; None when there is none that can be used."""
        taken = (
            update(EnrolmentToken)
            .where(
                EnrolmentToken.token_hash == token_hash,
                EnrolmentToken.used_at.is_(None),
                EnrolmentToken.expires_at > now,
                Site.id == EnrolmentToken.site_id,
            )
            .values(used_at=now)
            .returning(EnrolmentToken.site_id, EnrolmentToken.device, Site.slug, Site.organization_id)
        )
        return await self._one(taken)

    async def good(self, serial: str) -> Row | None:
        """The device of a certificate that was issued and not revoked."""
        table = DeviceCertificate
        return await self._one(
            select(table.site_id, table.device, Site.slug, Site.organization_id)
            .join(Site, Site.id == table.site_id)
            .where(table.serial == serial, table.revoked_at.is_(None))
        )

    async def add_certificate(self, values: Row) -> None:
        """Store what was issued."""
        await self._connection.execute(insert(DeviceCertificate).values(**values))

    async def revoked(self, now: datetime) -> list[tuple[str, datetime]]:
        """Serials that are to be refused, with the moment; those that have ended by themselves are left out."""
        table = DeviceCertificate
        rows = await self._all(
            select(table.serial, table.revoked_at)
            .where(table.revoked_at.is_not(None), table.expires_at > now)
            .order_by(table.serial)
        )
        return [(row["serial"], row["revoked_at"]) for row in rows]


def revoked_serials(connection: Connection, now: datetime) -> list[tuple[str, datetime]]:
    """The same, on a plain connection."""
    table = DeviceCertificate
    statement = select(table.serial, table.revoked_at).where(table.revoked_at.is_not(None), table.expires_at > now)
    return [(row.serial, row.revoked_at) for row in connection.execute(statement.order_by(table.serial))]


def enrolled_devices(connection: Connection, now: datetime) -> list[tuple[str, str]]:
    """(site, device) of every device with a good certificate."""
    table = DeviceCertificate
    statement = (
        select(Site.slug, table.device)
        .join(Site, Site.id == table.site_id)
        .where(table.revoked_at.is_(None), table.expires_at > now)
        .distinct()
        .order_by(Site.slug, table.device)
    )
    return [(row[0], row[1]) for row in connection.execute(statement)]
