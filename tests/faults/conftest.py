"""One cluster for the tests that leave it whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster, Load, running_cluster
from tests.servers.presence import MissingServerError, missing


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Servers and programs of this module; each test uses devices of its own."""
    try:
        with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
            yield running
    except MissingServerError as error:
        missing("a server of the cluster", str(error))


@pytest.fixture(autouse=True)
def _no_load_outlives_its_test() -> Iterator[None]:
    yield
    Load.close_all()
