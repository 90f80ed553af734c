"""Hours of what models saw and said, what was judged of them, and the advice that followed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.db.base import Base


class DriftHour(Base):
    """Means of one whole hour of a unit with one version."""

    __tablename__ = "drift_hour"

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, autoincrement=False)
    model_sha256: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    """Its begin."""
    observations: Mapped[int]
    signals: Mapped[dict[str, Any]]
    """``cloud.drift.signals.Signal`` -> mean; those that had a value."""
    mix: Mapped[dict[str, Any]]
    """Label -> mean number per frame."""


class DriftSeries(Base):
    """A version at a unit: from when on it is judged against what."""

    __tablename__ = "drift_series"

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, autoincrement=False)
    model_sha256: Mapped[str] = mapped_column(primary_key=True)
    model_name: Mapped[str]
    model_version: Mapped[str]
    reference_from: Mapped[datetime]
    """First hour of the reference: when the version began here, or what somebody has accepted as usual since."""
    newest_hour: Mapped[datetime]
    judged_until: Mapped[datetime | None]
    """Every day before this has been judged."""


class DriftSignal(Base):
    """What the newest day said of one signal."""

    __tablename__ = "drift_signal"

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, autoincrement=False)
    model_sha256: Mapped[str] = mapped_column(primary_key=True)
    signal: Mapped[str] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    psi: Mapped[float]
    ks: Mapped[float]
    p: Mapped[float]
    shift: Mapped[float]
    days: Mapped[int]
    reference_worth: Mapped[float]
    """Independent numbers in the reference."""
    window_worth: Mapped[float]
    changed_at: Mapped[datetime | None]
    drift_days: Mapped[int]
    """Days in a row that said drift."""
    calm_days: Mapped[int]
    """Days in a row that did not."""


class DriftAlert(Base):
    """Advice: from a day on, a signal was not what it was."""

    __tablename__ = "drift_alert"
    __table_args__ = (
        UniqueConstraint("unit_id", "model_sha256", "signal", "started_at"),
        Index("ix_drift_alert_site_id_started_at", "site_id", text("started_at DESC")),
        Index(
            "ix_drift_alert_open",
            "unit_id",
            "model_sha256",
            "signal",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    model_name: Mapped[str]
    model_version: Mapped[str]
    model_sha256: Mapped[str]
    signal: Mapped[str]
    family: Mapped[str]
    started_at: Mapped[datetime]
    told_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]
    """``stable``, ``accepted`` or ``replaced`` (the version runs here no more)."""
    accepted_by: Mapped[str | None]
    psi: Mapped[float]
    p: Mapped[float]
    shift: Mapped[float]
    text: Mapped[str]
    evidence: Mapped[list[Any]]
    """Images of the newest days, by hash."""
    before: Mapped[list[Any]]
    """Images of the reference, by hash."""
