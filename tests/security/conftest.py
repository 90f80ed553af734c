"""The farm and the API of tests/cloud/api, on a database server of this folder's own: what is attacked here is not shared."""

from __future__ import annotations

from tests.cloud.api.conftest import (
    _logs_as_in_production,
    api,
    dashboard_dir,
    farm,
    farm_url,
    storage_dir,
    token_of,
)
from tests.cloud.conftest import _template, database_url, postgres_url

__all__ = [
    "_logs_as_in_production",
    "_template",
    "api",
    "dashboard_dir",
    "database_url",
    "farm",
    "farm_url",
    "postgres_url",
    "storage_dir",
    "token_of",
]
