"""The JSON Schema of the ``guard`` section, for editors: ``python -m edge.guard.schema [FILE]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import Field

from edge.guard.settings import GuardSettings
from edge.sections import Section

SCHEMA_FILE = Path("firmware_configs/schema/guard.schema.json")


class RulesFile(Section):
    """A file of firmware_configs/rules: a guard section to copy."""

    guard: GuardSettings = Field(description="What the box does by itself to keep fish alive.")


def schema_text() -> str:
    """The schema as it stands in the repository."""
    return json.dumps(RulesFile.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else SCHEMA_FILE).write_text(schema_text(), encoding="utf-8")
