"""Organization > site > unit. Slugs are the names on the wire; integer ids are the names in the database."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base, IntId


class Organization(Base):
    """A company or institute that runs sites."""

    __tablename__ = "organization"

    id: Mapped[IntId]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class Site(Base):
    """A farm. Its slug is unique over all organizations, because it is the second part of every topic."""

    __tablename__ = "site"

    id: Mapped[IntId]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    """IANA name; days on the dashboard are days at the farm."""
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]


class Unit(Base):
    """A tank, raceway, pond or net pen."""

    __tablename__ = "unit"
    __table_args__ = (UniqueConstraint("site_id", "slug"),)

    id: Mapped[IntId]
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    slug: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="tank")
    """tank, raceway, pond or net_pen."""
    volume_m3: Mapped[float | None]
    species: Mapped[str | None]
    stage: Mapped[str | None]
