"""Composition root of the notifier: settings in, a program that tells people of alarms until a signal.

Runs beside the API; several may run. What it needs of alarms it reads from the database, so it works while Kafka is away.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from datetime import datetime, timezone

import structlog

from cloud.alarms.source import StoredAlarms
from cloud.kit.logs import configure_logging
from cloud.notifications.channels import Sender
from cloud.notifications.channels.smtp import SmtpSender, SmtpServer
from cloud.notifications.channels.twilio import PhoneProvider, PhoneSender
from cloud.notifications.channels.webhook import WebhookSender
from cloud.notifications.links import Links, webhook_key
from cloud.notifications.notifier import Notifier, SenderOf
from cloud.notifications.queue import Claimed
from cloud.notifications.rules import Channel
from cloud.settings import NotifySettings, secret_key

log = structlog.get_logger()


def create_notifier(settings: NotifySettings) -> Notifier:
    """The notifier with the channels that the settings name.

    Raises:
        ConfigurationError: there is no secret key.
    """
    secret = secret_key(settings)
    senders = _senders(settings, secret)
    log.info(
        "notifier_channels", channels=[channel.value for channel in senders], links=settings.public_url is not None
    )
    return Notifier(
        settings.database_url.get_secret_value(),
        alarms=StoredAlarms(),
        senders=senders,
        links=Links(secret, settings.public_url),
        now=lambda: datetime.now(timezone.utc),
    )


def run_notifier(settings: NotifySettings) -> None:
    """Work until SIGINT or SIGTERM. For the main thread of a process of its own.

    Raises:
        ConfigurationError: there is no secret key.
    """
    configure_logging(settings.log_level)
    notifier = create_notifier(settings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    notifier.run(stop)


def _senders(settings: NotifySettings, secret: bytes) -> Mapping[Channel, SenderOf]:
    def webhook(claimed: Claimed) -> Sender:
        key = webhook_key(secret, claimed.contact_id, claimed.webhook_nonce)
        return WebhookSender(key, allow_private=settings.webhook_allow_private)

    senders: dict[Channel, SenderOf] = {Channel.WEBHOOK: webhook}
    if settings.smtp_host is not None:
        password = settings.smtp_password
        mail = SmtpSender(
            SmtpServer(
                settings.smtp_host,
                settings.smtp_port,
                settings.smtp_sender,
                settings.smtp_security,
                settings.smtp_username,
                None if password is None else password.get_secret_value(),
            )
        )
        senders[Channel.EMAIL] = lambda _: mail
    if settings.phone_url is not None and settings.phone_token is not None:
        provider = PhoneProvider(
            settings.phone_url, settings.phone_account, settings.phone_token.get_secret_value(), settings.phone_sender
        )
        text, call = PhoneSender(provider, "sms"), PhoneSender(provider, "voice")
        senders[Channel.SMS] = lambda _: text
        senders[Channel.VOICE] = lambda _: call
    return senders
