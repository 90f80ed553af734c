"""Commands from the cloud: read, checked, done at most once, answered. They ask; the guard's rules decide.

A command is accepted in the network thread and done in a thread of its own. What was done is remembered by its id with the
answer, in one transaction, so a repeat gets no second action, over restarts too. An answer is an event in the outbox.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
from pydantic import ValidationError

from contracts.commands import COMMAND_RESULT, Command, CommandOutcome
from contracts.devices import DeviceEvent, EventBatch
from edge.clock import Clock
from edge.errors import ActuationRefusedError, CommandRefusedError, OutboxUnavailableError
from edge.outbox.store import Draft, Outbox

log = structlog.get_logger()

STATE_PREFIX = "command:"
WAITING_MAX = 50
"""Commands that wait to be done; beyond it new ones are refused."""
REMEMBERED = 4000
"""Ids of commands that are kept, the newest; more than can be done within the longest time to live."""
LONGEST_LIFE = timedelta(hours=1)
"""A command that asks for a longer life is refused: it would act on water that nobody has seen."""
PER_MINUTE = 30
"""Commands done in a minute; a program gone wild must not wear out relays."""
RETRY_S = 1.0
_BEGUN = "begun "


@dataclass(frozen=True)
class Done:
    """What happened, in words, and what of it a program should know."""

    reason: str
    detail: Mapping[str, str] = field(default_factory=dict)


Action: TypeAlias = Callable[[Command], "str | Done"]
"""Does a command and returns what happened; raises CommandRefusedError when it must not be done."""


@dataclass(frozen=True)
class Received:
    """A command and when it came, on the clock that never jumps."""

    command: Command
    at_s: float


def why_not(
    received: Received, *, site: str, device: str, now: datetime, trusted: bool, now_s: float
) -> tuple[CommandOutcome, str] | None:
    """Why a command must not be done any more, or not here; None when it may. Pure.

    Without the time a box can only count from the moment of receipt: the command then lives as long as it was given.
    """
    command = received.command
    life = command.expires_at - command.issued_at
    if (command.site, command.device) != (site, device):
        return CommandOutcome.REFUSED, f"it is for {command.site}/{command.device}"
    if life > LONGEST_LIFE:
        return CommandOutcome.REFUSED, f"its time to live of {life} is longer than {LONGEST_LIFE}"
    if life <= timedelta(0):
        return CommandOutcome.REFUSED, "it expires before it was issued"
    if trusted and now >= command.expires_at:
        return CommandOutcome.EXPIRED, f"it expired at {command.expires_at:%H:%M:%S} UTC"
    if timedelta(seconds=now_s - received.at_s) >= life:
        return CommandOutcome.EXPIRED, "it waited longer than it was meant to live"
    return None


class CommandDesk:
    """Takes commands for one device.

    Args:
        actions: what each name of a command does; a name without an action is refused.
        observe_latency: gets the seconds from the receipt of a command to its end.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        site: str,
        device: str,
        clock: Clock,
        actions: Mapping[str, Action],
        observe_latency: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._observe_latency = observe_latency
        self._outbox = outbox
        self._site, self._device = site, device
        self._clock = clock
        self._actions = dict(actions)
        self._waiting: deque[Received] = deque()
        self._arrived = threading.Event()
        self._done_s: deque[float] = deque(maxlen=PER_MINUTE)
        self._answers: deque[tuple[str, DeviceEvent]] = deque()
        kept = outbox.state(STATE_PREFIX)
        self._known = dict.fromkeys(sorted(kept, key=lambda key: kept[key].removeprefix(_BEGUN)))
        """Keys of remembered commands, oldest first."""
        for key, text in kept.items():
            if text.startswith(_BEGUN):
                self._put_answer(key, None, CommandOutcome.FAILED, "the agent ended while it did this")

    def hear(self, _topic: str, payload: bytes) -> None:
        """Take one message of the commands topic; returns at once."""
        try:
            command = Command.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            log.warning("command.not_understood", field=where, reason=first["msg"])
            return
        if len(self._waiting) >= WAITING_MAX:
            log.warning("command.too_many", id=str(command.id))
            return
        self._waiting.append(Received(command, self._clock.monotonic()))
        self._arrived.set()

    def run(self, stop: threading.Event) -> None:
        """Do commands until ``stop`` is set."""
        while not stop.is_set():
            self._arrived.wait(0.5)
            self._arrived.clear()
            try:
                self.work()
            except OutboxUnavailableError as error:
                log.warning("command.not_recorded", reason=str(error), waiting=len(self._waiting))
                stop.wait(RETRY_S)

    def work(self) -> None:
        """Do what waits, and answer.

        Raises:
            OutboxUnavailableError: the rest stays for the next try.
        """
        self._send_answers()
        while self._waiting:
            self._do(self._waiting[0])
            self._waiting.popleft()
            self._send_answers()

    def _do(self, received: Received) -> None:
        command, key = received.command, STATE_PREFIX + str(received.command.id)
        if key in self._known:
            log.info("command.repeated", id=str(command.id))
            return
        now_s = self._clock.monotonic()
        refusal = why_not(
            received,
            site=self._site,
            device=self._device,
            now=self._clock.now(),
            trusted=self._clock.trusted(),
            now_s=now_s,
        )
        if refusal is not None:
            self._put_answer(key, command, *refusal)
        elif len(self._done_s) == PER_MINUTE and now_s - self._done_s[0] < 60:  # noqa: PLR2004  (a minute)
            self._put_answer(key, command, CommandOutcome.REFUSED, f"more than {PER_MINUTE} commands within a minute")
        elif command.name not in self._actions:
            self._put_answer(key, command, CommandOutcome.REFUSED, f"this box does not know {command.name!r}")
        else:
            # Remembered before it is done: an agent that ends in between answers "failed" and never does it twice.
            self._persist(key, _BEGUN)
            self._done_s.append(now_s)
            self._put_answer(key, command, *self._acted(command))
            self._observe_latency(self._clock.monotonic() - received.at_s)

    def _acted(self, command: Command) -> tuple[CommandOutcome, str | Done]:
        try:
            return CommandOutcome.DONE, self._actions[command.name](command)
        except (CommandRefusedError, ActuationRefusedError) as error:
            return CommandOutcome.REFUSED, str(error)
        except Exception as error:  # whatever an action does wrong, the next command must be heard
            log.exception("command.failed", id=str(command.id), name=command.name)
            return CommandOutcome.FAILED, f"{type(error).__name__}: {error}"

    def _put_answer(self, key: str, command: Command | None, outcome: CommandOutcome, told: str | Done) -> None:
        done = told if isinstance(told, Done) else Done(told)
        reason = done.reason
        name = command.name if command is not None else "command"
        identity = key.removeprefix(STATE_PREFIX)
        log.info("command.result", id=identity, name=name, outcome=outcome.value, reason=reason)
        detail = {**done.detail, "id": identity, "outcome": outcome.value, "reason": reason[:500]}
        if command is not None:
            detail |= {"name": command.name, "target": command.target or "", "by": command.issued_by[:100]}
        message = f"{name}: {outcome.value}, {reason}"[:1000]
        event = DeviceEvent(name=COMMAND_RESULT, occurred_at=self._clock.now(), message=message, detail={**detail})
        self._answers.append((key, event))

    def _send_answers(self) -> None:
        while self._answers:
            key, event = self._answers[0]
            self._persist(key, "", [Draft.of(EventBatch(events=(event,)))])
            self._answers.popleft()

    def _persist(self, key: str, prefix: str, drafts: Sequence[Draft] = ()) -> None:
        """Remember this command, with what is sent about it, and forget the oldest."""
        forget = [known for known in self._known if known != key][: max(0, len(self._known) + 1 - REMEMBERED)]
        self._outbox.accept(drafts, state={**dict.fromkeys(forget), key: prefix + self._clock.now().isoformat()})
        for old in forget:
            del self._known[old]
        self._known.setdefault(key)
