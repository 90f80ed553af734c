"""What a box that was asked for diagnostics tells of itself in an event: the event's name, and how its summary is written.

The whole archive stays on the box; the summary is what of it fits an event.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

DIAGNOSTICS_MADE = "diagnostics.made"
"""Its detail holds ``command``, ``file``, ``bytes`` and ``sha256`` of the archive that lies on the box, and ``summary``."""
MAX_SUMMARY_BYTES = 2_000_000
"""Of JSON in a summary; whoever reads one unpacks no more."""


def write_summary(content: dict[str, Any]) -> str | None:
    """JSON, zlib, base64; None when it is larger than a reader takes."""
    text = json.dumps(content, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(text, 9)).decode() if len(text) <= MAX_SUMMARY_BYTES else None


def read_summary(summary: str) -> dict[str, Any]:
    """What the box put into the event.

    Raises:
        ValueError: it is damaged or larger than any box makes.
    """
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(base64.b64decode(summary, validate=True), MAX_SUMMARY_BYTES)
        if not unpacker.eof:
            raise ValueError("the summary is cut or too large")
        return dict(json.loads(text))
    except (zlib.error, TypeError) as error:
        raise ValueError(f"the summary is damaged: {error}") from error
