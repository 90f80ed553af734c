"""Databases for the cloud's tests.

``database_url`` is a fresh, migrated PostgreSQL database for each test. ``store_url`` runs a test twice: on PostgreSQL
and on TimescaleDB. ``SHOAL_TEST_DATABASE_URL`` names a server (with the right to create databases) to use instead.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from itertools import count

import psycopg
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from cloud.consumers.kafka import GROUPS
from cloud.db import migrate
from tests.cloud.postgres import Postgres
from tests.servers.kafka.server import Kafka
from tests.servers.presence import MissingServerError, missing

_TEMPLATE = f"shoal_template_{os.getpid()}"
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[Callable[[str], str]]:
    """URL of any database of one PostgreSQL server for the run."""
    if given := os.environ.get("SHOAL_TEST_DATABASE_URL"):
        yield lambda database: _with_database(given, database)
        return
    try:
        server = Postgres()
    except MissingServerError as error:
        missing("PostgreSQL", str(error))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server of the test's own, to kill and restart."""
    server = Postgres()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _template(postgres_url: Callable[[str], str]) -> Iterator[str]:
    """A migrated database that each test's own is copied from."""
    _administer(postgres_url, SQL("CREATE DATABASE {}").format(Identifier(_TEMPLATE)))
    migrate.upgrade(postgres_url(_TEMPLATE))
    yield _TEMPLATE
    _administer(postgres_url, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(_TEMPLATE)))


@pytest.fixture
def empty_database_url(postgres_url: Callable[[str], str]) -> Iterator[str]:
    """A database of this test without any table."""
    yield from _database(postgres_url, template="template1")


@pytest.fixture
def database_url(postgres_url: Callable[[str], str], _template: str) -> Iterator[str]:
    """A migrated PostgreSQL database of this test."""
    yield from _database(postgres_url, template=_template)


@pytest.fixture(params=["postgresql", pytest.param("timescaledb", marks=[pytest.mark.node, pytest.mark.integration])])
def store_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test, once per engine."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("database_url")
        return url
    url = request.getfixturevalue("timescale_url")
    migrate.downgrade(url)
    migrate.upgrade(url)
    return url


@pytest.fixture
def fresh_kafka(kafka_topics: Kafka) -> Kafka:
    """Kafka with empty topics and without the groups of the test before, whose offsets outlive the topics a while."""
    admin = AdminClient({"bootstrap.servers": kafka_topics.bootstrap})

    def gone() -> bool:
        present = {group.group_id for group in admin.list_consumer_groups().result(20).valid or ()}
        groups = sorted(present & {f"shoal-{group}" for group in GROUPS})
        for deleted in (admin.delete_consumer_groups(groups) if groups else {}).values():
            with contextlib.suppress(KafkaException):  # refused while a member of the test before is still leaving
                deleted.result(20)
        return not groups

    deadline = time.monotonic() + 90
    while not gone():
        assert time.monotonic() < deadline, "a group of the test before does not go"
        time.sleep(0.05)
    return kafka_topics


def _database(postgres_url: Callable[[str], str], *, template: str) -> Iterator[str]:
    name = f"shoal_test_{os.getpid()}_{next(_NUMBERS)}"
    create = SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
    _administer(postgres_url, create)
    yield postgres_url(name)
    _administer(postgres_url, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _administer(postgres_url: Callable[[str], str], statement: psycopg.sql.Composed) -> None:
    with psycopg.connect(postgres_url("postgres"), autocommit=True) as connection:
        connection.execute(statement)


def _with_database(url: str, database: str) -> str:
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    user = parts.get("user", "postgres")
    secret = f":{parts['password']}" if "password" in parts else ""
    return f"postgresql://{user}{secret}@{parts.get('host', '127.0.0.1')}:{parts.get('port', '5432')}/{database}"
