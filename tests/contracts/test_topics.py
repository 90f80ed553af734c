"""Topic names are built and parsed in one place."""

from __future__ import annotations

import pytest

from contracts import topics
from contracts.errors import InvalidMessageError
from contracts.topics import KAFKA_TOPIC_OF_KIND, Kind


@pytest.mark.parametrize("kind", list(Kind))
def test_every_uplink_topic_parses_back(kind: Kind) -> None:
    parsed = topics.parse_uplink(topics.uplink("fjord-farm", "edge_1", kind))
    assert (parsed.site, parsed.device, parsed.kind) == ("fjord-farm", "edge_1", kind)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "shoal",
        "shoal/1/a/b",
        "shoal/2/a/b/readings",
        "shoal/1/a/b/pictures",
        "shoal/1/A B/b/readings",
        "x/1/a/b/readings",
    ],
)
def test_a_foreign_topic_is_refused_by_name(topic: str) -> None:
    with pytest.raises(InvalidMessageError, match="bad_topic"):
        topics.parse_uplink(topic)


def test_a_site_that_would_break_the_topic_is_refused() -> None:
    with pytest.raises(ValueError, match="site 'a/b' must match"):
        topics.uplink("a/b", "edge", Kind.READINGS)


def test_the_bridge_does_not_subscribe_to_what_it_publishes() -> None:
    kinds = {topic_filter.rsplit("/", 1)[1] for topic_filter in topics.uplink_kind_filters()}
    assert topics.committed("a", "b").rsplit("/", 1)[1] not in kinds


def test_every_kind_has_a_kafka_topic() -> None:
    assert set(KAFKA_TOPIC_OF_KIND) == set(Kind)


def test_shadow_and_job_topics_have_the_shape_of_aws_iot() -> None:
    thing = topics.thing_name("fjord-farm", "edge-1")
    assert topics.shadow(thing, "models", "update") == "$aws/things/fjord-farm.edge-1/shadow/name/models/update"
    assert topics.jobs(thing, "notify-next") == "$aws/things/fjord-farm.edge-1/jobs/notify-next"
