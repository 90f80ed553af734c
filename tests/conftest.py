"""Fixtures that every part of the suite may ask for: the real data next to the checkout, and the real servers.

A machine without the data or a server skips what needs it and says how to get it; with CI=true the same is a failure.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.servers.presence import ROOT, missing

pytest_plugins = ["tests.servers.fixtures"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real data sets (``SHOAL_TEST_DATA``, or ``../shared/data`` beside the checkout)."""
    folder = Path(os.environ.get("SHOAL_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "fish_detection").is_dir():
        missing(f"real data at {folder}", "set SHOAL_TEST_DATA to the folder that holds fish_detection/")
    return folder
