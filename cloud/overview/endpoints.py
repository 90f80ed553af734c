"""Sites, and everything that is new at one."""

from __future__ import annotations

from fastapi import APIRouter, Request

from cloud.auth.dependencies import Viewer
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from cloud.kit.shared_answers import shared
from cloud.overview import service
from cloud.overview.schemas import Site, SiteLatest, SitePage
from contracts.base import Slug

router = APIRouter(prefix="/sites", tags=["farms"])


@router.get("", summary="Sites", responses=problems(400, 401))
@shared
async def list_sites(user: Viewer, reader: Reader, page: Paging) -> SitePage:
    """Farms of the user's organization, by slug, with how much there is at each."""
    return await service.list_sites(reader, user, page)


@router.get("/{site}", summary="One site", responses=problems(401, 404))
@shared
async def get_site(site: Slug, user: Viewer, reader: Reader) -> Site:
    """One farm, with how much there is."""
    return await service.get_site(reader, user, site)


@router.get("/{site}/latest", summary="The newest of everything at a site", responses=problems(401, 404))
@shared
async def get_site_latest(request: Request, site: Slug, user: Viewer, reader: Reader) -> SiteLatest:
    """Newest readings with age and quality, newest observations with their image, active alarms and device states."""
    state = request.app.state
    return await service.get_site_latest(
        reader, user, site, periods=state.periods, limits=state.limits, signer=state.signer
    )
