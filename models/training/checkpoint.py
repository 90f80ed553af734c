"""A run's state on disk: written whole or not at all, and only continued by the same configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from contracts.errors import ConfigurationError

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the run's checkpoint atomically; a kill at any moment leaves the old or the new one."""
    partial = folder / f"{CHECKPOINT}.partial"
    torch.save(state, partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(folder / CHECKPOINT)


def load_checkpoint(folder: Path, config_sha256: str, data_sha256: str) -> dict[str, Any] | None:
    """Return the state to go on from, or None at the start of a run.

    Raises:
        ConfigurationError: the folder holds a run of another configuration or other data.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    # Only tensors, numbers and strings: a checkpoint can never run code.
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    for what, mine in (("config_sha256", config_sha256), ("data_sha256", data_sha256)):
        if state[what] != mine:
            raise ConfigurationError("--out", str(folder), f"It holds a run with another {what}. Give a new folder.")
    return state
