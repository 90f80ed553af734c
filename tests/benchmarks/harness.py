"""Paired timing: ours and the floor alternate (A B A B), so that a busy or warming machine touches both alike.

`ratio` is ours against the floor, turned so that 1.0 is the floor and higher is better, whatever the unit.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Timing:
    """One measured call: its work, wall time, and the processor time of this process, its threads and ended children."""

    units: float
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Units of work per second of wall time."""
        return self.units / self.wall_s

    @property
    def cpu_us(self) -> float:
        """Processor time per unit of work, in microseconds."""
        return self.cpu_s / self.units * 1e6


@dataclass(frozen=True)
class Pair:
    """One round: the figure of ours and of the floor, with what is worth keeping about each."""

    ours: float
    floor: float
    details: dict[str, Any]


def timed(work: Callable[[], float]) -> Timing:
    """Call ``work``, which returns how many units it did."""
    cpu_before, began = _cpu_s(), time.perf_counter()
    units = work()
    wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - cpu_before
    return Timing(units=units, wall_s=wall_s, cpu_s=cpu_s)


def paired_rates(ours: Callable[[], float], floor: Callable[[], float], *, rounds: int) -> list[Pair]:
    """Alternate ours and floor ``rounds`` times, after one unmeasured call of each; figures are units per second."""
    ours()
    floor()
    pairs = []
    for _ in range(rounds):
        a, b = timed(ours), timed(floor)
        details = {"ours_cpu_us": round(a.cpu_us, 2), "floor_cpu_us": round(b.cpu_us, 2)}
        pairs.append(Pair(ours=a.rate, floor=b.rate, details=details))
    return pairs


def result(
    name: str,
    pairs: Sequence[Pair],
    *,
    unit: str,
    higher_is_better: bool = True,
    bar: float | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON object of a benchmark.

    Args:
        name: as on the command line.
        pairs: measured rounds; medians are reported, the rounds stay in ``runs``.
        unit: unit of ``value`` and ``floor``.
        higher_is_better: False for seconds, bytes and the like.
        bar: the ratio that this must not fall below, where one was set.
        details: further figures, each with its unit in its name.
    """
    ratios = [p.ours / p.floor if higher_is_better else p.floor / p.ours for p in pairs]
    out: dict[str, Any] = {
        "name": name,
        "value": _short(statistics.median(p.ours for p in pairs)),
        "unit": unit,
        "floor": _short(statistics.median(p.floor for p in pairs)),
        "ratio": round(statistics.median(ratios), 3),
        "machine": machine(),
        "runs": [{"ours": _short(p.ours), "floor": _short(p.floor), **p.details} for p in pairs],
    }
    if bar is not None:
        out["bar"] = bar
    if details:
        out["details"] = details
    return out


def machine() -> dict[str, Any]:
    """What a reader needs to compare with another machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_1m": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  (a kernel file, read line by line)
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _cpu_s() -> float:
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def _short(value: float) -> float:
    """Four significant digits: a benchmark does not know more."""
    return float(f"{value:.4g}")
