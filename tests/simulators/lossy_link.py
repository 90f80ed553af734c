"""A cable between two network namespaces that loses, delays and reorders packets: two TAP devices and who carries between them.

Kernels without netem have these. Both ends need the right to make them: root, or the root of a user namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

NEAR, FAR = "10.77.0.1", "10.77.0.2"
_TUNSETIFF = 0x400454CA
_TAP_WITHOUT_HEADER = 0x0002 | 0x1000
_NEW_NETWORK = 0x40000000


@dataclass(frozen=True)
class Weather:
    """What the cable does to packets, each way."""

    loss: float = 0.1
    delay_s: float = 0.02
    jitter_s: float = 0.01


def enter_a_network_of_its_own() -> None:
    """This process, and those that it starts, see no other network any more."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def open_end(name: str, address: str) -> int:
    """One end of the cable in the network of this process; returns what carries its packets."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADER))
    subprocess.run(["ip", "address", "add", f"{address}/24", "dev", name], check=True)
    for device in ("lo", name):
        subprocess.run(["ip", "link", "set", device, "up"], check=True)
    return end


def carry(ends: tuple[int, int], weather: Weather, *, seed: int, until: Callable[[], bool]) -> None:
    """Carry packets both ways until told; what is late waits its time, what is lost is gone."""
    chance = random.Random(seed)
    late: list[tuple[float, int, int, bytes]] = []
    number = 0
    while not until():
        now = time.monotonic()
        while late and late[0][0] <= now:
            _, _, end, packet = heapq.heappop(late)
            os.write(end, packet)
        wait_s = min(0.05, max(0.0, late[0][0] - now)) if late else 0.05
        for end in select.select(ends, [], [], wait_s)[0]:
            packet = os.read(end, 65_536)
            if chance.random() >= weather.loss:
                number += 1
                at = time.monotonic() + weather.delay_s + chance.uniform(-1, 1) * weather.jitter_s
                heapq.heappush(late, (at, number, ends[1 - ends.index(end)], packet))
