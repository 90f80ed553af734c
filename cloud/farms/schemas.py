"""Units on the HTTP API."""

from __future__ import annotations

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel


class Unit(ApiModel):
    """A tank, raceway, pond or net pen."""

    id: int
    slug: str
    name: str
    kind: str
    """``tank``, ``raceway``, ``pond`` or ``net_pen``."""
    volume_m3: float | None
    species: str | None
    stage: str | None
    """Life stage, as in the limits for fish."""
    site: str
    """Slug of the site."""


class UnitPage(Page[Unit]):
    """Some units."""


class UnitRef(ApiModel):
    """A unit by its names."""

    id: int
    slug: str
    name: str
