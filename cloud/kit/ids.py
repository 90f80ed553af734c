"""Identifiers on the HTTP API that are not plain database keys, written and read in one place."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timedelta, timezone

from cloud.errors import InvalidCursorError

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_OBSERVATION = re.compile(r"^([0-9]{1,10})-([0-9]{1,17})$")
_MAX_CURSOR = 512


def observation_id(camera_id: int, observed_at: datetime) -> str:
    """``{camera_id}-{microseconds since 1970}``: an observation is unique by camera and moment."""
    return f"{camera_id}-{(observed_at - _EPOCH) // timedelta(microseconds=1)}"


def parse_observation_id(text: str) -> tuple[int, datetime] | None:
    """Camera and moment of an observation id, or None when it is not one."""
    match = _OBSERVATION.match(text)
    if match is None:
        return None
    try:
        return int(match[1]), _EPOCH + timedelta(microseconds=int(match[2]))
    except OverflowError:
        return None


def encode_cursor(*keys: str) -> str:
    """Opaque cursor that stands after the row with these sort keys."""
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, count: int) -> tuple[str, ...]:
    """The ``count`` sort keys in a cursor.

    Raises:
        InvalidCursorError: it was not written by ``encode_cursor`` with that many keys.
    """
    if len(cursor) > _MAX_CURSOR:
        raise _not_ours()
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        keys = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError:
        keys = None
    if not isinstance(keys, list) or len(keys) != count or not all(_is_key(key) for key in keys):
        raise _not_ours()
    return tuple(keys)


def decode_moment_cursor(cursor: str) -> tuple[datetime, str]:
    """The (moment, key) pair of a list that is ordered by time.

    Raises:
        InvalidCursorError: it was not written by ``encode_cursor`` from such a pair.
    """
    moment, key = decode_cursor(cursor, 2)
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise _not_ours()
    return parsed, key


def _is_key(key: object) -> bool:
    # PostgreSQL takes neither NUL nor half a surrogate pair in a text parameter.
    return isinstance(key, str) and key.isprintable()


def _not_ours() -> InvalidCursorError:
    return InvalidCursorError("The cursor is not one that this list returned; start again without it")
