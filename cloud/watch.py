"""Composition root of the watch: it raises alarms for what has gone silent, advises on what is
unusual, and tells people of every alarm.

Runs beside the API; several may run. What it needs it reads from the database, so it works while Kafka is away.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import generate_latest
from psycopg import Connection

from cloud.abnormal.advisor import Advisor
from cloud.abnormal.store import Turning
from cloud.alarms.raising import NewAlarm, clear_alarm, raise_alarm
from cloud.alarms.source import StoredAlarms
from cloud.alarms.watcher import Watcher
from cloud.kit.logs import configure_logging
from cloud.metrics import WATCH_ALARMS
from cloud.notifications.channels import Sender
from cloud.notifications.channels.push import PushSender, PushServer
from cloud.notifications.channels.smtp import SmtpSender, SmtpServer
from cloud.notifications.channels.twilio import PhoneProvider, PhoneSender
from cloud.notifications.channels.webhook import WebhookSender
from cloud.notifications.links import Links, webhook_key
from cloud.notifications.notifier import Notifier, SenderOf
from cloud.notifications.queue import Claimed
from cloud.notifications.rules import Channel
from cloud.settings import WatchSettings, secret_key
from contracts.alarms import Severity
from contracts.probes import Condition, ProbeServer
from contracts.quantities import QUANTITIES

log = structlog.get_logger()

ALIVE_S = 1.0
"""How often the program looks whether its threads live."""


class Watch:
    """The watcher, the advisor and the notifier.

    Raises:
        ConfigurationError: there is no secret key.
    """

    def __init__(self, settings: WatchSettings) -> None:
        secret = secret_key(settings)
        senders = channels(settings, secret)
        url = settings.database_url.get_secret_value()
        links = Links(secret, settings.public_url)
        self._watcher = Watcher(url, now=_now)
        self._advisor = Advisor(url, alarms=AdvisedAlarms(), now=_now)
        self._notifier = Notifier(url, alarms=StoredAlarms(), senders=senders, links=links, now=_now)
        log.info(
            "watch_channels", channels=[channel.value for channel in senders], links=settings.public_url is not None
        )

    def start(self) -> None:
        """Start all three."""
        self._watcher.start()
        self._advisor.start()
        self._notifier.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End all three after what they are doing. Safe twice."""
        self._watcher.stop(timeout_s=timeout_s)
        self._advisor.stop(timeout_s=timeout_s)
        self._notifier.stop(timeout_s=timeout_s)

    @property
    def alive(self) -> bool:
        """Whether all three work."""
        return self._watcher.alive and self._advisor.alive and self._notifier.alive


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
    probes = ProbeServer(
        settings.watch_metrics_host,
        settings.watch_metrics_port,
        condition=lambda: Condition(alive=watch.alive, obstacles=()),
        metrics=generate_latest,
        field="watch_metrics_port",
    )
    probes.start()
    watch.start()
    while watch.alive and not stop.wait(ALIVE_S):
        pass
    watch.stop()
    probes.stop()
    return 0 if stop.is_set() else 1


class AdvisedAlarms:
    """Advice that a farm lets be an alarm: a minor one, on the path of all alarms."""

    def raise_(self, database: Connection[Any], advice: Turning, now: datetime) -> UUID:
        """Make advice an alarm; its limit is what is usual."""
        alarm = NewAlarm(
            site_id=advice.site_id,
            device_id=advice.device_id,
            unit_id=advice.unit_id,
            channel_id=advice.channel_id,
            subject=advice.channel,
            definition=f"{advice.quantity}.abnormal",
            severity=Severity.MINOR,
            since=advice.started_at,
            value=advice.value,
            limit=advice.expected,
            ucum=QUANTITIES[advice.quantity].ucum,
            quantity=advice.quantity,
            message=advice.text,
            action="Compare the chart with the day before. If this unit stands alone, measure by hand: it is its water or its probe.",
            source="the stream's own habit by time of day",
        )
        WATCH_ALARMS.labels(alarm.definition).inc()
        return raise_alarm(database, alarm, now=now, actor="advisor")

    def clear(self, database: Connection[Any], alarm_id: UUID, now: datetime) -> None:
        """The advice is over, shared, or no longer wanted as an alarm."""
        clear_alarm(database, alarm_id, now=now, actor="advisor")


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
    if settings.push_url is not None:
        token = settings.push_token
        push = PushSender(PushServer(settings.push_url, None if token is None else token.get_secret_value()))
        senders[Channel.PUSH] = lambda _: push
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
