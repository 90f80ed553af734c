"""E-mail through the farm's own mail server."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from cloud.notifications.channels import DeliveryError
from cloud.notifications.messages import Message

TIMEOUT_S = 15.0
_PERMANENT = range(500, 600)


@dataclass(frozen=True)
class SmtpServer:
    """Where mail goes out."""

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = None


class SmtpSender:
    """Sends one mail per message on a connection of its own: alarms are rare, and a kept connection is a dead one."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    def send(self, message: Message, address: str) -> str:
        """Hand the mail to the server."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._server.sender, address, message.subject()
        mail["Message-ID"] = f"<{message.id}@shoal>"
        mail["X-Priority"] = "1" if message.severity == "critical" else "3"
        mail.set_content(message.text())
        try:
            with self._connect() as client:
                refused = client.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = next(iter(error.recipients.values()))
            raise DeliveryError(f"{code} {reason.decode(errors='replace')}", permanent=code in _PERMANENT) from error
        except smtplib.SMTPResponseException as error:
            said = (
                error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
            )
            # A refused login or sender is a setting that somebody will mend; the mail must still go out then.
            raise DeliveryError(f"{error.smtp_code} {said}", permanent=False) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"{self._server.host}:{self._server.port}: {error}", permanent=False) from error
        if refused:
            raise DeliveryError(f"refused: {refused}", permanent=True)
        return str(mail["Message-ID"])

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context()
        if server.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
        try:
            if server.security == "starttls":
                client.starttls(context=context)
            if server.username is not None:
                client.login(server.username, server.password or "")
        except BaseException:
            client.close()
            raise
        return client
