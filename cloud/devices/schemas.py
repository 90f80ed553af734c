"""Devices on the HTTP API."""

from __future__ import annotations

from typing import Literal

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime


class Device(ApiModel):
    """An edge box at a farm."""

    id: int
    slug: str
    name: str
    site: str
    """Slug of the site."""
    state: Literal["unknown", "online", "offline"]
    """Whether its agent is connected; ``unknown`` until it has said so."""
    state_at: UtcDatetime | None
    """Since when."""
    last_seen_at: UtcDatetime | None
    """When anything that the device sent was last stored."""
    agent_version: str | None


class DevicePage(Page[Device]):
    """Some devices."""
