"""Which models are installed: bundles that ship with Shoal, and those in ``SHOAL_MODELS_DIR``. Reads manifests only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cloud.errors import ConflictError, NoModelError, NotFoundError
from cloud.predictions.rules import takes_candidate, version_key
from cloud.settings import ModelSplit
from contracts.bundles import ModelManifest, Task
from models.runtime.bundle import MANIFEST_NAME, SHIPPED_BUNDLES, read_manifest
from models.runtime.errors import BundleError

_LOOK_EVERY_S: Final = 5.0
_MAX_BUNDLES: Final = 500
_USUAL: Final = {Task.DETECTION: "fish-detector", Task.CLASSIFICATION: "fish-species", Task.SCORES: "fish-health"}
_HOW_TO_GET: Final = {
    Task.DETECTION: "Shoal ships one in models/bundles; install the package again",
    Task.CLASSIFICATION: (
        "Train one on pictures that you may use: python -m models.classifier.train --data DIR --bundle"
        " $SHOAL_MODELS_DIR/fish-species"
    ),
    Task.SCORES: "Put a bundle of the task `scores` into the folder that SHOAL_MODELS_DIR names",
}


@dataclass(frozen=True, slots=True)
class Installed:
    """One bundle that could be run."""

    folder: Path
    manifest: ModelManifest
    shipped: bool

    @property
    def key(self) -> str:
        """``name@version``."""
        return f"{self.manifest.name}@{self.manifest.version}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A version, and why it was chosen."""

    model: Installed
    arm: Literal["asked", "active", "candidate"]
    """``asked``, ``active`` or ``candidate``."""


class Catalogue:
    """The installed bundles, looked at again every few seconds: who copies one in need not restart anything.

    Args:
        models_dir: folder with ``name/`` or ``name/version/`` bundles, or None.
        active: ``name@version`` by task, where it is not the newest version of the usual name.
        splits: by name of a model, which part of the units gets another version.
        clock: monotonic seconds.
        shipped: the bundles of the package.
    """

    def __init__(
        self,
        models_dir: Path | None,
        *,
        active: Mapping[Any, str],
        splits: Mapping[str, ModelSplit],
        clock: Callable[[], float] = time.monotonic,
        shipped: Path = SHIPPED_BUNDLES,
    ) -> None:
        self._models_dir = models_dir
        self._active = dict(active)
        self._splits = dict(splits)
        self._clock = clock
        self._shipped = shipped
        self._found: list[Installed] = []
        self._broken: dict[str, str] = {}
        self._looked_at: float | None = None

    def all(self) -> list[Installed]:
        """Every bundle, by name, newest version first."""
        now = self._clock()
        if self._looked_at is None or now - self._looked_at > _LOOK_EVERY_S:
            self._look()
            self._looked_at = now
        return self._found

    def broken(self) -> dict[str, str]:
        """Folders that hold no usable manifest, with the reason."""
        self.all()
        return dict(self._broken)

    def active(self, task: Task) -> Installed:
        """The version that answers when nobody asks for another.

        Raises:
            NoModelError: none is installed for this task, or several are and none is the usual one.
        """
        of_task = [each for each in self.all() if each.manifest.task is task]
        chosen = self._active.get(task.value)
        if chosen is not None:
            for each in of_task:
                if chosen in {each.key, each.manifest.name}:
                    return each
            raise NoModelError(f"SHOAL_PREDICT_ACTIVE names {chosen} for {task.value}, which is not installed")
        names = {each.manifest.name for each in of_task}
        if not names:
            raise NoModelError(f"No model for {task.value} is installed. {_HOW_TO_GET[task]}")
        name = _USUAL[task] if _USUAL[task] in names else next(iter(names))
        if len(names) > 1 and name != _USUAL[task]:
            raise NoModelError(
                f"Several models do {task.value}: {', '.join(sorted(names))}. Name one as `model`, or set SHOAL_PREDICT_ACTIVE"
            )
        return next(each for each in of_task if each.manifest.name == name)

    def is_active(self, model: Installed) -> bool:
        """Whether this version answers for its task."""
        try:
            return self.active(model.manifest.task) == model
        except NoModelError:
            return False

    def find(self, version: str) -> Installed:
        """A bundle by ``name@version``, ``name`` (its newest), ``version`` (where one model has it) or sha256.

        Raises:
            NotFoundError: there is none.
            ConflictError: several models have this version.
        """
        found = [
            each
            for each in self.all()
            if version in {each.key, each.manifest.name, each.manifest.version, each.manifest.sha256}
        ]
        if not found:
            raise NotFoundError("There is no such model; GET /api/v1/ml/models lists those there are")
        if len({each.manifest.name for each in found}) > 1:
            raise ConflictError(
                f"Several models have this version: {', '.join(each.key for each in found)}. Write one of these"
            )
        return found[0]

    def choose(self, task: Task | None, *, model: str | None, version: str | None, unit: str | None) -> Choice:
        """The version for a request.

        Args:
            task: what must be done; None takes whatever the named model does, or detection.
            model: a name, or None for the active one.
            version: of it, or None.
            unit: stable name of the unit, for splits; None is never part of one.

        Raises:
            NoModelError: none fits.
            NotFoundError: the named one is not installed.
            ConflictError: ``version`` alone is ambiguous.
        """
        if model is None and version is None:
            return self._split(self.active(task or Task.DETECTION), unit)
        found = self.find(f"{model}@{version}" if model and version else str(model or version))
        if task is not None and found.manifest.task is not task:
            raise NoModelError(f"{found.key} does {found.manifest.task.value}, not {task.value}")
        return self._split(found, unit) if version is None else Choice(found, "asked")

    def _split(self, active: Installed, unit: str | None) -> Choice:
        split = self._splits.get(active.manifest.name)
        if split is not None and unit is not None and split.version != active.manifest.version:
            candidate = next(
                (each for each in self.all() if each.key == f"{active.manifest.name}@{split.version}"), None
            )
            if candidate is not None and takes_candidate(candidate.key, unit, split.share):
                return Choice(candidate, "candidate")
        return Choice(active, "active")

    def _look(self) -> None:
        found: dict[str, Installed] = {}
        self._broken = {}
        for folder, shipped in [*_folders(self._models_dir, shipped=False), *_folders(self._shipped, shipped=True)]:
            try:
                installed = Installed(folder, read_manifest(folder), shipped)
            except BundleError as error:
                self._broken[folder.name] = str(error)
                continue
            found.setdefault(installed.key, installed)  # the farm's own goes before what was shipped
        ordered = sorted(found.values(), key=lambda each: version_key(each.manifest.version), reverse=True)
        self._found = sorted(ordered, key=lambda each: each.manifest.name)


def _folders(root: Path | None, *, shipped: bool) -> list[tuple[Path, bool]]:
    if root is None or not root.is_dir():
        return []
    manifests = sorted([*root.glob(f"*/{MANIFEST_NAME}"), *root.glob(f"*/*/{MANIFEST_NAME}")])
    return [(path.parent, shipped) for path in manifests[:_MAX_BUNDLES]]
