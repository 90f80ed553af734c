"""From open alarms to sent messages: plan, write down, deliver. One round a second; every round starts from the database.

What is an open alarm and what it says comes from outside (``AlarmSource``): this feature knows people and channels alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog
import yaml
from psycopg import Connection

from cloud.kit.own_thread import OwnThread
from cloud.metrics import NOTIFICATIONS
from cloud.notifications import queue
from cloud.notifications.channels import DeliveryError, Sender
from cloud.notifications.links import Link, Links
from cloud.notifications.messages import Message
from cloud.notifications.queue import Claimed, SiteInfo
from cloud.notifications.rules import Channel, Ladder, OpenAlarm, plan, self_test_due
from contracts.alarms import Severity

log = structlog.get_logger()

ROUND_S = 1.0
RETRY_S = 5.0
TESTS_EVERY = timedelta(minutes=1)
"""How often sites are looked at for their weekly test."""


@dataclass(frozen=True)
class Described:
    """What people are told of an alarm."""

    severity: Severity
    title: str
    action: str
    at: datetime
    detail: dict[str, Any]


class AlarmSource(Protocol):
    """Where alarms come from."""

    def open(self, database: Connection[Any]) -> list[OpenAlarm]:
        """Alarms that are active and that nobody has taken on or shelved."""
        ...

    def cleared(self, database: Connection[Any], alarm_ids: Collection[UUID]) -> list[UUID]:
        """Those of these that are over."""
        ...

    def describe(self, database: Connection[Any], alarm_id: UUID) -> Described | None:
        """What to tell; None when there is no such alarm any more."""
        ...


SenderOf = Callable[[Claimed], Sender]
"""The sender for one message; a webhook's depends on its contact."""


@lru_cache(maxsize=1)
def shipped_ladders() -> dict[Severity, Ladder]:
    """``ladders.yaml``."""
    text = resources.files("cloud.notifications").joinpath("ladders.yaml").read_text(encoding="utf-8")
    return {Severity(name): Ladder.model_validate(ladder) for name, ladder in yaml.safe_load(text).items()}


class Notifier(OwnThread):
    """Plans and delivers. What is being sent when it stops may be sent again at the next start.

    Args:
        senders: by channel; what is missing here is not planned.
        now: wall clock in UTC.
    """

    def __init__(
        self,
        database_url: str,
        *,
        alarms: AlarmSource,
        senders: Mapping[Channel, SenderOf],
        links: Links,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__("notifier")
        self._url = database_url
        self._alarms = alarms
        self._senders = senders
        self._links = links
        self._now = now
        self._next_tests = now()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; a database that is away is waited for."""
        with ThreadPoolExecutor(queue.BATCH, thread_name_prefix="notify") as pool:
            while not stop.is_set():
                self._serve(pool, stop)

    def _serve(self, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        """Rounds on one connection, until it breaks."""
        try:
            with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as database:
                while not stop.wait(ROUND_S):
                    self.round(database, pool)
        except psycopg.Error as error:
            log.warning("notifier_waits", error=str(error).strip(), retry_s=RETRY_S)
            stop.wait(RETRY_S)
        except Exception:
            log.exception("notifier_failed", retry_s=RETRY_S)
            stop.wait(RETRY_S)

    def round(self, database: Connection[Any], pool: ThreadPoolExecutor) -> int:
        """Plan what is due and deliver what waits; returns how many messages the other side has taken."""
        with database.transaction():
            self._plan(database)
        taken = 0
        while claimed := queue.claim(database, self._now()):
            sites = queue.sites(database)
            work = [(each, self._message(database, each, sites.get(each.site_id))) for each in claimed]
            # Delivery waits for other machines; the database is used by this thread alone.
            for each, outcome in zip(claimed, pool.map(self._deliver, work), strict=True):
                taken += self._note(database, each, outcome)
            if len(claimed) < queue.BATCH:
                break
        return taken

    def _plan(self, database: Connection[Any]) -> None:
        now = self._now()
        alarms = self._alarms.open(database)
        still_open = [alarm.id for alarm in alarms]
        sites = queue.sites(database) if alarms or now >= self._next_tests else {}
        for site_id in {alarm.site_id for alarm in alarms}:
            roster = queue.roster(database, sites[site_id], list(self._senders))
            ladders = queue.ladders(database, site_id, shipped_ladders())
            for alarm in alarms:
                if alarm.site_id == site_id:
                    planned = plan(alarm, ladders[alarm.severity], roster, now)
                    queue.add(database, site_id, "alarm", planned, now)
        queue.cancel(database, still_open, now)
        told = queue.told_and_not_yet_relieved(database, still_open, now)
        for alarm_id in self._alarms.cleared(database, told) if told else ():
            queue.add_relief(database, alarm_id, now)
        if now >= self._next_tests:
            self._next_tests = now + TESTS_EVERY
            self._plan_tests(database, sites.values(), now)

    def _plan_tests(self, database: Connection[Any], sites: Iterable[SiteInfo], now: datetime) -> None:
        for site in sites:
            due_at = self_test_due(queue.last_self_test(database, site.id), now, site.timezone)
            if due_at is not None:
                people = queue.roster(database, site, list(self._senders)).people.values()
                queue.add_self_test(database, site.id, list(people), due_at, now)

    def _message(self, database: Connection[Any], claimed: Claimed, site: SiteInfo | None) -> Message | None:
        if site is None:
            return None
        link = None
        if claimed.kind == "self_test":
            told: Described | None = Described(
                Severity.WARNING,
                "Test of the alarm path: please confirm that you got this",
                "Open the link. If it does not come by every way you expect, tell whoever runs Shoal.",
                claimed.due_at,
                {},
            )
            link = self._links.url(Link("self_test", claimed.id, claimed.contact_id), self._now())
        elif claimed.kind == "rollout":
            told = _of_rollout(claimed)
        elif claimed.alarm_id is None:
            return None
        else:
            told = self._alarms.describe(database, claimed.alarm_id)
            if claimed.kind == "alarm":
                link = self._links.url(Link("alarm", claimed.alarm_id, claimed.contact_id), self._now())
        if told is None:
            return None
        over = claimed.kind == "cleared"
        return Message(
            id=claimed.id,
            kind=claimed.kind,
            site=site.name,
            severity=told.severity.value,
            title=f"Over: {told.title}" if over else told.title,
            action="" if over else told.action,
            at=told.at,
            timezone=site.timezone,
            link=link,
            detail={"site_slug": site.slug, **told.detail},
        )

    def _deliver(self, work: tuple[Claimed, Message | None]) -> str | DeliveryError:
        claimed, message = work
        make = self._senders.get(Channel(claimed.channel))
        if message is None or claimed.address is None or make is None:
            return DeliveryError("the alarm, the address or the channel is gone", permanent=True)
        try:
            return make(claimed).send(message, claimed.address)
        except DeliveryError as error:
            return error
        except Exception as error:
            log.exception("notification_fault", channel=claimed.channel)
            return DeliveryError(f"{type(error).__name__}: {error}", permanent=False)

    def _note(self, database: Connection[Any], claimed: Claimed, outcome: str | DeliveryError) -> bool:
        if isinstance(outcome, str):
            queue.sent(database, claimed.id, outcome, self._now())
            NOTIFICATIONS.labels(claimed.channel, "sent").inc()
            log.info("notification_sent", channel=claimed.channel, kind=claimed.kind, notification=str(claimed.id))
            return True
        given_up = queue.not_sent(database, claimed, str(outcome), self._now(), permanent=outcome.permanent)
        NOTIFICATIONS.labels(claimed.channel, "failed" if given_up else "retried").inc()
        log.warning(
            "notification_failed",
            channel=claimed.channel,
            attempt=claimed.attempts,
            given_up=given_up,
            reason=str(outcome),
        )
        return False


def _of_rollout(claimed: Claimed) -> Described | None:
    """For programs: how a rollout stands."""
    told = claimed.told
    if told is None:
        return None
    bad = told["status"] in {"refused", "paused", "rolling_back", "rolled_back"}
    title = f"Rollout {told['name']} ({told['model']} {told['version']}): {told['status'].replace('_', ' ')}"
    detail = {"rollout": told}
    return Described(Severity.MINOR if bad else Severity.WARNING, title, told["reason"], claimed.due_at, detail)
