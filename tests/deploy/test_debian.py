from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from edge.settings import load_settings
from tests.deploy.files import DEPLOY, passes, run
from tests.tools.registry import need

one_worker = pytest.mark.xdist_group("debian")  # the package is built once
MAINTAINER_SCRIPTS = ("postinst", "prerm", "postrm")
UNITS = ("shoal-edge.service", "shoal-edge-renew.service", "shoal-edge-renew.timer")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The edge's package without the Python packages of its lock, unpacked; ``DEBIAN`` holds its control files.

    With them it is built, installed and lived through by deploy/debian/try.sh.
    """
    need("dpkg-deb")
    folder = tmp_path_factory.mktemp("debian")
    environment = os.environ | {"PYTHON": sys.executable, "LOCK": os.devnull, "COMPRESSION": "0"}
    done = run(str(DEPLOY / "debian/build.sh"), "edge", str(folder), environment=environment, timeout_s=280)
    assert done.returncode == 0, done.stdout + done.stderr
    tree = folder / "tree"
    passes("dpkg-deb", "--raw-extract", str(next(folder.glob("shoal-edge_*.deb"))), str(tree))
    return tree


@pytest.mark.parametrize(
    "script",
    [*(DEPLOY / "debian").glob("*.sh"), *(DEPLOY / "docker").glob("*.sh"), DEPLOY / "compose/try.sh"]
    + [DEPLOY / "debian" / name for name in MAINTAINER_SCRIPTS]
    + sorted((DEPLOY / "compose/stand-in").rglob("entry")),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_shellcheck_finds_nothing_in_the_scripts(script: Path) -> None:
    passes(need("shellcheck"), "--external-sources", "--severity", "warning", str(script))


@one_worker
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_package_runs_where_it_is_installed_and_knows_nothing_of_where_it_was_built(package: Path) -> None:
    program = package / "opt/shoal/bin/shoal"
    assert program.read_text().splitlines()[0] == "#!/opt/shoal/bin/python3"
    assert (package / "usr/bin/shoal").readlink() == Path("/opt/shoal/bin/shoal")
    assert (package / "opt/shoal/bin/python3").resolve() == Path("/usr/bin/python3").resolve()
    assert not list(package.rglob("direct_url.json"))
    for unit in UNITS:
        assert (package / "usr/lib/systemd/system" / unit).read_text() == (DEPLOY / "systemd" / unit).read_text()
    documentation = (DEPLOY / "systemd/shoal-edge.service").read_text().split("Documentation=file:/")[1].split("\n")[0]
    assert (package / documentation).is_file()


@one_worker
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_settings_are_kept_at_an_upgrade_and_are_ones_that_the_agent_accepts(package: Path) -> None:
    assert (package / "DEBIAN/conffiles").read_text().split() == ["/etc/shoal/edge.yaml", "/etc/shoal/renew.env"]
    settings = package / "etc/shoal/edge.yaml"
    assert yaml.safe_load(settings.read_text())["data_dir"] == "/var/lib/shoal/edge"
    assert load_settings(settings).site == "north-fjord"


@one_worker
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_installation_starts_nothing_and_a_purge_leaves_the_measurements(package: Path) -> None:
    scripts = {name: (package / "DEBIAN" / name).read_text() for name in MAINTAINER_SCRIPTS}
    for name, text in scripts.items():
        assert "@" not in text.replace("$@", ""), name
        passes("sh", "-n", str(package / "DEBIAN" / name))
    assert " enable " not in scripts["postinst"].split("echo")[0]
    assert "rm -rf /etc/shoal\n" in scripts["postrm"]
    own = "rm -rf /var/lib/shoal/edge/agent\n"  # versions of the program, no measurements
    assert scripts["postrm"].count(own) == 2
    assert "rm -rf /var" not in "".join(scripts.values()).replace(own, "")
