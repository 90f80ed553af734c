"""The version of the agent that the fleet wishes for, where nobody releases agents: packages or images of the machine bring it.

What is wanted is told to whoever installs (``wanted-version`` in the deployments' folder, for a timer or a configuration tool), and
what runs is told to the fleet, no sooner than it runs. Versions that people have signed are installed by ``agent_updater``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from contracts.deployments import DeploymentState, DeploymentStatus, DesiredAgent, ReportedModels, agent_sha256
from edge.clock import Clock
from edge.deployments.disk import write_whole

FILE = "wanted-version"


class AgentVersion:
    """Hears which version is wanted.

    Args:
        folder: of deployments, where the wish is written.
        running: the version of this very agent.
        tell: gets every change.
    """

    def __init__(
        self,
        folder: Path,
        *,
        site: str,
        device: str,
        running: str,
        clock: Clock,
        tell: Callable[[DeploymentStatus], None],
    ) -> None:
        self._file = folder / FILE
        self._site, self._device = site, device
        self._running = running
        self._clock = clock
        self._tell = tell
        self._lock = threading.Lock()
        self._told = ""
        self.wanted: DesiredAgent | None = None

    def desire(self, wanted: DesiredAgent) -> None:
        """What the cloud wants; the same may come again and again."""
        with self._lock:
            self.wanted = wanted
            status = self._status(wanted)
            told = f"{wanted.deployment} {status.state.value} {wanted.activate}"
            if told == self._told:
                return
            if wanted.activate:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self._file, f"{wanted.version}\n".encode())
            self._told = told  # not before: a full disk must not make the next hearing of it a known one
        self._tell(status)

    def reported(self) -> ReportedModels:
        """Wanted and running side by side."""
        wanted = self.wanted
        return ReportedModels(
            running_sha256=agent_sha256(self._running),
            running=f"agent {self._running}",
            deployment=None if wanted is None else self._status(wanted),
        )

    def _status(self, wanted: DesiredAgent) -> DeploymentStatus:
        runs = wanted.version == self._running
        waiting = f"agent {wanted.version} to be installed on this machine; {self._running} runs"
        return DeploymentStatus(
            site=self._site,
            device=self._device,
            deployment=wanted.deployment,
            state=DeploymentState.COMMITTED if runs else DeploymentState.ACTIVATING,
            running_sha256=agent_sha256(self._running),
            sha256=agent_sha256(wanted.version),
            waiting_for=None if runs else waiting,
            observed_at=self._clock.now(),
        )
