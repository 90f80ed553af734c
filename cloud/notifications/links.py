"""Links in messages: whoever holds one may take on one alarm, or confirm one test, as one contact, for a day.

Short enough for a text message: kind, id, contact and expiry as bytes with 16 bytes of HMAC-SHA256, 55 characters in all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from cloud.auth.tokens import derive_key
from cloud.errors import InvalidSignatureError

LIFETIME = timedelta(hours=24)
_KINDS: tuple[Literal["alarm", "self_test"], ...] = ("alarm", "self_test")
_FIELDS = struct.Struct(">B16sII")
_TAG = 16


@dataclass(frozen=True)
class Link:
    """What a link lets its holder do."""

    kind: Literal["alarm", "self_test"]
    subject: UUID
    """The alarm, or the notification of the test."""
    contact_id: int


class Links:
    """Makes and reads links.

    Args:
        base_url: address under which people reach the API; None makes no links.
    """

    def __init__(self, secret: bytes, base_url: str | None) -> None:
        self._key = derive_key(secret, "message-link")
        self._base_url = None if base_url is None else base_url.rstrip("/")

    def url(self, link: Link, now: datetime) -> str | None:
        """The address to send."""
        if self._base_url is None:
            return None
        expires = int((now + LIFETIME).timestamp())
        fields = _FIELDS.pack(_KINDS.index(link.kind), link.subject.bytes, link.contact_id, expires)
        token = base64.urlsafe_b64encode(fields + self._tag(fields)).decode().rstrip("=")
        return f"{self._base_url}/a/{token}"

    def read(self, token: str, now: datetime) -> Link:
        """What a token lets its holder do.

        Raises:
            InvalidSignatureError: it is not ours, was changed, or its day is over.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error) as error:
            raise _refused() from error
        fields, tag = raw[:-_TAG], raw[-_TAG:]
        if len(fields) != _FIELDS.size or not hmac.compare_digest(tag, self._tag(fields)):
            raise _refused()
        kind, subject, contact_id, expires = _FIELDS.unpack(fields)
        if now.timestamp() > expires:
            raise _refused()
        return Link(_KINDS[kind], UUID(bytes=subject), contact_id)

    def _tag(self, fields: bytes) -> bytes:
        return hmac.new(self._key, fields, hashlib.sha256).digest()[:_TAG]


def webhook_key(secret: bytes, contact_id: int, nonce: str) -> bytes:
    """Signing key of a contact's webhook; it follows from the server's secret and is stored nowhere."""
    return derive_key(secret, f"webhook:{contact_id}:{nonce}").hex().encode()


def _refused() -> InvalidSignatureError:
    return InvalidSignatureError("This link was changed or its day is over; sign in and take the alarm on there")
