"""How the models of a site do."""

from __future__ import annotations

from cloud.auth.dependencies import Principal
from cloud.farms.service import find_site_id
from cloud.kit.repository import ReadConnection
from cloud.model_health.repository import HealthRepository
from cloud.model_health.schemas import SiteModelHealth, UnitModelHealth
from contracts.vision import ModelRef


async def of_site(reader: ReadConnection, user: Principal, site: str) -> SiteModelHealth:
    """Units by slug.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    items = []
    for row in await HealthRepository(reader).of_site(site_id):
        model = None
        if row["model_sha256"] is not None:
            model = ModelRef(name=row["model_name"], version=row["model_version"], sha256=row["model_sha256"])
        rest = {name: value for name, value in row.items() if not name.startswith("model_")}
        items.append(UnitModelHealth(**rest, model=model))
    return SiteModelHealth(items=items)
