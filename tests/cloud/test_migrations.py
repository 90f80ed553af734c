"""Migrations on both engines: up, down, up; the same tables as the mapped classes; data in them."""

from __future__ import annotations

import re

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

import cloud.abnormal.tables
import cloud.alarms.tables
import cloud.audit.tables
import cloud.auth.tables
import cloud.commands.tables
import cloud.dead_letters.tables
import cloud.devices.tables
import cloud.drift.tables
import cloud.enrolment.tables
import cloud.farms.tables
import cloud.husbandry.tables
import cloud.labels.tables
import cloud.model_health.tables
import cloud.notifications.tables
import cloud.observations.tables
import cloud.predictions.tables
import cloud.rollouts.tables
import cloud.samples.tables
import cloud.tasks.tables
import cloud.telemetry.tables
import cloud.training.tables
import cloud.unit_trials.tables
import cloud.users.tables  # noqa: F401  (each registers its tables)
from cloud.db import migrate
from cloud.db.base import Base
from cloud.db.session import sqlalchemy_url
from cloud.db.timeseries import engine_of

OF_THE_ENGINE = re.compile("_default|^reading_1|^rollup_|_p[0-9]{8}")
"""Tables that the engine makes by itself and no class is mapped to."""


def tables_of(url: str) -> set[str]:
    with psycopg.connect(url) as database:
        rows = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows}


def test_up_down_and_up_again_leaves_the_same_tables(store_url: str) -> None:
    before = tables_of(store_url)
    assert {"reading", "alarm", "ingest_stream", "app_user"} <= before
    migrate.downgrade(store_url)
    assert tables_of(store_url) == {"alembic_version"}
    migrate.upgrade(store_url)
    assert tables_of(store_url) == before


def test_upgrade_of_a_current_database_changes_nothing(store_url: str) -> None:
    with psycopg.connect(store_url) as database:
        database.execute("INSERT INTO organization (slug, name) VALUES ('fjord', 'Fjord')")
    migrate.upgrade(store_url)
    with psycopg.connect(store_url) as database:
        assert database.execute("SELECT slug FROM organization").fetchall() == [("fjord",)]


def test_mapped_tables_are_those_of_the_migrations(store_url: str) -> None:
    engine = create_engine(sqlalchemy_url(store_url), poolclass=NullPool)
    with engine.connect() as connection:
        assert migrate.current(connection) == migrate.head()
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_object": lambda _object, name, *_: name is None or not OF_THE_ENGINE.search(name),
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_readings_are_a_time_series_in_the_way_of_the_engine(store_url: str) -> None:
    with psycopg.connect(store_url) as database:
        engine = engine_of(database)
        kind = database.execute("SELECT relkind FROM pg_class WHERE relname = 'reading'").fetchone()
        hypertables = (
            database.execute("SELECT hypertable_name FROM timescaledb_information.hypertables").fetchall()
            if engine.name == "timescaledb"
            else []
        )
    if engine.name == "timescaledb":
        assert {"reading", "observation", "device_health"} <= {name for (name,) in hypertables}
    else:
        assert kind in {("p",), (b"p",)}


def test_two_programs_may_migrate_at_once(empty_database_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate.upgrade, [empty_database_url] * 3))
    assert "reading" in tables_of(empty_database_url)


def test_a_migration_that_meets_a_long_report_lets_readers_pass_and_ends_after_it(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    migrate.upgrade(empty_database_url, to="0040")  # the next one adds columns to the alarms
    monkeypatch.setattr(migrate, "_WAIT_S", 0.2)
    monkeypatch.setattr(migrate, "_PAUSE_S", 0.2)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(empty_database_url) as report:
        report.execute("SELECT count(*) FROM alarm")  # and its transaction stays open
        migration = pool.submit(migrate.upgrade, empty_database_url)
        with psycopg.connect(empty_database_url, autocommit=True) as reader:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'alarm'::regclass"
            while reader.execute(waits).fetchone() == (0,):
                assert not migration.done()
            assert reader.execute("SELECT count(*) FROM alarm").fetchone() == (0,)
        assert not migration.done(), "the report is still open"
        report.rollback()
        migration.result(timeout=60)
    with psycopg.connect(empty_database_url) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (migrate.head(),)
