"""Composition root of the watch: it raises alarms for what has gone silent, and tells people of every alarm.

Runs beside the API; several may run. What it needs it reads from the database, so it works while Kafka is away.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from datetime import datetime, timezone

import structlog

from cloud.alarms.source import StoredAlarms
from cloud.alarms.watcher import Watcher
from cloud.kit.logs import configure_logging
from cloud.notifications.channels import Sender
from cloud.notifications.channels.smtp import SmtpSender, SmtpServer
from cloud.notifications.channels.twilio import PhoneProvider, PhoneSender
from cloud.notifications.channels.webhook import WebhookSender
from cloud.notifications.links import Links, webhook_key
from cloud.notifications.notifier import Notifier, SenderOf
from cloud.notifications.queue import Claimed
from cloud.notifications.rules import Channel
from cloud.settings import WatchSettings, secret_key

log = structlog.get_logger()

ALIVE_S = 1.0
"""How often the program looks whether its threads live."""


class Watch:
    """The watcher and the notifier.

    Raises:
        ConfigurationError: there is no secret key.
    """

    def __init__(self, settings: WatchSettings) -> None:
        secret = secret_key(settings)
        senders = channels(settings, secret)
        url = settings.database_url.get_secret_value()
        links = Links(secret, settings.public_url)
        self._watcher = Watcher(url, now=_now)
        self._notifier = Notifier(url, alarms=StoredAlarms(), senders=senders, links=links, now=_now)
        log.info(
            "watch_channels", channels=[channel.value for channel in senders], links=settings.public_url is not None
        )

    def start(self) -> None:
        """Start both."""
        self._watcher.start()
        self._notifier.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End both after what they are doing. Safe twice."""
        self._watcher.stop(timeout_s=timeout_s)
        self._notifier.stop(timeout_s=timeout_s)

    @property
    def alive(self) -> bool:
        """Whether both work."""
        return self._watcher.alive and self._notifier.alive


def run_watch(settings: WatchSettings) -> int:
    """Work until SIGINT or SIGTERM. For the main thread of a process of its own.

    Returns:
        Exit code: 0 after a signal, 1 after a failure that a restart may cure.

    Raises:
        ConfigurationError: there is no secret key.
    """
    configure_logging(settings.log_level)
    watch = Watch(settings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    watch.start()
    while watch.alive and not stop.wait(ALIVE_S):
        pass
    watch.stop()
    return 0 if stop.is_set() else 1


def channels(settings: WatchSettings, secret: bytes) -> Mapping[Channel, SenderOf]:
    """The ways out that the settings name."""

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


def _now() -> datetime:
    return datetime.now(timezone.utc)
