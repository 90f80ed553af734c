"""The faults of a database once more on TimescaleDB, whose hypertables and columnstore are the store of a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster, Load, TimescaleDatabase, running_cluster
from tests.servers.presence import MissingServerError, missing

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

READINGS_PER_S = 300
DOWN_S = 10


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose store is TimescaleDB."""
    folder = tmp_path_factory.mktemp("cluster")
    try:
        with running_cluster(folder, database=TimescaleDatabase(folder / "timescale")) as running:
            yield running
    except MissingServerError as error:
        missing("a server of the cluster", str(error))


def test_the_store_is_a_hypertable(cluster: Cluster) -> None:
    assert (
        cluster.one("SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_name = 'reading'") == 1
    )


def test_killing_timescaledb_three_times(cluster: Cluster) -> None:
    load = Load(cluster, "kill-timescale", readings_per_s=READINGS_PER_S)
    load.wait_for_more()
    for _ in range(3):
        cluster.database.kill()
        time.sleep(0.5)
        cluster.database.start()
        load.wait_for_more()
    load.settle()


def test_timescaledb_down(cluster: Cluster) -> None:
    load = Load(cluster, "no-timescale", readings_per_s=READINGS_PER_S)
    load.wait_for_more()
    cluster.database.kill()
    time.sleep(DOWN_S)
    cluster.database.start()
    load.settle()
