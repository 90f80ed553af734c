"""The committed build is what the sources give, small enough for a farm's link, and needs nothing from outside."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers.presence import ROOT, MissingServerError, missing
from tests.servers.process import program
from tests.servers.timescale.server import NODE_REMEDY, node

DASHBOARD = ROOT / "cloud" / "dashboard"
DIST = DASHBOARD / "dist"
FIRST_LOAD_BYTES = 300_000
"""Of JavaScript, gzip: what a phone on a farm's link waits for before the first value."""
FIRST_SCRIPT_BYTES = 18_000
"""Of the login and the first picture of the wall, gzip: a tenth of a second of such a link."""
NOT_SOURCE = shutil.ignore_patterns("node_modules", "dist")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the locked packages installed, as a newcomer would have it."""
    try:
        node()
        npm = program("npm", NODE_REMEDY)
    except MissingServerError as error:
        missing("Node.js", str(error))
    folder = tmp_path_factory.mktemp("checkout") / "dashboard"
    shutil.copytree(DASHBOARD, folder, ignore=NOT_SOURCE)
    run(npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", folder=folder)
    return folder


def run(npm: str, *arguments: str, folder: Path) -> None:
    path = os.pathsep.join((str(Path(npm).parent), os.environ.get("PATH", os.defpath)))
    done = subprocess.run(
        [npm, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.node
@pytest.mark.timeout(600)
def test_committed_build_is_reproduced_byte_for_byte(checkout: Path) -> None:
    run(program("npm", NODE_REMEDY), "run", "build", folder=checkout)
    assert files(checkout / "dist") == files(DIST), "run `make dashboard` and commit cloud/dashboard/dist"


@pytest.mark.node
@pytest.mark.timeout(600)
def test_types_lint_format_and_unit_tests_pass(checkout: Path) -> None:
    run(program("npm", NODE_REMEDY), "run", "check", folder=checkout)


@pytest.mark.node
@pytest.mark.timeout(600)
def test_generated_types_match_the_openapi_document(checkout: Path) -> None:
    run(program("npm", NODE_REMEDY), "run", "types", folder=checkout)
    generated = checkout / "src" / "api" / "schema.d.ts"
    assert generated.read_bytes() == (DASHBOARD / "src" / "api" / "schema.d.ts").read_bytes(), "npm run types"


def test_first_load_is_small() -> None:
    [first] = re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', (DIST / "index.html").read_text())
    assert packed(first) <= FIRST_SCRIPT_BYTES
    [main] = re.findall(r'"(assets/main-[^"]+\.js)"[^]]*', (DIST / first).read_text())[:1]
    [words] = [path.relative_to(DIST).as_posix() for path in DIST.glob("assets/en-*.js")]
    assert sum(packed(name) for name in (first, words, *needed_by(main))) <= FIRST_LOAD_BYTES


def needed_by(script: str) -> set[str]:
    """A script and all that it imports before it runs, but for the first script."""
    found, waiting = set[str](), {script}
    while waiting:
        found |= waiting
        imported = {
            f"assets/{name}"
            for each in waiting
            for name in re.findall(r'(?:from|import)["`]\./([^"`]+)["`]', (DIST / each).read_text())
        }
        waiting = {name for name in imported if not name.startswith("assets/first-")} - found
    return found


def packed(name: str) -> int:
    return len(gzip.compress((DIST / name).read_bytes(), 9))


def test_login_and_first_picture_are_one_file_without_react() -> None:
    [first] = DIST.glob("assets/first-*.js")
    script = first.read_text()
    assert re.findall(r'(?:from|import)["`]\./', script) == [], "it would wait for another file"
    assert "react" not in script.lower()
    assert "Sign in to your farm" in script


def test_service_worker_keeps_files_that_there_are() -> None:
    kept = set(re.findall(r'"/(assets/[^"]+)"', (DIST / "sw.js").read_text()))
    assert kept == {path.relative_to(DIST).as_posix() for path in DIST.glob("assets/*")}


def test_page_has_no_inline_script_and_loads_nothing_from_elsewhere() -> None:
    page = (DIST / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r'(?:src|href)="(?!/)[^"]*"', page) == []
    for sheet in DIST.glob("assets/*.css"):
        assert "url(" not in sheet.read_text()


def test_lock_names_no_registry() -> None:
    lock = (DASHBOARD / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 100
