"""How many dead letters may be made, and what message a letter is when it is put back. No clock and no database."""

from __future__ import annotations

from pydantic_core import from_json

from contracts.dead_letters import DeadLetter
from contracts.devices import Status
from contracts.envelope import Envelope, decode
from contracts.errors import InvalidMessageError
from contracts.topics import Kind, UplinkTopic, parse_uplink

MADE_HERE = frozenset({"store", "predict"})
"""Stages behind Kafka: their letters may name a place in Kafka, so that only the message tells whose it is."""


def again(letter: DeadLetter) -> Envelope | Status:
    """The letter's message as today's program reads it, under the name of the letter (decision 0010).

    Raises:
        InvalidMessageError: it is refused again, with today's reason.
    """
    topic = _topic(letter)
    message = decode(letter.payload, topic.kind)
    if (message.site, message.device) != (topic.site, topic.device):
        raise InvalidMessageError(
            "identity_mismatch",
            f"topic belongs to {topic.site}/{topic.device}, message claims {message.site}/{message.device}",
        )
    if isinstance(message, Status):
        return message
    return message.model_copy(update={"stream": f"replay-{letter.id[:32]}", "seq": 1, "backfill": True})


def _topic(letter: DeadLetter) -> UplinkTopic:
    try:
        return parse_uplink(letter.origin)
    except InvalidMessageError as error:
        if letter.stage not in MADE_HERE:
            raise InvalidMessageError(
                error.reason, f"{error.detail}; if an adapter of the bridge reads it: shoal bridge replay"
            ) from error
    try:
        raw = from_json(letter.payload)
        kind = Kind(raw["body"]["type"]) if "body" in raw else Kind.STATUS
        return UplinkTopic(str(raw["site"]), str(raw["device"]), kind)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidMessageError("bad_json", f"the message does not say what it is: {error!r}") from error


class LetterLimit:
    """Token bucket that may go into debt: what is refused is refused, and the next batch waits for it.

    Args:
        rate_per_s: letters per second in the long run.
        burst: letters that may come at once.
    """

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at: float | None = None

    def spend(self, letters: int, now: float) -> None:
        """Letters have been made; ``now`` is monotonic."""
        self._refill(now)
        self._tokens -= letters

    def wait_s(self, now: float) -> float:
        """Seconds until the debt is paid; 0 when more may be taken."""
        self._refill(now)
        return max(0.0, -self._tokens / self._rate_per_s)

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate_per_s)
        self._at = now
