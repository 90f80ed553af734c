"""Where archives go that somebody asked for from afar."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edge.sections import Section


class ArchiveUploadSettings(Section):
    """The platform, for whole archives. Their summary goes through the uplink anyway."""

    url: str = Field(pattern=r"^https?://")
    """Address that takes archives, e.g. ``https://shoal.farm/api/v1/device-archives``."""
    token_file: Path | None = None
    """File whose first line is sent as bearer token: a key of this box with the role ``operator`` and the scope
    ``diagnostics:write``; None sends none."""
    bytes_per_s: int = Field(default=50_000, ge=1000)
    """Upper bound of the upload in bytes per second, so that a phone link keeps room for alarms."""
    timeout_s: float = Field(default=20.0, gt=0)
    """Seconds without an answer after which an upload is given up and tried again later."""


class DiagnosticsSettings(Section):
    """What is told when somebody asks this box for diagnostics."""

    upload: ArchiveUploadSettings | None = None
    """Where whole archives go; None keeps them on the box, and only their summary is told."""
