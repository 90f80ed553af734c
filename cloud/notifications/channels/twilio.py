"""Text messages and calls through a provider that speaks Twilio's HTTP interface (2010-04-01)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

import httpx

from cloud.notifications.channels import DeliveryError
from cloud.notifications.messages import Message

TIMEOUT_S = 15.0
_TRY_LATER = frozenset({401, 403, 408, 425, 429})
"""Also a refused login: somebody will mend the setting, and the alarm must still go out then."""


@dataclass(frozen=True)
class PhoneProvider:
    """Account at the provider."""

    base_url: str
    account: str
    token: str
    sender: str
    """Our number, E.164."""


class PhoneSender:
    """Sends texts, or calls and speaks."""

    def __init__(self, provider: PhoneProvider, way: Literal["sms", "voice"]) -> None:
        self._provider = provider
        self._way = way

    def send(self, message: Message, address: str) -> str:
        """Hand it to the provider; returns its sid."""
        provider = self._provider
        form = {"To": address, "From": provider.sender}
        if self._way == "sms":
            path = "Messages.json"
            form["Body"] = message.short()
        else:
            path = "Calls.json"
            form["Twiml"] = f"<Response><Say>{escape(message.spoken())}</Say></Response>"
        url = f"{provider.base_url.rstrip('/')}/2010-04-01/Accounts/{provider.account}/{path}"
        try:
            with httpx.Client(timeout=TIMEOUT_S, auth=(provider.account, provider.token), trust_env=False) as client:
                answer = client.post(url, data=form, headers={"Idempotency-Key": str(message.id)})
        except httpx.HTTPError as error:
            raise DeliveryError(str(error) or type(error).__name__, permanent=False) from error
        if answer.is_success:
            try:
                return str(answer.json()["sid"])
            except (ValueError, KeyError, TypeError) as error:
                raise DeliveryError("the provider's answer has no sid", permanent=False) from error
        permanent = not answer.is_server_error and answer.status_code not in _TRY_LATER
        raise DeliveryError(f"the provider answered {answer.status_code}: {answer.text[:200]}", permanent=permanent)
