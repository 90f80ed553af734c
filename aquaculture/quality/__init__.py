"""How far a single reading can be trusted: streaming tests after QARTOD, pure, with memory of fixed size.

``ChannelQuality`` judges one channel in the order of observation, ``PeerQuality`` the probes of one quantity in one unit
against each other. Each judgement costs the same whatever came before. Source of the tests: IOOS QARTOD Manual for Real-Time
Quality Control of Dissolved Oxygen Observations, version 2.1 (2018); the numbers are data in ``thresholds.csv``.
"""

from aquaculture.quality.channel import ChannelQuality
from aquaculture.quality.peers import PeerQuality
from aquaculture.quality.thresholds import QualityLimits, default_limits_for
from aquaculture.quality.verdict import GOOD, Verdict, verdict_of

__all__ = [
    "GOOD",
    "ChannelQuality",
    "PeerQuality",
    "QualityLimits",
    "Verdict",
    "default_limits_for",
    "verdict_of",
]
