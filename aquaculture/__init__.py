"""Aquaculture science and rules as pure functions and state machines, shared by edge and cloud.

No I/O, no clock: ``now`` is an argument. Each formula cites its source, states its range and refuses input outside it.
"""
