"""Makes a started database usable: the database itself, its schema, the farm's sites and units, the dashboard's users.

Every step finds its work done at the next start and changes nothing then.
"""

from __future__ import annotations

import time

import psycopg
import structlog

from cloud.auth.accounts import create_user, user_exists
from cloud.auth.rules import Role
from cloud.db import migrate
from cloud.farms.provision import provision
from contracts.errors import ConfigurationError
from shoal.box import ORGANIZATION, BoxConfig, BoxFolder, unit_name
from shoal.embedded_postgres import EmbeddedPostgres

log = structlog.get_logger()

POLL_S = 0.1


def run(folder: BoxFolder, config: BoxConfig) -> None:
    """Do all of it.

    Raises:
        ConfigurationError: an external database cannot be reached or used.
    """
    if config.database_url is None:
        server = EmbeddedPostgres(folder.database, port=config.ports["postgres"], password=config.database_password)
        while not server.is_ready():  # recovery after a crash takes as long as it takes
            time.sleep(POLL_S)
        server.create_database()
    else:
        _check_external(config.database_url)
    migrate.upgrade(config.dsn)
    _farm(config)
    _users(folder, config)
    log.info("database provisioned")


def _check_external(database_url: str) -> None:
    try:
        with psycopg.connect(database_url, connect_timeout=5):
            return
    except psycopg.Error as error:
        raise ConfigurationError(
            "SHOAL_DATABASE_URL", "(hidden)", f"The database does not answer: {str(error).strip().splitlines()[0]}"
        ) from error


def _farm(config: BoxConfig) -> None:
    if config.demo is None:
        provision(config.dsn, ORGANIZATION)
        return
    from shoal.simulate.units import DEFAULT_UNITS

    units = [
        {
            "site": site,
            "slug": model.slug,
            "name": unit_name(model.slug, model.kind),
            "kind": model.kind,
            "volume_m3": model.volume_m3,
            "species": model.species,
            "stage": model.stage,
        }
        for site in config.demo.sites
        for model in DEFAULT_UNITS
    ]
    provision(config.dsn, ORGANIZATION, [{"slug": site} for site in config.demo.sites], units)


def _users(folder: BoxFolder, config: BoxConfig) -> None:
    credentials = folder.credentials()
    for email, password, role, name in (
        (credentials.operator_email, credentials.operator_password, Role.OPERATOR, "Operator"),
        (credentials.admin_email, credentials.admin_password, Role.PLATFORM_ADMIN, "Administrator"),
    ):
        if not user_exists(config.dsn, email):
            create_user(config.dsn, email, password, role, ORGANIZATION, name=name)
