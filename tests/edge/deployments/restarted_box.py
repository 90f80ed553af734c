"""A box whose agent is started again and again, and carries out what takes a new start; every life reads what is on the disk."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.deployments import DeploymentState, DeploymentStatus, DesiredModels
from edge.deployments.fleet import open_bandwidth
from edge.deployments.restart_updater import RestartUpdater
from edge.deployments.rules import Conditions
from edge.settings import EdgeSettings, load_settings
from models.releases.assignments import assign
from tests.edge.deployments.ceremony import DEVICE, SITE, Ceremony
from tests.edge.farm import VirtualClock, configuration


class PowerCutError(BaseException):
    """Nothing of the agent hears of it."""


class RestartedBox(ABC):
    """What boxes have in common, whatever is assigned to them.

    Args:
        folder: of the box and of the repository.
        model: name of the releases.
    """

    settings: EdgeSettings
    updater: RestartUpdater

    def __init__(self, folder: Path, *, model: str) -> None:
        self.clock = VirtualClock()
        self.ceremony = Ceremony(folder, clock=self.clock, model=model)
        (folder / "root.json").write_bytes(self.ceremony.root)
        deployments = {
            "root_file": "root.json",
            "sources": [{"kind": "folder", "path": "repository"}],
            "probation": {"length_s": 60, "max_boots": 2},
            "min_free_bytes": 0,
        }
        self.config = configuration(folder, deployments=deployments)
        self.settings = load_settings(self.config)
        self.told: list[DeploymentStatus] = []
        self.troubles: list[str] = []
        self.feeding: tuple[str, ...] = ()
        self.left, self.busy = "", ""
        self.pause: Callable[[float], object] = lambda _s: None

    @abstractmethod
    def start(self) -> None:
        """A new life."""

    def hear(self, desired: DesiredModels) -> None:
        self.updater.desire(desired)

    def surroundings(self) -> dict[str, Any]:
        """What every kind's updater is given."""
        assert self.settings.deployments is not None
        return {
            "data_dir": self.settings.data_dir,
            "site": SITE,
            "device": DEVICE,
            "clock": self.clock,
            "conditions": lambda: Conditions(feeding=self.feeding),
            "troubles": lambda: self.troubles,
            "tell": self.told.append,
            "start_anew": self._leave,
            "busy": lambda: self.busy,
            "bandwidth": open_bandwidth(
                self.settings.deployments, data_dir=self.settings.data_dir, clock=self.clock, pause=self.pause
            ),
        }

    def want(self, version: str, *, activate: bool = True, device: str = DEVICE) -> None:
        self.clock.advance(1)
        release, digest = self.ceremony.repository.release(self.ceremony.model, version)
        signed = assign(
            self.ceremony.assigner,
            release,
            digest,
            site=SITE,
            device=device,
            deployment=f"{self.ceremony.model[0]}-{version}",
            now=self.clock.now(),
            lease=timedelta(days=1),
        )
        self.hear(DesiredModels(assignment=signed, activate=activate))
        self.work()

    def work(self, steps: int = 6) -> None:
        for _ in range(steps):
            self.updater.work()

    def live_with(self, version: str, *, hangs: bool) -> None:
        """Some looks and starts with a version; ``hangs``: a vital part of it does."""
        self.want(version)
        for _ in range(4):
            self.work()
            if self.left:
                self.start()
                self.troubles = ["a vital part of the agent makes no progress"] if hangs else []
            else:
                self.clock.advance(61)

    def _leave(self, why: str) -> None:
        self.left = why

    @property
    def state(self) -> DeploymentState | None:
        return None if self.updater.deployment is None else self.updater.deployment.state

    @property
    def reason(self) -> str:
        return self.updater.deployment.reason if self.updater.deployment is not None else ""


def power_cuts(
    patch: pytest.MonkeyPatch, live: Callable[[], None], *, fresh: Callable[[], None], counts: Callable[[str], bool]
) -> Iterator[int]:
    """A life that is cut off before its first write, before its second, and so on, until none is left.

    Args:
        live: the life.
        fresh: makes the box as it was before.
        counts: whether a power cut before the file of this name got its content is of interest.
    """
    replace = os.replace
    patch.setattr(
        os, "fsync", lambda _file: None
    )  # the disk of this machine keeps its power, and most of the time went there
    for cut in range(80):
        left = cut

        def power(source: Path, target: Path) -> None:
            nonlocal left
            left -= counts(Path(target).name)
            if left < 0:
                raise PowerCutError
            replace(source, target)

        fresh()
        with patch.context() as patched:
            patched.setattr(os, "replace", power)
            try:
                live()
            except PowerCutError:
                pass
            else:
                return
        yield cut
    pytest.fail("every write was cut, and there were more")
