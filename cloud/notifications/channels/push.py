"""A notification on a phone through an ntfy server, the farm's own or a public one (JSON interface of ntfy 2).

A critical alarm has the highest priority: the app lets it ring through "do not disturb" where the person has allowed that. The
link of the message opens with a tap.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from cloud.notifications.channels import DeliveryError
from cloud.notifications.messages import Message

TIMEOUT_S = 10.0
_TRY_LATER = frozenset({401, 403, 408, 425, 429})
"""Also a refused login: somebody will mend the setting, and the alarm must still go out then."""
_PRIORITY = {"critical": 5, "major": 4, "minor": 3, "warning": 3}
_TAG = {"critical": "rotating_light", "major": "warning"}


@dataclass(frozen=True)
class PushServer:
    """Where pushes go out."""

    url: str
    token: str | None = None


class PushSender:
    """Publishes one message to the topic of a contact."""

    def __init__(self, server: PushServer) -> None:
        self._server = server

    def send(self, message: Message, address: str) -> str:
        """Hand the message to the server; returns its id there."""
        over = message.kind == "cleared"
        document = {
            "topic": address,
            "title": message.subject(),
            "message": message.text(),
            "priority": 3 if over else _PRIORITY.get(message.severity, 3),
            "tags": ["white_check_mark"] if over else [_TAG.get(message.severity, "fish")],
        }
        if message.link:
            document["click"] = message.link
        token = self._server.token
        headers = {"User-Agent": "Shoal"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        try:
            with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
                answer = client.post(self._server.url, json=document, headers=headers)
        except httpx.HTTPError as error:
            raise DeliveryError(str(error) or type(error).__name__, permanent=False) from error
        if answer.is_success:
            try:
                return str(answer.json()["id"])
            except (ValueError, KeyError, TypeError) as error:
                raise DeliveryError("the push server's answer has no id", permanent=False) from error
        permanent = not answer.is_server_error and answer.status_code not in _TRY_LATER
        reason = f"the push server answered {answer.status_code}: {answer.text[:200]}"
        raise DeliveryError(reason, permanent=permanent)
