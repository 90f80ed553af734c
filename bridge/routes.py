"""Routes as data: which topics are taken from the MQTT broker, and to which Kafka topic, key and headers they go.

    routes:
      - filter: shoal/1/+/+/readings        # exactly one route for every topic: filters may not overlap
        kafka_topic: sensor-data
        key: "{site}/{device}"              # or a field of the message: "{body.readings.0.unit}"
        headers: {origin: "{topic}"}

Everything is checked when the settings are read. Nothing here does I/O; ``bridge.steps.route`` applies a route.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contracts.envelope import Body
from contracts.errors import InvalidMessageError
from contracts.topics import KAFKA_TOPIC_OF_KIND, KafkaTopic, Kind, parse_uplink, uplink_kind_filters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DEFAULT_KEY = "{site}/{device}"
_NAMES = ("site", "device", "kind", "topic")
_OF_ENVELOPE = ("boot", "stream", "seq")
_HEADER = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
_UPLINK_LEVELS = 5


class Route(BaseModel):
    """One line of the table. Frozen; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    filter: str
    """MQTT filter of uplink topics; ``+`` stands for any site or device, the kind is always named."""
    kafka_topic: str = Field(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")
    """One of ours, or one that the setting ``kafka_topics`` names: a typing error must not create a topic."""
    key: str = DEFAULT_KEY
    """Template of the record key; messages of one key keep their order."""
    headers: dict[str, str] = Field(default_factory=dict, max_length=16)
    """Record headers, name to template."""

    @field_validator("filter")
    @classmethod
    def _of_uplink_topics(cls, value: str) -> str:
        example = uplink_kind_filters()[0]
        levels = value.split("/")
        if len(levels) != _UPLINK_LEVELS or levels[-1] in ("+", "#"):
            message = f"a route's filter has five levels and names its kind, such as {example}"
            raise ValueError(message)
        try:
            parse_uplink(
                "/".join("any" if level == "+" and place in (2, 3) else level for place, level in enumerate(levels))
            )
        except InvalidMessageError as error:
            message = f"{error.detail}; write it like {example}"
            raise ValueError(message) from None
        return value

    @field_validator("key")
    @classmethod
    def _key_has_known_places(cls, value: str) -> str:
        if not value:
            raise ValueError("an empty key would lose the order of a device's messages")
        return _checked(value)

    @field_validator("headers")
    @classmethod
    def _headers_have_known_places(cls, value: dict[str, str]) -> dict[str, str]:
        for name, template in value.items():
            if not _HEADER.match(name):
                message = f"header {name!r} must match {_HEADER.pattern}"
                raise ValueError(message)
            _checked(template)
        return value

    @property
    def kind(self) -> Kind:
        """The kind that this route carries."""
        return Kind(self.filter.rpartition("/")[2])


def default_routes() -> tuple[Route, ...]:
    """Each kind to its Kafka topic, keyed by device."""
    return tuple(
        Route(filter=topic_filter, kafka_topic=KAFKA_TOPIC_OF_KIND[kind].value)
        for kind, topic_filter in zip(Kind, uplink_kind_filters(), strict=True)
    )


def check_table(routes: Sequence[Route], extra_topics: Iterable[str]) -> None:
    """Check what no single route can know.

    Raises:
        ValueError: ``routes...: remedy`` for an unknown Kafka topic, or two filters that one topic matches both.
    """
    known = {topic.value for topic in KafkaTopic} | set(extra_topics)
    for index, route in enumerate(routes):
        if route.kafka_topic not in known:
            message = (
                f"routes.{index}.kafka_topic: {route.kafka_topic!r} is none of {', '.join(sorted(known))}; "
                "name it in kafka_topics too if it is yours"
            )
            raise ValueError(message)
        for other in routes[:index]:
            if overlap(route.filter, other.filter):
                message = (
                    f"routes.{index}.filter: {route.filter} overlaps {other.filter}; a message needs one way to go"
                )
                raise ValueError(message)


def overlap(first: str, second: str) -> bool:
    """Whether some topic matches both filters."""
    a, b = first.split("/"), second.split("/")
    for one, other in zip(a, b, strict=False):
        if "#" in (one, other):
            return True
        if one != other and "+" not in (one, other):
            return False
    longer = a if len(a) > len(b) else b  # "a/#" matches "a" itself
    return len(a) == len(b) or (abs(len(a) - len(b)) == 1 and longer[-1] == "#")


def matches(topic_filter: str, topic: str) -> bool:
    """Whether ``topic``, which has no wildcards, matches the filter."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):  # [MQTT-4.7.2-1]
        return False
    return overlap(topic_filter, topic)


def places(template: str) -> tuple[tuple[str, str | None], ...]:
    """The template as (literal text, place or None) pairs.

    Raises:
        ValueError: braces that do not pair, or a place with a format or a conversion.
    """
    parts = []
    for literal, place, form, conversion in Formatter().parse(template):
        if form or conversion or place == "":
            message = f"{template!r}: write a place as {{name}}, with nothing else in the braces"
            raise ValueError(message)
        parts.append((literal, place))
    return tuple(parts)


def body_reader(path: str) -> Callable[[Any], Any]:
    """A function that finds ``path`` (``readings.0.unit``) in a typed body; LookupError when it is not there."""
    steps = path.split(".")

    def read(body: Any) -> Any:
        for step in steps:
            if isinstance(body, (tuple, list)) and step.isdigit():
                body = body[int(step)]
            elif isinstance(body, dict):
                body = body[step]
            elif isinstance(body, BaseModel) and hasattr(body, step):
                body = getattr(body, step)
            else:
                raise LookupError(step)
        if body is None or isinstance(body, (BaseModel, tuple, list, dict)):
            raise LookupError(path)
        return body

    return read


def _checked(template: str) -> str:
    for _, place in places(template):
        if place is None or place in _NAMES or place in _OF_ENVELOPE:
            continue
        first = place.removeprefix("body.").partition(".")[0]
        if not place.startswith("body.") or first not in _BODY_FIELDS:
            known = ", ".join((*_NAMES, *_OF_ENVELOPE))
            message = (
                f"{{{place}}} is unknown; write one of {known}, or body.<field> ({', '.join(sorted(_BODY_FIELDS))})"
            )
            raise ValueError(message)
    return template


_BODY_FIELDS = frozenset(name for model in get_args(get_args(Body)[0]) for name in model.model_fields)
