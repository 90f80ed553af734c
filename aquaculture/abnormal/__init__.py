"""What a stream usually is at this time of day, and when it is not: advice for people, never a reason to act by itself.

``stream`` judges the buckets of one stream against its ``memory``; ``neighbours`` asks whether other units moved too, and says
it in words; ``notable`` is which deviations of which quantity are worth telling.
"""

from aquaculture.abnormal.neighbours import Neighbour, explain, moved_too
from aquaculture.abnormal.notable import TUNINGS
from aquaculture.abnormal.stream import Judgement, State, Stream, Tuning

__all__ = ["TUNINGS", "Judgement", "Neighbour", "State", "Stream", "Tuning", "explain", "moved_too"]
