"""The documents say what the checks say: the layers of the picture, and files and links that exist."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import typer

from edge.settings import load_settings
from shoal.cli import app
from tests.architecture.tree import ROOT, pyproject, tracked_files

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WITH_COMMANDS = sorted(path for path in tracked_files() if path.suffix == ".md")
"""Runbooks, READMEs of deploy/ and of packages: whoever follows one at night must not find out that a word has changed."""


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


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_page_shows_exist_with_their_options(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    assert [wrong for shown in _shown(text) if (wrong := _wrong(shown))] == []


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        ("admin backup --to /mnt/backup --keep 14", ""),
        ("edge doctor --config=edge.yaml", ""),
        ("cloud", ""),
        ("admin back-up --to /mnt", "shoal admin back-up"),
        ("admin backup --into /mnt", "shoal admin backup --into"),
    ],
)
def test_a_command_that_is_not_there_is_found(shown: str, wrong: str) -> None:
    assert _wrong(shown) == wrong


def _shown(text: str) -> set[str]:
    """What stands after ``shoal`` in code, in a line of its own or in a block; joined where a line goes on."""
    text = text.replace("\\\n", " ")
    blocks = re.findall(r"^```(?:sh|bash|console|)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    indented = re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE)
    lines = [line for part in [*blocks, *spans, *indented] for line in part.splitlines()]
    found = [re.match(r"^\s*(?:\$ |sudo |nice |[A-Z_]+=\S+ )*shoal ([a-z][^#|;&>]*)", line) for line in lines]
    return {match.group(1).strip() for match in found if match}


@lru_cache
def _commands() -> Any:
    return typer.main.get_command(app)


def _wrong(shown: str) -> str:
    """The first word that the command line does not know; empty when all are known."""
    command = _commands()
    path = ["shoal"]
    for word in shown.split():
        option = word.split("=")[0]
        if hasattr(command, "commands") and re.fullmatch(r"[a-z][a-z-]*", word):
            if word not in command.commands:
                return " ".join([*path, word])
            command = command.commands[word]
            path.append(word)
        elif option.startswith("--") and option != "--help":
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            if option not in known:
                return " ".join([*path, option])
    return ""


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}
