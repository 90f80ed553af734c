"""The live stream of a mock farm, in the shapes of ``cloud.live.schemas``: a page that follows it does not have to ask.

Every second how things stand, whole: that is less to follow than what became different, and as true.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import WebSocket, WebSocketDisconnect

if TYPE_CHECKING:
    from tests.dashboard.mock_api import MockFarm

Json = dict[str, Any]
PROTOCOL = "shoal.live.v1"
INTERVAL_S = 1.0


class MockLive:
    """Tells each page that comes how the farm stands, until it goes."""

    def __init__(self, farm: MockFarm) -> None:
        """Of this farm; nobody is told before ``serve``."""
        self._farm = farm

    async def serve(self, line: WebSocket) -> None:
        """Answer the first subscription of a page."""
        await line.accept(subprotocol=PROTOCOL)
        with contextlib.suppress(WebSocketDisconnect):
            asked: Json = {}
            while asked.get("type") != "subscribe":
                asked = await line.receive_json()
            (site,) = asked["sites"]
            seq = 0
            while True:
                seq += 1
                mine = site == self._farm.sites[0]["slug"]
                alarms = self._farm.open_alarms() if mine else []
                await line.send_json(snapshot(self._farm.latest(site), alarms, seq=seq))
                with contextlib.suppress(asyncio.TimeoutError):  # no word of the page: a new token needs no answer
                    await asyncio.wait_for(line.receive_json(), INTERVAL_S)


def snapshot(latest: Json, alarms: Sequence[Json], *, seq: int) -> Json:
    """What a stream tells of a farm of which these are the newest values and the open alarms."""
    units = latest["units"]
    return {
        "type": "snapshot",
        "seq": seq,
        "resume": str(seq),
        "server_time": latest["server_time"],
        "interval_s": INTERVAL_S,
        "sites": [{"site": latest["site"]["slug"], "units": [each["unit"] for each in units]}],
        "channels": [reading | {"unit_id": each["unit"]["id"]} for each in units for reading in each["readings"]],
        "observations": [
            {"unit_id": each["unit"]["id"], "observation": each["observation"], "evidence": each["evidence"]}
            for each in units
            if each["observation"] is not None
        ],
        "alarms": list(alarms),
        "devices": latest["devices"],
    }
