"""The steps of one message in their order: (adapt |) decode -> authorize -> route. Used by the uplink and by replay.

The steps are pure; the one thing that lasts is the number of an adapted message (``commit`` makes it durable).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import structlog

from bridge.dead_letter import dead_letter
from bridge.errors import NumbersUnavailableError
from bridge.numbers import Numbers
from bridge.sink import Routed
from bridge.steps.adapt import adapt, mapping_of, number
from bridge.steps.authorize import authorize
from bridge.steps.decode import decode
from bridge.steps.route import Router
from contracts.envelope import encode
from contracts.errors import InvalidMessageError

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.adapters import Mapping
    from bridge.dead_letter import Stage
    from bridge.settings import BridgeSettings
    from contracts.devices import Status
    from contracts.envelope import Envelope
    from contracts.topics import UplinkTopic

log = structlog.get_logger()

NUMBERS_FILE = "numbers.db"


class Walk:
    """What the settings make of a message. Used from one thread at a time.

    Args:
        settings: routes and mappings.
        typed: whether ``Routed`` carries the message as objects too. A sink that takes bytes does without: thousands of
            objects in flight cost the garbage collector as much as all the steps together.

    Raises:
        ConfigurationError: the numbers of adapted messages cannot be kept in ``state_dir``.
    """

    def __init__(self, settings: BridgeSettings, *, typed: bool = True) -> None:
        self._typed = typed
        self._router = Router(settings.routes)
        self._mappings = settings.mappings
        self._max_bytes = settings.dead_letter_max_bytes
        self._boot = f"bridge-{uuid.uuid4().hex[:16]}"
        self._numbers: Numbers | None = None
        if self._mappings and settings.state_dir is not None:
            self._numbers = Numbers(settings.state_dir / NUMBERS_FILE)

    def one(self, topic: str, payload: bytes, received_at: datetime) -> Routed:
        """Where the message goes; a message that cannot be understood goes to dead letters.

        Raises:
            NumbersUnavailableError: an adapted message cannot be numbered now; walk all since ``commit`` again.
        """
        stage: Stage = "decode"
        try:
            mapping = mapping_of(self._mappings, topic) if self._mappings else None
            if mapping is None:
                uplink, message = decode(topic, payload)
            else:
                uplink, message = self._adapted(mapping, topic, payload, received_at)
            value = payload if mapping is None else encode(message)
            stage = "authorize"
            authorize(uplink, message)
            stage = "route"
            to = self._router.route(uplink, message)
        except InvalidMessageError as error:
            return self.refuse(topic, payload, received_at, stage=stage, error=error)
        except NumbersUnavailableError:
            raise
        except Exception as error:
            log.exception("uplink.step_failed", stage=stage, topic=topic)
            internal = InvalidMessageError("internal_error", repr(error))
            return self.refuse(topic, payload, received_at, stage=stage, error=internal)
        return Routed(to.topic, to.key, value, message if self._typed else None, topic, received_at, to.headers)

    def refuse(
        self,
        topic: str,
        payload: bytes,
        received_at: datetime,
        *,
        stage: Stage,
        error: InvalidMessageError,
        max_bytes: int = 0,
    ) -> Routed:
        """The dead letter of a message."""
        return dead_letter(
            topic, payload, received_at, stage=stage, error=error, max_bytes=max_bytes or self._max_bytes
        )

    def commit(self) -> None:
        """What was walked may go to the sink: its numbers are durable when this returns."""
        if self._numbers is not None:
            self._numbers.commit()

    def close(self) -> None:
        """Close what is open. Safe twice."""
        if self._numbers is not None:
            self._numbers.close()

    def _adapted(
        self, mapping: Mapping, topic: str, payload: bytes, received_at: datetime
    ) -> tuple[UplinkTopic, Envelope | Status]:
        adapted = adapt(mapping, topic, payload, received_at)
        if self._numbers is None:  # the settings do not allow it
            raise InvalidMessageError("internal_error", "adapted messages need a state_dir")
        seq = self._numbers.number(adapted.source, adapted.identity)
        return adapted.uplink, number(adapted, counter=self._numbers.counter, seq=seq, boot=self._boot)
