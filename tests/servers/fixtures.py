"""Pytest fixtures: one server of each kind for the whole run, and factories for tests that break their own.

Session servers are shared: a test that stops, kills or reconfigures a server takes a factory instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.presence import MissingServerError, missing
from tests.servers.process import Server
from tests.servers.redis import Redis
from tests.servers.timescale.server import Timescale


def _running(server: Server) -> Iterator[None]:
    try:
        server.start()
    except MissingServerError as error:
        missing(server.name, str(error))
    yield
    server.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka for the run; ``kafka.bootstrap``."""
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    for _ in _running(server):
        yield server


@pytest.fixture
def kafka_topics(kafka: Kafka) -> Kafka:
    """The same Kafka, with every topic of the cluster empty and four partitions each."""
    kafka.reset_topics()
    return kafka


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Mosquitto for the run; ``mosquitto.host``, ``mosquitto.port``."""
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    for _ in _running(server):
        yield server


@pytest.fixture
def mosquitto_factory(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers of a test's own: ``mosquitto_factory(configuration="...")``; they end with the test."""
    started: list[Mosquitto] = []

    def start(*, port: int | None = None, configuration: str = "") -> Mosquitto:
        server = Mosquitto(tmp_path / f"mosquitto-{len(started)}", port=port, configuration=configuration)
        try:
            server.start()
        except MissingServerError as error:
            missing(server.name, str(error))
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis for the run."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    for _ in _running(server):
        yield server.url


@pytest.fixture(scope="session")
def timescale_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL with TimescaleDB: ``TEST_TSDB_URL``, or the WASM build, which serves one transaction at a time."""
    if given := os.environ.get("TEST_TSDB_URL"):
        yield given
        return
    server = Timescale(tmp_path_factory.mktemp("timescale"))
    for _ in _running(server):
        yield server.url
