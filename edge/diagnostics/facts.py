"""Gathers what the archive tells: from the running agent, or from the box alone when the agent does not run."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable
from importlib import metadata
from typing import Any

import psutil

from edge import __version__
from edge.checkup.finding import Finding, Verdict
from edge.checkup.machine import temperatures
from edge.clock import Clock, kernel_synchronised, machine_boot_id
from edge.diagnostics.bundle import Facts
from edge.logs import recent
from edge.settings import EdgeSettings


def gather(
    settings: EdgeSettings,
    *,
    clock: Clock,
    by: str,
    findings: Iterable[Finding],
    status: dict[str, Any] | None = None,
) -> Facts:
    """Everything that is known now; a part that cannot be read is left out and told as a finding.

    Args:
        settings: in effect.
        clock: whose time and trust are told.
        by: who asked.
        findings: of the doctor, taken as they come; what an examination raises is a finding too.
        status: what the local page shows.
    """
    errors, lines = recent.lines()
    return Facts(
        at=clock.now(),
        site=settings.site,
        device=settings.device,
        by=by,
        status=status or {},
        configuration=settings.model_dump(serialize_as_any=True),
        versions=versions(),
        findings=_taken(findings),
        machine=_machine(settings, clock),
        errors=errors,
        lines=lines,
    )


def versions() -> list[str]:
    """The agent, Python and every installed package, as ``name==version``."""
    found = sorted({f"{one.metadata['Name']}=={one.version}" for one in metadata.distributions()})
    return [f"agent=={__version__}", f"python=={platform.python_version()}", *found]


def _taken(findings: Iterable[Finding]) -> list[Finding]:
    taken: list[Finding] = []
    try:
        taken.extend(findings)
    except Exception as error:  # noqa: BLE001  (an examination that fails must not cost the archive)
        taken.append(Finding("examination", Verdict.WARNING, f"It ended early: {type(error).__name__}: {error}"))
    return taken


def _machine(settings: EdgeSettings, clock: Clock) -> dict[str, Any]:
    told: dict[str, Any] = {
        "machine": platform.machine(),
        "system": platform.platform(),
        "boot_id": machine_boot_id(),
        "clock": {"now": clock.now().isoformat(), "trusted": clock.trusted(), "synchronised": kernel_synchronised()},
        "temperatures": temperatures(),
    }
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    told["memory"] = {"total": memory.total, "available": memory.available, "swap_used": swap.used}
    told["load"] = psutil.getloadavg()
    told["booted_at_s"] = psutil.boot_time()
    try:
        told["disk"] = shutil.disk_usage(settings.data_dir)._asdict()
        told["files"] = {
            path.name: path.stat().st_size for path in sorted(settings.data_dir.iterdir())[:200] if path.is_file()
        }
    except OSError as error:
        told["disk"] = str(error)
    return told
