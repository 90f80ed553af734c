"""Where archives lie on the box: the newest few, readable by the agent's user alone."""

from __future__ import annotations

from pathlib import Path

from edge.deployments.disk import write_whole
from edge.diagnostics.bundle import Bundle

FOLDER = "diagnostics"
"""Name of the folder in ``data_dir``."""
KEPT = 5
"""Archives that are kept: at most 10 MB of disk."""


class Shelf:
    """The archives of one box.

    Args:
        data_dir: of the agent.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER

    def keep(self, bundle: Bundle) -> Path:
        """Put an archive here, and let the oldest beyond ``KEPT`` go.

        Raises:
            OSError: the disk is full or broken.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in self._all()[: -(KEPT - 1)]:
            old.unlink(missing_ok=True)
            for beside in self._folder.glob(f"{old.stem}.*"):
                beside.unlink(missing_ok=True)
        for unfinished in self._folder.glob(".*.part"):
            unfinished.unlink(missing_ok=True)
        path = self._folder / bundle.name
        write_whole(path, bundle.content)
        return path

    def newest(self) -> Path | None:
        """The newest archive; None when there is none."""
        return next(reversed(self._all()), None)

    def waiting(self, mark: str) -> list[Path]:
        """Files with this ending beside archives, oldest first."""
        return sorted(self._folder.glob(f"diagnostics-*{mark}"))

    def _all(self) -> list[Path]:
        return sorted(self._folder.glob("diagnostics-*.zip"))  # the name is the time
