"""The edge agent: sensors and cameras in, alarms and messages out, nothing accepted is lost.

One process on one box at the tanks. It needs no network to measure, to alarm and to show its local page; what must reach
the cloud waits in the outbox until the store has committed it.
"""

from __future__ import annotations

__version__ = "0.1.0"
