"""A dot for each unit's model."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.auth.dependencies import Viewer
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from cloud.model_health import service
from cloud.model_health.schemas import SiteModelHealth
from contracts.base import Slug

router = APIRouter(tags=["drift"])


@router.get("/sites/{site}/model-health", summary="How the models of a site do", responses=problems(401, 404))
async def get_site_model_health(site: Slug, user: Viewer, reader: Reader) -> SiteModelHealth:
    """Whether each unit's model produces, keeps up and sees something, and which of its signals have drifted."""
    return await service.of_site(reader, user, site)
