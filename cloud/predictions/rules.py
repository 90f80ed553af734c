"""Decisions about predictions without I/O: how sure an answer is, which version a unit gets, what a model may take."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

HIGH = 0.9
"""On Fish4Knowledge crops split by track, answers from here on were right in 99.2 % and were 92 % of all."""
MEDIUM = 0.6
"""Between, a person should look; below, the answer is a hint."""
MEMORY_FACTOR = 3
"""Memory of a loaded model in sizes of its file: the weights once, packed for the processor once more, and room to compute."""
MEMORY_BASE = 16_000_000
"""Bytes of a session without its weights."""


_CALL_AGAIN = (5, 30, 120, 600, 3600)
_NAT64 = IPv6Network("64:ff9b::/96")
_MAX_URL = 2000
_NOT_PLAIN = frozenset(" \\")


class Level(str, Enum):
    """How much a classification can be relied on."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def level_of(confidence: float, *, unknown: bool) -> Level:
    """The level of a confidence; ``unknown`` is never more than low, whatever the best guess had."""
    if unknown or confidence < MEDIUM:
        return Level.LOW
    return Level.HIGH if confidence >= HIGH else Level.MEDIUM


def takes_candidate(experiment: str, unit: str, share: float) -> bool:
    """Whether this unit belongs to the part that gets the candidate version.

    The same unit always gives the same answer, on every replica and after every restart; another experiment draws anew.

    Args:
        experiment: names the split, such as ``fish-species@1.1.0``.
        unit: any stable name of the unit.
        share: of units that get the candidate, 0 to 1.
    """
    digest = hashlib.sha256(f"{experiment}\n{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


def version_key(version: str) -> tuple[int, ...]:
    """Orders versions by their numbers: 1.10.0 comes after 1.9.0."""
    return tuple(int(part) for part in version.split("."))


def memory_of(file_bytes: int) -> int:
    """Bytes that a loaded model is counted with."""
    return MEMORY_BASE + MEMORY_FACTOR * file_bytes


def batch_size(wanted: int | None, *, dynamic: bool, provider: str) -> int:
    """Pictures per call of a model.

    Args:
        wanted: by the settings; None leaves it to what runs the graph.
        dynamic: whether the graph takes more than one.
        provider: of onnxruntime.
    """
    if not dynamic:
        return 1
    return wanted or (1 if provider == "CPUExecutionProvider" else 8)


def retry_after_s(waiting: int, latency_ms: float) -> int:
    """Whole seconds until a queue of this length has passed, at least one."""
    return max(1, min(60, round(waiting * latency_ms / 1000)))


def call_again_after(attempts: int) -> timedelta | None:
    """How long a callback waits after so many tries that failed in passing; None: it is given up."""
    return timedelta(seconds=_CALL_AGAIN[attempts - 1]) if attempts <= len(_CALL_AGAIN) else None


def callback_fault(url: str, allowed_hosts: tuple[str, ...]) -> str | None:
    """Why an address may not be called back, as far as its text tells; None: look its host up."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "it is no URL"
    allowed = is_allowed(host, port, allowed_hosts)
    faults = (
        (not host, "it names no host"),
        (len(url) > _MAX_URL, f"it may have {_MAX_URL} characters at most"),
        (
            not (url.isprintable() and url.isascii()) or not _NOT_PLAIN.isdisjoint(url),
            "it has blanks, backslashes or other letters",
        ),
        (
            parts.username is not None or parts.password is not None,
            "it carries a user name; the signature says who calls",
        ),
        (parts.scheme not in ({"http", "https"} if allowed else {"https"}), "it must begin with https://"),
        (not allowed and _is_private_number(host), f"{host} is an address of the server's own network"),
    )
    return next((fault for wrong, fault in faults if wrong), None)


def _is_private_number(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return False  # a name; what it stands for is looked up


def is_allowed(host: str, port: int | None, allowed_hosts: tuple[str, ...]) -> bool:
    """Whether the operator of this server has named the host (or ``host:port``) as one that may be called."""
    return host in allowed_hosts or f"{host}:{port}" in allowed_hosts


def is_public(number: IPv4Address | IPv6Address) -> bool:
    """Whether an address lies on the internet, whatever it is wrapped in (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(number, IPv6Address):
        inner = number.ipv4_mapped or number.sixtofour or (number.teredo[1] if number.teredo else None)
        if number in _NAT64:
            inner = IPv4Address(int(number) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return number.is_global and not number.is_multicast
