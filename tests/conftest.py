"""Fixtures that every part of the suite may ask for: the real data next to the checkout, and the real servers.

A machine without the data or a server skips what needs it and says how to get it; with CI=true the same is a failure.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from _pytest.nodeid import coerce_node_id

from tests.servers.presence import ROOT, missing

TIERS = ("integration", "kafka", "node", "train", "journey", "faults", "browser")
"""Markers in the order in which their tests run; unmarked tests, the quick ones, run first."""
REAL_SERVERS = {"integration", "kafka", "browser", "journey", "faults"}

pytest_plugins = ["tests.servers.fixtures", "tests.browser"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real data sets (``SHOAL_TEST_DATA``, or ``../shared/data`` beside the checkout)."""
    folder = Path(os.environ.get("SHOAL_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "fish_detection").is_dir():
        missing(f"real data at {folder}", "set SHOAL_TEST_DATA to the folder that holds fish_detection/")
    return folder


class FilesOfServersTogether:
    """With several workers (``-n 2 --dist loadgroup``) the tests of a file that starts servers stay on one worker.

    So a file's servers are started once, files are shared among the workers, and tests without servers go wherever there
    is time. The longest files begin first: what is left for the end is short.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark them before the workers are told of groups. Benchmarks start their own servers each, and stay single."""
        for item in items:
            if item.path.parent.match("tests/cloud/api"):  # they share one farm, and leave it to the next in order
                item.add_marker(pytest.mark.xdist_group("cloud/api"))
            elif tier(item) and item.path.parent.name != "benchmarks":
                item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}/{item.path.stem}"))


def tier(item: pytest.Item) -> int:
    """Position of the test's last marker in ``TIERS``, from 1; 0 without any."""
    return max((TIERS.index(mark.name) + 1 for mark in item.iter_markers() if mark.name in TIERS), default=0)


def pytest_configure(config: pytest.Config) -> None:
    """Register what a conftest can have only one of."""
    config.pluginmanager.register(FilesOfServersTogether())


def _weight(item: pytest.Item) -> int:
    """How early a worker takes the test: whole stories and faults take minutes, then servers, then all else."""
    names = {mark.name for mark in item.iter_markers()}
    return 2 * bool(names & {"journey", "faults", "browser", "train"}) + bool(tier(item))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first: a typing slip shows before a server has started. Real servers get a second try.

    On a busy machine a test of real servers and processes may miss a deadline once; a second miss is a failure. Every
    second try is listed at the end of the run, so that a test which needs it does not go unseen.
    """
    items.sort(key=tier)
    for item in items:
        if REAL_SERVERS & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.flaky(reruns=1))
    if items and hasattr(items[0].config, "workerinput"):
        items.sort(key=lambda item: -_weight(item))
        for item in items:
            # pytest-xdist 3.8 writes the group where pytest before 9.1 kept the id; without this the groups are not kept.
            if (told := getattr(item, "_nodeid", None)) is not None and told != item.nodeid:
                item._id = coerce_node_id(told)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests that need torch say so where it is not installed."""
    if item.get_closest_marker("train") and importlib.util.find_spec("torch") is None:
        if os.environ.get("TRAIN") == "0":
            pytest.skip("TRAIN=0 leaves torch out")
        missing("torch", "pip install '.[train]'")
