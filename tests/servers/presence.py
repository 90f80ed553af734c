"""What happens where a server or a data set is missing: a visible skip with the remedy, or a failure where CI=true."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


class MissingServerError(Exception):
    """A server cannot be started on this machine; the message ends with the remedy."""


def in_ci() -> bool:
    """Whether a missing part is a failure."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the running test, or fail it in CI, where a green build means that everything ran."""
    text = f"{what} is missing: {remedy}"
    if in_ci():
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def install_folder() -> Path:
    """Where downloaded servers live: ``SHOAL_SERVERS_DIR`` (a build cache), or ``.servers`` in the checkout."""
    return Path(os.environ.get("SHOAL_SERVERS_DIR") or ROOT / ".servers")
