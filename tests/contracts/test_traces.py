"""Box and store name the trace of a message alike, without telling each other."""

from __future__ import annotations

import re

import pytest

from contracts.topics import Kind
from contracts.traces import traceparent_of

STREAM = "2f1c0f3a9d8e4b7c"


def test_a_message_that_is_sent_again_goes_on_in_its_trace() -> None:
    name = traceparent_of(STREAM, 7, Kind.READINGS, share=1)
    assert name == traceparent_of(STREAM, 7, Kind.READINGS, share=1)
    assert name is not None
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", name)
    others = {traceparent_of(STREAM, seq, Kind.READINGS, share=1) for seq in range(100)}
    assert len(others) == 100


def test_the_name_never_changes_so_that_old_boxes_and_a_new_store_agree() -> None:
    assert traceparent_of("stream-0001", 1, Kind.READINGS, share=1) == (
        "00-86f506152a0d216aad4a3db2c0cc08a2-f50fb0d350967e6a-01"
    )


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.05, 60, 140), (1.0, 2000, 2000)])
def test_about_the_share_is_traced_and_alarms_always_unless_nothing_is(share: float, least: int, most: int) -> None:
    traced = [traceparent_of(STREAM, seq, Kind.READINGS, share=share) for seq in range(2000)]
    assert least <= sum(name is not None for name in traced) <= most
    alarms = [traceparent_of(STREAM, seq, Kind.ALARMS, share=share) for seq in range(100)]
    assert sum(name is not None for name in alarms) == (100 if share else 0)


def test_who_traces_more_traces_what_the_others_do_and_more() -> None:
    few = {seq for seq in range(2000) if traceparent_of(STREAM, seq, Kind.HEALTH, share=0.1)}
    many = {seq for seq in range(2000) if traceparent_of(STREAM, seq, Kind.HEALTH, share=0.2)}
    assert few < many
