"""The documents say what the checks say: the layers of the picture, and files and links that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.settings import load_settings
from shoal.cli import app
from tests.architecture.tree import ROOT, pyproject, tracked_files

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("contract", ["layers", "cloud-layers"])
def test_architecture_names_the_layers_of_the_import_contracts(contract: str) -> None:
    checked = {c["id"]: c for c in pyproject()["tool"]["importlinter"]["contracts"]}[contract]
    page = (ROOT / "docs" / "architecture.md").read_text()
    picture = re.search(rf"^```{contract}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert picture is not None
    assert picture.group(1).splitlines() == checked["layers"]


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("name", ["journeys", "architecture"])
def test_files_that_a_page_walks_through_exist(name: str) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text()
    tracked = {str(path.relative_to(ROOT)) for path in tracked_files()}
    folders = {str(parent) for path in tracked for parent in Path(path).parents}
    named = re.findall(r"`((?:contracts|aquaculture|edge|bridge|cloud|models|shoal|tests|docs)/[\w./-]+)`", page)
    assert [n for n in named if n.rstrip("/") not in tracked | folders] == []


def test_the_edge_configuration_of_the_readme_can_be_used(tmp_path: Path) -> None:
    block = re.search(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    config = tmp_path / "edge.yaml"
    config.write_text(block.group(1))
    assert load_settings(config).cameras[0].source.startswith("rtsp://")


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_page_shows_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    for shown in set(re.findall(r"\bshoal ((?:edge|bridge|cloud|models) [a-z-]+|up|demo|doctor)\b", text)):
        done = CliRunner().invoke(app, [*shown.split(), "--help"])
        assert done.exit_code == 0, f"shoal {shown}"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}
