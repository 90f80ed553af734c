"""Where a change comes from: said at the start of every writing transaction, and read by the audit log's triggers.

Whoever authenticates a request says ``request.state.actor``; until then it is anonymous.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from sqlalchemy import TextClause, text

SETTING = "shoal.audit"
"""Setting of a transaction in which triggers find who it is."""
_DECLARE = text(f"SELECT set_config('{SETTING}', :declared, true)")
ANONYMOUS: Mapping[str, Any] = {"actor": "anonymous", "actor_kind": "anonymous", "organization_id": None}


def origin_of(request: Request) -> dict[str, Any]:
    """Who asks (``actor``, ``actor_kind``, ``organization_id``), for what (``action``), from where, by which request."""
    actor: Mapping[str, Any] = getattr(request.state, "actor", ANONYMOUS)
    return {
        **actor,
        "action": action_of(request.scope.get("endpoint")),
        "address": request.client.host if request.client else None,
        "request_id": getattr(request.state, "request_id", None),
    }


def declaration(declared: Mapping[str, Any]) -> tuple[TextClause, dict[str, str]]:
    """Statement and parameters that say, until the end of the transaction, who changes what follows."""
    return _DECLARE, {"declared": json.dumps(dict(declared))}


def action_of(endpoint: object) -> str:
    """Name of an action as in the OpenAPI document: ``set_roster`` is ``setRoster``."""
    first, *rest = getattr(endpoint, "__name__", "unknown").split("_")
    return first + "".join(word.capitalize() for word in rest)
