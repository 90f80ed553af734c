"""Published check values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def published(shared_data: Path) -> dict[str, Any]:
    """Published check values with their tolerances."""
    values: dict[str, Any] = json.loads((shared_data / "check_values.json").read_text())
    return values
