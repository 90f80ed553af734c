"""A cluster of the version before is replaced by this one while boxes report and people look: nothing lost, no error.

The order is that of docs/runbooks/upgrade.md: schema, ingest, API, bridge, boxes; one by one, both versions at work beside
each other at every step. Then a step back: an API of the version before on the schema of this one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml

from cloud.db.migrate import head
from edge.outbox.store import read_counters
from tests.faults.cluster import SITE, Cluster, Load, running_cluster, until
from tests.journeys.programs import ROOT, Program, eventually
from tests.servers.presence import MissingServerError, missing
from tests.servers.process import free_port
from tests.upgrade.previous import previous, unpack
from tests.upgrade.traffic import Traffic

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

PERSON = ("manager@fjord.example", "a-long-password-for-the-manager")
PATHS = (
    "auth/me",
    f"sites/{SITE}/latest",
    "alarms",
    "sites",
    "devices",
    f"sites/{SITE}/units",
    f"sites/{SITE}/records",
)


class Box:
    """One edge box as a process with its whole agent, which plays a recorded series. Its files outlive its versions."""

    def __init__(self, folder: Path, port: int) -> None:
        self.name = "box-1"
        self._folder = folder
        self.outbox = folder / "box" / "outbox.db"
        series = folder / "river.csv"
        rows = (f"2026-01-01T00:{s // 60:02d}:{s % 60:02d}Z,{9 + s % 7 / 10},{8 + s % 5 / 10}" for s in range(1800))
        series.write_text("time,do,temp\n" + "\n".join(rows))
        columns = {"do": "do", "temperature": "temp"}
        self._config = folder / "edge.yaml"
        self._config.write_text(
            yaml.safe_dump(
                {
                    "site": SITE,
                    "device": self.name,
                    "data_dir": str(folder / "box"),
                    "units": [{"slug": "tank-1", "species": "salmo_salar", "stage": "fry", "salinity": 0.2}],
                    "mqtt": {"port": port, "reconnect_max_s": 1},
                    "sensors": [
                        {
                            "name": "river",
                            "driver": "replay",
                            "file": str(series),
                            "time_column": "time",
                            "speed": 10,
                            "channels": [
                                {"name": f"tank-1.box-{q}", "unit": "tank-1", "quantity": q, "column": column}
                                for q, column in columns.items()
                            ],
                        }
                    ],
                    "outbox": {"resend_after_s": 3},
                    "metrics": {"port": free_port()},
                }
            )
        )
        self._program: Program | None = None

    def start(self, *, tree: Path = ROOT) -> None:
        log = self._folder / "edge.log"
        self._program = Program("edge", "run", "--config", str(self._config), log=log, tree=tree)

    def stop(self) -> None:
        if self._program is not None:
            self._program.stop()

    def accepted(self) -> int:
        return read_counters(self.outbox).get("readings", 0) if self.outbox.exists() else 0


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the version before."""
    return unpack(tmp_path_factory.mktemp("upgrade") / "previous")


@pytest.fixture
def cluster(before: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose every program is of the version before."""
    try:
        with running_cluster(tmp_path, tree=before) as running:
            yield running
    except MissingServerError as error:
        missing("a server of the cluster", str(error))
    finally:
        Load.close_all()


def test_a_cluster_is_upgraded_program_by_program_under_load(cluster: Cluster, before: Path) -> None:
    user = ("cloud", "create-user", PERSON[0], "--role", "farm_manager", "--organization", "shoal")
    cluster.more["SHOAL_USER_PASSWORD"] = PERSON[1]
    cluster.run(*user, tree=before)
    with ExitStack() as stack:
        cluster.start("ingest-2", tree=before)
        load = Load(cluster, "before", readings_per_s=200)
        box = Box(cluster.folder, cluster.mosquitto.port)
        stack.callback(box.stop)
        box.start(tree=before)
        traffic = Traffic(PERSON, PATHS)
        stack.callback(traffic.stop)
        for name in ("api-1", "api-2"):
            cluster.start(name, tree=before)
        for name in ("api-1", "api-2"):
            _serve(cluster, traffic, name)
        load.wait_for_more(100)
        until(lambda: _stored(cluster, box) > 0, "the box's readings are stored")
        traffic.start()

        assert _schema(cluster) == previous().schema
        cluster.run("cloud", "migrate")
        assert _schema(cluster) == head()
        load.wait_for_more(100)

        for old, new in (("ingest", "ingest-3"), ("ingest-2", "ingest-4")):
            cluster.start(new)
            _wait_until_it_works(cluster, new)
            assert cluster.programs.pop(old).stop() == 0
            load.wait_for_more(100)

        for old, new in (("api-1", "api-3"), ("api-2", "api-4")):
            cluster.start(new)
            _serve(cluster, traffic, new)
            time.sleep(1)  # both versions answer, in turn
            traffic.remove(old)
            assert cluster.programs.pop(old).stop() == 0

        cluster.start("bridge-2")
        _wait_until_it_works(cluster, "bridge-2")
        assert cluster.programs.pop("bridge").stop() == 0
        load.wait_for_more(100)

        box.stop()  # the box keeps its outbox, its clock and what it has not handed over yet
        box.start()
        known = _stored(cluster, box)
        until(lambda: _stored(cluster, box) > known, "the new agent goes on")

        cluster.start("api-5", tree=before)  # and a step back: the old programs on the new schema
        _serve(cluster, traffic, "api-5")
        for name in ("api-3", "api-4"):
            traffic.remove(name)
            assert cluster.programs.pop(name).stop() == 0
        time.sleep(1)
        traffic.stop()
        box.stop()

        accepted = load.settle()
        until(lambda: _stored(cluster, box) == box.accepted(), "every reading of the box is stored, and no other")
        assert box.accepted() > 20
        assert cluster.one("SELECT count(*) FROM dead_letter") == 0
        assert traffic.failures == []
        asked = {name: sum(n for (who, _, _), n in traffic.answers.items() if who == name) for name in cluster.ports}
        assert all(asked[f"api-{number}"] for number in range(1, 6)), asked
        print(f"{accepted} readings, {sum(asked.values())} answers, none an error:", asked)  # noqa: T201  (pytest -s shows it)


def _serve(cluster: Cluster, traffic: Traffic, name: str) -> None:
    """Give an API requests once it says that it is ready."""
    url = f"http://127.0.0.1:{cluster.ports[name]}"
    eventually(lambda: httpx.get(f"{url}/ready").status_code == httpx.codes.OK, timeout_s=120, what=f"{name} is ready")
    traffic.add(name, url)


def _wait_until_it_works(cluster: Cluster, name: str) -> None:
    url = f"http://127.0.0.1:{cluster.ports[name]}/readyz"
    eventually(lambda: httpx.get(url).status_code == httpx.codes.OK, timeout_s=120, what=f"{name} is ready")


def _schema(cluster: Cluster) -> str:
    number = cluster.one("SELECT version_num::int FROM alembic_version")
    return f"{number:04d}"


def _stored(cluster: Cluster, box: Box) -> int:
    return cluster.one(
        "SELECT count(*) FROM reading JOIN channel ON channel.id = channel_id JOIN device ON device.id = device_id"
        " WHERE device.slug = %s",
        box.name,
    )
