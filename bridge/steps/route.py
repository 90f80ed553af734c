"""Where a message goes: its route's Kafka topic, and the key and headers that the route's templates make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.routes import body_reader, matches, places
from contracts.envelope import Envelope
from contracts.errors import InvalidMessageError
from contracts.topics import uplink as topic_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.routes import Route
    from contracts.devices import Status
    from contracts.topics import UplinkTopic

Headers: TypeAlias = tuple[tuple[str, bytes], ...]
_TOPICS_MAX = 8192


@dataclass(frozen=True, slots=True)
class Destination:
    """Kafka topic, record key and record headers of one message."""

    topic: str
    key: bytes
    headers: Headers = ()


class Router:
    """The table of routes, compiled. Remembers the route of each topic: a farm has few and sends millions on them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [(route.filter, _Way(route)) for route in routes]
        self._known: dict[UplinkTopic, _Way] = {}

    def route(self, uplink: UplinkTopic, message: Envelope | Status) -> Destination:
        """Where ``message``, which arrived on ``uplink``, goes.

        Raises:
            InvalidMessageError: ``no_route`` when no filter matches (any more), ``no_key`` when a template names a
                field that this message does not have.
        """
        way = self._known.get(uplink) or self._find(uplink)
        return way.to(uplink, message)

    def _find(self, uplink: UplinkTopic) -> _Way:
        topic = _topic_of(uplink)
        for topic_filter, way in self._routes:
            if matches(topic_filter, topic):
                if len(self._known) >= _TOPICS_MAX:  # a bound against senders that invent topics
                    self._known.clear()
                self._known[uplink] = way
                return way
        raise InvalidMessageError("no_route", f"no route of the configuration matches {topic}")


def key_of(site: str, device: str) -> bytes:
    """Record key of everything that belongs to one device: ``site/device``."""
    return f"{site}/{device}".encode()


class _Way:
    """One route with its templates ready; those that need the topic alone are filled once per topic."""

    def __init__(self, route: Route) -> None:
        self._topic = route.kafka_topic
        self._key = _Template(route.key)
        self._headers = tuple((name, _Template(template)) for name, template in route.headers.items())
        self._constant = self._key.of_topic and all(template.of_topic for _, template in self._headers)
        self._filled: dict[UplinkTopic, Destination] = {}

    def to(self, uplink: UplinkTopic, message: Envelope | Status) -> Destination:
        if not self._constant:
            return self._fill(uplink, message)
        known = self._filled.get(uplink)
        if known is None:
            if len(self._filled) >= _TOPICS_MAX:
                self._filled.clear()
            known = self._filled[uplink] = self._fill(uplink, message)
        return known

    def _fill(self, uplink: UplinkTopic, message: Envelope | Status) -> Destination:
        headers = tuple((name, template.fill(uplink, message)) for name, template in self._headers)
        return Destination(self._topic, self._key.fill(uplink, message), headers)


class _Template:
    def __init__(self, template: str) -> None:
        self._template = template
        self._parts = [(literal, _reader(place)) for literal, place in places(template)]
        self.of_topic = all(place in (None, *_OF_TOPIC) for _, place in places(template))

    def fill(self, uplink: UplinkTopic, message: Envelope | Status) -> bytes:
        try:
            filled = "".join(literal + str(read(uplink, message)) for literal, read in self._parts)
        except (LookupError, AttributeError) as error:
            raise InvalidMessageError("no_key", f"{self._template}: the message has no {error}") from error
        return filled.encode()


def _topic_of(uplink: UplinkTopic) -> str:
    return topic_of(uplink.site, uplink.device, uplink.kind)


_OF_TOPIC: dict[str, Callable[[Any, Any], Any]] = {
    "site": lambda uplink, _: uplink.site,
    "device": lambda uplink, _: uplink.device,
    "kind": lambda uplink, _: uplink.kind.value,
    "topic": lambda uplink, _: _topic_of(uplink),
}


def _reader(place: str | None) -> Callable[[Any, Any], Any]:
    if place is None:
        return lambda *_: ""
    if place in _OF_TOPIC:
        return _OF_TOPIC[place]
    if not place.startswith("body."):
        return lambda _, message: getattr(message, place)
    read = body_reader(place.removeprefix("body."))

    def of_body(_uplink: UplinkTopic, message: Envelope | Status) -> Any:
        return read(message.body if isinstance(message, Envelope) else message)

    return of_body
