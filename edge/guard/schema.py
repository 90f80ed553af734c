"""A file of rules: the ``guard`` section alone, as in firmware_configs/rules."""

from __future__ import annotations

from pydantic import Field

from edge.guard.settings import GuardSettings
from edge.sections import Section


class RulesFile(Section):
    """A file of firmware_configs/rules: a guard section to copy."""

    guard: GuardSettings = Field(description="What the box does by itself to keep fish alive.")
