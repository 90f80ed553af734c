"""The platform from Python: ``Client`` and ``AsyncClient``, typed from the OpenAPI document.

    from shoal.client import Client

    with Client("https://farm.example", key="shk_...") as farm:
        for site in farm.list_sites()["items"]:
            print(site["name"], site["open_alarms"])

Every operation of the API is a method of the same name; answers are typed dictionaries (``shoal.client.models``). What the
server refuses raises ``ApiFailure``.
"""

from __future__ import annotations

from shoal.client.transport import ApiFailure, AsyncClient, Client

__all__ = ["ApiFailure", "AsyncClient", "Client"]
