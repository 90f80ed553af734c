"""The trace of a message (W3C Trace Context), which follows from its identity, so that box and store name it alike.

A message that is sent again goes on in its trace, and nobody has to keep anything for that. Brokers with user properties
(MQTT 5) carry it as ``traceparent``; behind one without, the store finds the same name by itself (decision 0081).
"""

from __future__ import annotations

import hashlib

from contracts.topics import Kind

TRACEPARENT = "traceparent"
"""Name of the user property of MQTT 5 and of the header of Kafka."""


def traceparent_of(stream: str, seq: int, kind: Kind, *, share: float) -> str | None:
    """The ``traceparent`` of the message (version 00, sampled), or None where it is not one of those that are traced.

    Args:
        stream: the outbox that counts, as in the envelope.
        seq: the message's number in it.
        kind: alarms are always traced, unless nothing is.
        share: part of the other messages that is traced, from 0 to 1. It is decided by the trace's name, as the sampler
            ``traceidratio`` of OpenTelemetry does, so that everybody with the same share chooses the same ones.
    """
    digest = hashlib.blake2b(f"{stream}/{seq}".encode(), digest_size=24).digest()
    trace, span = digest[:16], digest[16:]
    chosen = share > 0 and (kind is Kind.ALARMS or int.from_bytes(trace[8:], "big") < round(share * 2**64))
    return f"00-{trace.hex()}-{span.hex()}-01" if chosen else None
