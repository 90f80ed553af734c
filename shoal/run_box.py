"""``shoal up``: a real farm's box, until it is told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import ConfigurationError
from shoal.box import BoxFolder, configure
from shoal.ports import PortClaims
from shoal.screen import Terminal
from shoal.up import Box

POLL_S = 0.2


@dataclass(frozen=True)
class UpOptions:
    """What the user asked for."""

    data_dir: Path
    http_port: int | None = None
    mqtt_port: int | None = None
    edges: tuple[Path, ...] = ()
    """Configuration files of edge agents to run in this box too."""
    database_url: str | None = None
    repository: Path | None = None
    """Folder of the signed releases; None: the folder ``repository`` of the box, if there is one."""
    assigner_key: Path | None = None
    """Public file of the key that signs assignments; None: ``keys/assigner.pub.json`` in the box's folder, if there is one."""
    log_level: str = "info"


def run(options: UpOptions, screen: Terminal, *, stopped: Callable[[], bool]) -> None:
    """Run the box.

    Raises:
        ConfigurationError: an option cannot be used; nothing was started.
        StartError: a process did not start; everything was stopped again.
    """
    edges = _edges(options.edges)
    folder = BoxFolder(options.data_dir)
    folder.create()
    with folder.lock(), closing(PortClaims()) as claims:
        config = configure(
            folder,
            claims,
            wanted_ports={"http": options.http_port, "mqtt": options.mqtt_port},
            edges=edges,
            database_url=options.database_url,
            repository=options.repository or _existing(folder.root / "repository"),
            assigner_key=options.assigner_key or _existing(folder.root / "keys" / "assigner.pub.json"),
            log_level=options.log_level,
        )
        box = Box(folder, config)
        if box.database_elsewhere is not None:
            screen.moved(box.database_elsewhere)
        try:
            box.start(screen)
            screen.running(box.address, folder.credentials(), folder, sites=())
            while not stopped():
                box.supervisor.check()
                time.sleep(POLL_S)
            screen.stopping()
        finally:
            box.stop()


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None


def _edges(paths: tuple[Path, ...]) -> dict[str, str]:
    """Agents by process name, their files checked."""
    if not paths:
        return {}
    from edge.program import check

    edges: dict[str, str] = {}
    for path in paths:
        settings = check(path)
        name = f"edge-{settings.site}-{settings.device}"
        if name in edges:
            raise ConfigurationError("edge", str(path), f"{edges[name]} is for the same site and device")
        edges[name] = str(path.absolute())
    return edges
