"""What Shoal weighs: memory of an idle edge agent against a bare Python process, and beside it sizes, imports and a box.

`value` is the resident memory of `python -m edge run` with sensors and no camera, after it has settled. `details` has the
installed size of each extra's distributions, `[edge,cpu]` installed into an environment of its own, the import time of each program, and every process of an idle box.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.architecture.tree import ROOT, declared, normalized
from tests.benchmarks.harness import Pair, result
from tests.servers.process import free_port, program

SETTLE_S = 5.0
PROGRAMS = {"edge": "edge.agent", "bridge": "bridge.uplink", "cloud": "cloud.app", "command line": "shoal.cli"}
EXTRAS = {"edge": ("edge",), "edge,cpu": ("edge", "cpu"), "bridge": ("bridge",), "cloud": ("cloud",), "box": ("box",)}
BAR_EDGE_MB, BAR_BOX_MB = 150, 600
BAR_INSTALLED_MB, BAR_IMPORT_S = 350, 1.0
BARE = [sys.executable, "-c", "import time; time.sleep(600)"]

EDGE_CONFIG = """
site: bench
device: edge-1
data_dir: {folder}
units: [{{slug: tank-1, species: salmo_salar}}]
mqtt: {{port: {mqtt}}}
sensors:
  - name: water
    broker: {{port: {mqtt}}}
    channels: [{{name: tank-1.do, unit: tank-1, quantity: do, topic: farm/tank-1/water, pointer: /do}}]
model: null
metrics: {{port: {page}}}
"""


def run(quick: bool) -> dict[str, Any]:
    """Measure; quick leaves the box out and takes one round."""
    pairs = []
    for _ in range(1 if quick else 3):
        with _edge_agent() as agent, _started(BARE) as bare:
            time.sleep(1.0 if quick else SETTLE_S)
            pairs.append(Pair(ours=_rss_mb(agent.pid), floor=_rss_mb(bare.pid), details={}))
    details: dict[str, Any] = {
        "bar_edge_mb": BAR_EDGE_MB,
        "installed_mb": {name: installed_mb(*extras) for name, extras in EXTRAS.items()},
        "import_s": {name: _import_s(module, rounds=1 if quick else 5) for name, module in PROGRAMS.items()},
    }
    if not quick:
        details |= {"bar_box_mb": BAR_BOX_MB, **_fresh_edge(), **_idle_box()}
    return result("footprint", pairs, unit="MB", higher_is_better=False, details=details)


def installed_mb(*extras: str) -> float:
    """Size on disk of what `pip install '.[extras]'` brings, measured on the distributions installed here."""
    total, waiting, seen = 0, sorted(declared(*extras)), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or Python version
        total += sum(
            path.stat().st_size for file in distribution.files or [] if (path := Path(str(file.locate()))).is_file()
        )
        waiting += [normalized(line) for line in distribution.requires or [] if not re.search(r";.*\bextra\b", line)]
    return round(total / 1e6, 1)


def _fresh_edge() -> dict[str, Any]:
    """`[edge,cpu]` in an environment of its own: its size on disk, and its import, with nothing else installed."""
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        uv = [program("uv", "pip install uv")]
        subprocess.run([*uv, "venv", "--python", sys.executable, str(venv)], check=True, capture_output=True)
        empty_mb = _tree_mb(venv)
        python = venv / "bin" / "python"
        install = [*uv, "pip", "install", "--python", str(python), "--link-mode", "copy", f"{ROOT}[edge,cpu]"]
        subprocess.run(install, check=True, capture_output=True)
        code = "import time; t = time.perf_counter(); import edge.agent; print(time.perf_counter() - t)"
        times = [
            float(subprocess.run([python, "-c", code], cwd=folder, check=True, capture_output=True).stdout)
            for _ in range(4)
        ]
        return {
            "bar_fresh_edge_cpu_mb": BAR_INSTALLED_MB,
            "fresh_edge_cpu_mb": round(_tree_mb(venv) - empty_mb, 1),
            "bar_fresh_edge_import_s": BAR_IMPORT_S,
            "fresh_edge_first_import_s": round(times[0], 2),
            "fresh_edge_import_s": round(statistics.median(times[1:]), 2),
        }


def _tree_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def _import_s(module: str, *, rounds: int) -> float:
    """Seconds that importing a program takes beyond starting Python."""

    def seconds(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        return time.perf_counter() - began

    seconds(f"import {module}")  # fills the caches of files and bytecode
    return round(statistics.median(seconds(f"import {module}") - seconds("pass") for _ in range(rounds)), 2)


@contextlib.contextmanager
def _started(command: list[str], *, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("wb")) if log else subprocess.DEVNULL
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield child
        finally:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(40)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def _edge_agent() -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        config, page = Path(folder) / "edge.yaml", free_port()
        config.write_text(EDGE_CONFIG.format(folder=folder, mqtt=free_port(), page=page))
        command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
        with _started(command, log=Path(folder) / "log") as agent:
            _wait_for(f"http://127.0.0.1:{page}/metrics", agent, Path(folder) / "log")
            yield agent


def _idle_box() -> dict[str, Any]:
    """Every process of `shoal up` with one edge agent, ten seconds after it is ready."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)  # as root the database runs as another user
        config, http, mqtt = folder / "edge.yaml", free_port(), free_port()
        config.write_text(EDGE_CONFIG.format(folder=folder / "edge", mqtt=mqtt, page=free_port()))
        command = [sys.executable, "-m", "shoal", "up", "--data-dir", str(folder / "box"), "--edge", str(config)]
        command += ["--http-port", str(http), "--mqtt-port", str(mqtt)]
        began = time.monotonic()
        with _started(command, log=folder / "log") as box:
            _wait_for(f"http://127.0.0.1:{http}/ready", box, folder / "log")
            ready_s = time.monotonic() - began
            time.sleep(2 * SETTLE_S)
            names = _names_by_pid(folder / "box")
            return {"box_ready_s": round(ready_s, 1), **_box_memory(box.pid, names)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _names_by_pid(box: Path) -> dict[int, str]:
    processes: dict[str, int] = json.loads(next(box.rglob("processes.json")).read_text())
    return {pid: name for name, pid in processes.items()}


def _box_memory(root: int, names: dict[int, str]) -> dict[str, Any]:
    """Memory by program; RSS counts a shared page in every process, PSS counts it once."""
    rss: dict[str, float] = {}
    total_pss = 0.0

    def add(process: psutil.Process, name: str) -> None:
        nonlocal total_pss
        name = names.get(process.pid, name)
        with contextlib.suppress(psutil.NoSuchProcess):
            memory = process.memory_full_info()
            rss[name] = rss.get(name, 0.0) + memory.rss / 1e6
            total_pss += memory.pss / 1e6
            for child in process.children():
                add(child, name)

    add(psutil.Process(root), "supervisor")
    return {
        "box_rss_mb": round(sum(rss.values())),
        "box_pss_mb": round(total_pss),
        "box_rss_by_process_mb": {name: round(mb) for name, mb in sorted(rss.items())},
    }


def _rss_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def _wait_for(url: str, child: subprocess.Popen[bytes], log: Path, *, timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310  (our own address)
            return
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not answer:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
