"""What a version of the agent finds out about itself on a box, before it takes the place of the one that runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import edge
from contracts.errors import ConfigurationError
from edge.deployments.overlay import Overlay, Overlays
from edge.deployments.start import config_folder
from edge.outbox.file import SCHEMA_VERSION
from edge.self_test import self_test
from edge.settings import load_settings
from tests.edge.farm import configuration


def test_a_version_that_works_here_tells_what_it_is(tmp_path: Path) -> None:
    assert self_test(configuration(tmp_path)) == {
        "version": edge.__version__,
        "from": str(Path(edge.__file__).resolve().parent),
    }


def test_an_outbox_in_another_form_is_refused_because_the_way_back_could_not_read_it(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    path = load_settings(config).outbox_file
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        connection.execute("CREATE TABLE message (seq INTEGER)")
        connection.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION + 1),))
        connection.commit()
    with pytest.raises(ConfigurationError, match=f"form {SCHEMA_VERSION + 1}"):
        self_test(config)


def test_a_version_that_cannot_use_the_fleets_configuration_is_refused_and_does_not_take_it_back(
    tmp_path: Path,
) -> None:
    (tmp_path / "root.json").write_text("{}")
    deployments = {"root_file": "root.json", "sources": [{"kind": "folder", "path": "repository"}]}
    config = configuration(tmp_path, deployments=deployments)
    folder = config_folder(load_settings(config).data_dir)
    folder.mkdir(parents=True)
    overlays = Overlays(folder)
    sha256 = overlays.keep(b"health:\n  of_an_older_version: 7\n")
    overlays.point(Overlay(sha256, "farm-settings", "1.0.0", "c-1"), None)
    with pytest.raises(ConfigurationError, match=r"health\.of_an_older_version"):
        self_test(config)
    active, _ = overlays.pointer()
    assert active is not None
    assert active.sha256 == sha256
