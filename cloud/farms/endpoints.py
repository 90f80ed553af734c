"""Units of a farm. Sites themselves are answered by ``cloud.overview``, which counts what is on them."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.auth.dependencies import Viewer
from cloud.farms import service
from cloud.farms.schemas import Unit, UnitPage
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from cloud.kit.shared_answers import shared
from contracts.base import Slug

router = APIRouter(tags=["farms"])


@router.get("/sites/{site}/units", summary="Units of a site", responses=problems(400, 401, 404, 422))
@shared
async def list_units(site: Slug, user: Viewer, reader: Reader, page: Paging) -> UnitPage:
    """Tanks, raceways, ponds and net pens of one site, by slug."""
    return await service.list_units(reader, user, site, page)


@router.get("/units/{unit_id}", summary="One unit", responses=problems(401, 404))
@shared
async def get_unit(unit_id: int, user: Viewer, reader: Reader) -> Unit:
    """One tank, raceway, pond or net pen."""
    return await service.get_unit(reader, user, unit_id)
